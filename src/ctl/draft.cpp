#include "ctl/draft.h"

#include "base/text.h"
#include "config/files.h"
#include "config/service_name.h"
#include "ctl/unit_sources.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

constexpr std::string_view kEnd = "# ---- What is below this line is shown for reference and not kept. ----";

/// Whose drop-in is made where a service has several files: the TOML file's, else the .service unit's.
const SourceList* main_list(const std::vector<const SourceList*>& lists) {
    for (const std::string_view suffix : {".toml", ".service", ".socket"})
        for (const SourceList* list : lists)
            if (list->name.ends_with(suffix)) return list;
    return nullptr;
}

Status check_drop_in_name(const std::string& name) {
    if (name.find('/') != name.npos || name.starts_with('.'))
        return failure(fmt::format("{} is no name of a drop-in", quoted(name)));
    if (auto ok = check_service_name(name); !ok)
        return failure(fmt::format("{} is no name of a drop-in", quoted(name)));
    return {};
}

std::string folder_of(const SourceList& list) {
    if (list.name == "swathe.toml") return "";
    return list.name.ends_with(".toml") ? "services.d/" : "units/";
}

std::string as_comments(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    std::string out;
    for (const std::string_view line : split(text, '\n')) out += fmt::format("# {}\n", line);
    return out;
}

} // namespace

Result<EditTarget> edit_target(const Seen& seen, const SearchPath& path, std::string_view name, std::string drop_in,
                               bool full) {
    EditTarget target;
    target.full = full;
    target.list = main_list(sources_called(seen, name));
    if (target.list == nullptr) return failure(no_such_service(seen, name));
    const SourceList& list = *target.list;
    if (full) {
        target.below = folder_of(list) + list.name;
    } else {
        if (list.masked()) return failure(fmt::format("{} is masked by {}", list.name, list.files.front().path));
        const std::string_view suffix = list.name.ends_with(".toml") ? ".toml" : ".conf";
        if (drop_in.ends_with(suffix)) drop_in.resize(drop_in.size() - suffix.size());
        if (auto ok = check_drop_in_name(drop_in); !ok) return Failure(std::move(ok).error());
        target.below = fmt::format("{}{}.d/{}{}", folder_of(list), list.name, drop_in, suffix);
    }
    target.path = fmt::format("{}/{}", path.directories.front(), target.below);
    return target;
}

std::string draft_of(const EditTarget& target, const std::string& text) {
    if (target.full) return text;
    std::string draft = fmt::format("{}{}\n{}\n", text, text.empty() ? "\n" : "", kEnd);
    for (const auto* sources : {&target.list->files, &target.list->drop_ins})
        for (const Source& source : *sources) {
            if (source.use != SourceUse::read || source.path == target.path) continue;
            const auto file = read_config_file(source.path);
            if (file) draft += fmt::format("\n# {}\n{}", source.path, as_comments(file->text));
        }
    return draft;
}

std::string kept_of(std::string_view draft) {
    draft = draft.substr(0, draft.find(kEnd));
    const std::size_t end = draft.find_last_not_of(" \t\r\n");
    if (end == draft.npos) return {};
    const std::size_t begin = draft.find_first_not_of("\r\n");
    return std::string(draft.substr(begin, end + 1 - begin)) + "\n";
}

} // namespace swathe::ctl
