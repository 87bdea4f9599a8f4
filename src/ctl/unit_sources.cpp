#include "ctl/unit_sources.h"

#include "base/text.h"
#include "config/written.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace swathe::ctl {
namespace {

std::string_view stem_of(std::string_view name) { return name.substr(0, name.rfind('.')); }

bool is_called(const SourceList& list, std::string_view name) {
    if (name.empty()) return false; // of the daemon's file no service is told
    const auto same = [&](std::string_view one) {
        return one == name || (!list.service.empty() && stem_of(one) == name);
    };
    return list.service == name || list.name == name || std::any_of(list.aliases.begin(), list.aliases.end(), same);
}

const char* word_of(SourceUse use) noexcept {
    switch (use) {
    case SourceUse::read: return "read";
    case SourceUse::mask: return "mask";
    case SourceUse::hidden: return "hidden";
    case SourceUse::broken: return "broken";
    }
    return "";
}

std::string header_of(const Source& source) {
    switch (source.use) {
    case SourceUse::read: return fmt::format("# {}\n", source.path);
    case SourceUse::mask: return fmt::format("# {} (a mask: says nothing, and hides those of its name)\n", source.path);
    case SourceUse::hidden: return fmt::format("# {} (hidden by {})\n", source.path, source.hidden_by);
    case SourceUse::broken: return fmt::format("# {} (cannot be read)\n", source.path);
    }
    return {};
}

} // namespace

Seen look_at(const SearchPath& path) {
    Seen seen;
    seen.loaded = load_config(path, &seen);
    return seen;
}

std::vector<const SourceList*> sources_called(const Seen& seen, std::string_view name) {
    std::vector<const SourceList*> found;
    for (const SourceList& list : seen.sources)
        if (is_called(list, name)) found.push_back(&list);
    const bool one = std::any_of(found.begin(), found.end(),
                                 [&](const SourceList* list) { return list->name == name && list->service != name; });
    if (one)
        found.erase(
            std::remove_if(found.begin(), found.end(), [&](const SourceList* list) { return list->name != name; }),
            found.end());
    return found;
}

std::string service_called(const Seen& seen, std::string_view name) {
    const auto names = service_names(seen);
    if (names.contains(name)) return std::string(name);
    for (const SourceList* list : sources_called(seen, name))
        if (names.contains(list->service)) return list->service;
    return {};
}

const BesideText* beside_called(const Seen& seen, std::string_view name) {
    for (const BesideText& unit : seen.beside)
        if (unit.sources.name == name) return &unit;
    return nullptr;
}

std::vector<const SourceList*> shown_sources(const Seen& seen, std::string_view name) {
    auto lists = sources_called(seen, name);
    if (lists.empty())
        if (const BesideText* unit = beside_called(seen, name)) lists.push_back(&unit->sources);
    return lists;
}

std::string no_such_service(const Seen& seen, std::string_view name) {
    if (beside_called(seen, name) != nullptr) return fmt::format("{0} is systemd's: systemctl edit {0} is for its files", name);
    const auto names = service_names(seen);
    const std::vector<std::string_view> known(names.begin(), names.end());
    const auto nearest = nearest_name(name, known);
    return fmt::format("there is no service {}{}", quoted(name),
                       nearest ? fmt::format("; did you mean {}?", *nearest) : "");
}

std::string sources_text(const std::vector<SourceText>& files) {
    std::string text;
    for (const SourceText& file : files) {
        text += (text.empty() ? "" : "\n") + header_of(*file.source) + file.text;
        if (text.back() != '\n') text += '\n';
    }
    return text;
}

std::string sources_json(const std::vector<SourceText>& files) {
    using Json = nlohmann::ordered_json;
    Json list = Json::array();
    for (const SourceText& file : files) {
        const Source& source = *file.source;
        const bool counts = source.use == SourceUse::read;
        list.push_back({{"unit", file.unit},
                        {"path", source.path},
                        {"use", word_of(source.use)},
                        {"hidden_by", source.hidden_by.empty() ? Json() : Json(source.hidden_by)},
                        {"text", counts ? Json(file.text) : Json()}});
    }
    return list.dump(-1, ' ', true, Json::error_handler_t::replace);
}

} // namespace swathe::ctl
