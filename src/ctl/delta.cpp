#include "base/text.h"
#include "config/files.h"
#include "ctl/answer.h"
#include "ctl/offline.h"
#include "ctl/programs.h"
#include "ctl/unit_sources.h"
#include "ctl/verbs.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

// swathectl diff: which files of the search path stand in for others.
namespace swathe::ctl {
namespace {

struct Delta {
    const char* kind;  ///< "masked", "equivalent", "overridden", "extended"
    std::string lower; ///< the file that is hidden or added to
    std::string upper;
    std::string diff; ///< of overridden files, unified
};

/// What stands in the place of a hidden file. Where one of the two is no text to be read there is no difference to
/// show.
Delta delta_of(const Source& hidden, SourceUse upper) {
    if (upper == SourceUse::mask) return {"masked", hidden.path, hidden.hidden_by, {}};
    Delta delta{"overridden", hidden.path, hidden.hidden_by, {}};
    const auto status = run_program({"diff", "-u", "--", hidden.path, hidden.hidden_by}, delta.diff);
    if (!status) complain(status.error().to_string());
    if (status && *status == 0) delta.kind = "equivalent";
    return delta;
}

const Source* find(const SourceList& list, const std::string& path) {
    for (const auto* sources : {&list.files, &list.drop_ins})
        for (const Source& source : *sources)
            if (source.path == path) return &source;
    return nullptr;
}

void add_hidden(const SourceList& list, const std::vector<Source>& sources, std::vector<Delta>& out) {
    for (const Source& source : sources) {
        if (source.use != SourceUse::hidden) continue;
        const Source* upper = find(list, source.hidden_by);
        out.push_back(delta_of(source, upper == nullptr ? SourceUse::read : upper->use));
    }
}

void add(const SourceList& list, std::vector<Delta>& out) {
    add_hidden(list, list.files, out);
    const std::string& file = list.files.empty() ? list.name : list.files.front().path;
    if (list.masked() && list.files.size() == 1) out.push_back({"masked", list.name, file, {}});
    for (const Source& drop_in : list.drop_ins)
        if (drop_in.use == SourceUse::read) out.push_back({"extended", file, drop_in.path, {}});
    add_hidden(list, list.drop_ins, out);
}

std::string text_of(const std::vector<Delta>& deltas) {
    std::string text;
    for (const Delta& delta : deltas) {
        text += fmt::format("{:<11} {} -> {}\n", delta.kind, delta.lower, delta.upper);
        if (delta.diff.empty()) continue;
        for (const std::string_view line : split(std::string_view(delta.diff).substr(0, delta.diff.size() - 1), '\n'))
            text += escaped_line(line) + "\n";
    }
    return text;
}

std::string json_of(const std::vector<Delta>& deltas) {
    using Json = nlohmann::ordered_json;
    Json list = Json::array();
    for (const Delta& delta : deltas)
        list.push_back({{"kind", delta.kind},
                        {"lower", delta.lower},
                        {"upper", delta.upper},
                        {"diff", delta.diff.empty() ? Json() : Json(delta.diff)}});
    return list.dump(-1, ' ', true, Json::error_handler_t::replace);
}

} // namespace

Exit run_diff(const Invocation& invocation) {
    const Seen seen = look_at(search_path_of(invocation.value_or_empty("--config")));
    std::vector<Delta> deltas;
    if (invocation.words.empty()) {
        for (const SourceList& list : seen.sources) add(list, deltas);
        for (const BesideText& unit : seen.beside) add(unit.sources, deltas);
    } else {
        const auto lists = shown_sources(seen, invocation.words.front());
        if (lists.empty()) {
            complain(no_such_service(seen, invocation.words.front()));
            return Exit::no_such_service;
        }
        for (const SourceList* list : lists) add(*list, deltas);
    }
    if (invocation.json)
        print_line(json_of(deltas));
    else
        print(text_of(deltas));
    return Exit::ok;
}

} // namespace swathe::ctl
