#include "base/text.h"
#include "config/loose_files.h"
#include "config/write_toml.h"
#include "config/write_unit.h"
#include "config/written.h"
#include "ctl/answer.h"
#include "ctl/new_file.h"
#include "ctl/paths.h"
#include "ctl/verbs.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace swathe::ctl {
namespace {

struct NewFile {
    std::string name;
    std::string text;
    mode_t mode = kFileMode;
};

/// Nobody may read what is made of `files` who may not read them.
mode_t narrowed(mode_t mode, const std::vector<std::string>& files) {
    for (const std::string& file : files) mode &= mode_of(file);
    return mode;
}

/// Half of a pair says nothing that TOML could.
void report_partnerless(const Texts& seen, Report& report) {
    for (const Unit& unit : seen.services)
        if (!unit.masked && sockets_of(unit, seen.sockets).empty())
            report.error(unit.pos, "", "needs the .socket file that starts it; give that, too");
    for (const Unit& socket : seen.sockets) {
        const std::string target = service_of(socket);
        const bool there = std::any_of(seen.services.begin(), seen.services.end(),
                                       [&](const Unit& unit) { return unit.name == target; });
        if (!there) report.error(socket.pos, "", fmt::format("needs {}; give that, too", target));
    }
}

std::vector<NewFile> convert(const Texts& seen, Report& report) {
    std::vector<NewFile> files;
    for (const auto& toml : seen.toml)
        for (const UnitFile& unit : to_units(written_in_toml(toml.name, toml.text), report))
            files.push_back({unit.name, text_of(unit), narrowed(kFileMode, toml.files)});
    for (const Unit& unit : seen.services) {
        const auto sockets = sockets_of(unit, seen.sockets);
        if (sockets.empty() || unit.masked) continue;
        const WrittenService service = written_in_units(unit, sockets, service_names(seen), report);
        mode_t mode = narrowed(kFileMode, unit.files);
        for (const Unit* socket : sockets) mode = narrowed(mode, socket->files);
        files.push_back({service.name + ".toml", to_toml(service), mode});
    }
    return files;
}

void print_files(const std::vector<NewFile>& files, bool json) {
    if (json) {
        nlohmann::ordered_json list = nlohmann::ordered_json::array();
        for (const NewFile& file : files) list.push_back({{"name", file.name}, {"text", file.text}});
        return print_line(list.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace));
    }
    for (const NewFile& file : files)
        print(fmt::format("{}{}{}", &file == &files.front() ? "" : "\n",
                          files.size() > 1 ? fmt::format("# {}\n", file.name) : "", file.text));
}

Exit write_files(const std::vector<NewFile>& files, const std::string& directory, bool json) {
    std::vector<std::string> paths;
    for (const NewFile& file : files) {
        paths.push_back(fmt::format("{}/{}", directory, file.name));
        if (const auto ok = create_file(paths.back(), file.text, file.mode); !ok) {
            complain(Error(ok.error()).within(paths.back()).to_string());
            return Exit::failure;
        }
    }
    print_paths(paths, json);
    return Exit::ok;
}

} // namespace

Exit run_convert(const Invocation& invocation) {
    Report report;
    const Texts seen = read_loose_files(invocation.words, invocation.has("--drop-ins"), report);
    report_partnerless(seen, report);
    const auto files = convert(seen, report);
    const Diagnostics all = report.take();
    for (const Diagnostic& diagnostic : all) {
        const std::string line = escaped(diagnostic.to_string()) + "\n";
        (void)std::fwrite(line.data(), 1, line.size(), stderr);
    }
    if (has_errors(all)) return Exit::failure;
    if (invocation.has("--output")) return write_files(files, invocation.value_or_empty("--output"), invocation.json);
    print_files(files, invocation.json);
    return Exit::ok;
}

} // namespace swathe::ctl
