#include "base/text.h"
#include "config/files.h"
#include "ctl/answer.h"
#include "ctl/offline.h"
#include "ctl/unit_sources.h"
#include "ctl/verbs.h"

#include <unistd.h>

namespace swathe::ctl {
namespace {

/// A terminal is spared control characters; files and pipes get the bytes that are there.
std::string for_output(const std::string& text) {
    if (::isatty(STDOUT_FILENO) != 1) return text;
    std::string out;
    for (const std::string_view line : split(text, '\n')) out += escaped_line(line) + "\n";
    out.pop_back();
    return out;
}

} // namespace

Exit run_cat(const Invocation& invocation) {
    const Seen seen = look_at(search_path_of(invocation.value_or_empty("--config")));
    const auto lists = shown_sources(seen, invocation.words.front());
    if (lists.empty()) {
        complain(no_such_service(seen, invocation.words.front()));
        return Exit::no_such_service;
    }
    Exit exit = Exit::ok;
    std::vector<SourceText> files;
    const auto add = [&](const SourceList& list, const Source& source) {
        SourceText& file = files.emplace_back(SourceText{list.name, &source, {}});
        if (source.use != SourceUse::read && source.use != SourceUse::broken) return;
        auto text = read_config_file(source.path);
        if (text) {
            file.text = std::move(text->text);
        } else {
            complain(std::move(text).error().within(source.path).to_string());
            exit = Exit::failure;
        }
    };
    for (const SourceList* list : lists) {
        for (const Source& source : list->files) add(*list, source);
        for (const Source& source : list->drop_ins) add(*list, source);
    }
    if (invocation.json)
        print_line(sources_json(files));
    else
        print(for_output(sources_text(files)));
    return exit;
}

} // namespace swathe::ctl
