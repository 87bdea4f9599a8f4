#include "base/text.h"
#include "ctl/answer.h"
#include "ctl/keys.h"
#include "ctl/offline.h"
#include "ctl/schema.h"
#include "ctl/unit_sources.h"
#include "ctl/values.h"
#include "ctl/verbs.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

// What files say, and what can be said in them: show, keys, schema.
namespace swathe::ctl {
namespace {

void complain_of(const Diagnostics& all) {
    for (const Diagnostic& diagnostic : all) {
        const std::string line = escaped(diagnostic.to_string()) + "\n";
        (void)std::fwrite(line.data(), 1, line.size(), stderr);
    }
}

std::vector<std::string> files_of(const std::vector<const SourceList*>& lists) {
    std::vector<std::string> files;
    for (const SourceList* list : lists)
        for (const auto* sources : {&list->files, &list->drop_ins})
            for (const Source& source : *sources)
                if (source.use == SourceUse::read) files.push_back(source.path);
    return files;
}

/// What is wrong in these files: what is shown may not be what was meant then.
Diagnostics errors_in(const Diagnostics& all, const std::vector<std::string>& files) {
    Diagnostics errors;
    for (const Diagnostic& one : all) {
        const bool here =
            one.error.pos && std::find(files.begin(), files.end(), one.error.pos->file.name()) != files.end();
        if (here && one.severity == Diagnostic::Severity::error) errors.push_back(one);
    }
    return errors;
}

std::string unknown_key(const std::string& key) {
    const std::string nearest = nearest_key(key);
    return fmt::format("there is no key {}{}", quoted(key),
                       nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
}

/// Whose values are shown.
struct Subject {
    std::string name;
    Format written; ///< its files
    Format names;   ///< in whose names they are shown
    std::vector<const SourceList*> sources;
};

Exit show_values(const Invocation& invocation, const Seen& seen, const Subject& subject, std::vector<ShownValue> values) {
    std::string unknown;
    values = only_keys(std::move(values), {invocation.words.begin() + 1, invocation.words.end()}, unknown);
    if (!unknown.empty()) {
        complain(unknown_key(unknown));
        return Exit::usage;
    }
    const auto files = files_of(subject.sources);
    if (invocation.json)
        print_line(values_json(subject.name, subject.written, files, values, subject.names));
    else
        print(values_table(values, subject.names));
    const Diagnostics errors = errors_in(seen.loaded.diagnostics, files);
    complain_of(errors);
    return errors.empty() ? Exit::ok : Exit::failure;
}

} // namespace

Exit run_show(const Invocation& invocation) {
    const Seen seen = look_at(search_path_of(invocation.value_or_empty("--config")));
    const std::string name = service_called(seen, invocation.words.front());
    Report left_out; // of what is shown in other names than it was written
    const auto service = find_written(seen, name, left_out);
    const BesideText* const beside = service ? nullptr : beside_called(seen, invocation.words.front());
    if (beside != nullptr)
        return show_values(invocation, seen, {beside->sources.name, Format::unit, Format::unit, {&beside->sources}},
                           values_beside(*beside));
    if (!service) {
        complain(no_such_service(seen, invocation.words.front()));
        return Exit::no_such_service;
    }
    const Format names = invocation.has("--unit") ? Format::unit : Format::toml;
    auto values = names == Format::unit ? values_in_units(*service, left_out) : values_in_toml(*service);
    const Exit exit = show_values(invocation, seen, {name, service->format, names, seen.sources_of(name)}, std::move(values));
    if (names != service->format && exit != Exit::usage) complain_of(left_out.take());
    return exit;
}

Exit run_keys(const Invocation& invocation) {
    const std::string key = invocation.words.empty() ? std::string() : invocation.words.front();
    const auto found = directives_called(key);
    if (found.empty()) {
        complain(unknown_key(key));
        return Exit::failure;
    }
    if (invocation.json)
        print_line(keys_json(found));
    else
        print(key.empty() ? keys_table(found) : keys_in_full(found));
    return Exit::ok;
}

Exit run_schema(const Invocation& invocation) {
    const std::string word = invocation.words.empty() ? "service" : invocation.words.front();
    print_line(schema_text(word == "daemon" ? Schema::daemon : word == "drop-in" ? Schema::drop_in : Schema::service));
    return Exit::ok;
}

} // namespace swathe::ctl
