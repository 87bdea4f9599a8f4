#include "config/loose_files.h"
#include "config/write_toml.h"
#include "config/write_unit.h"
#include "config/written.h"
#include "ctl/made_files.h"
#include "ctl/verbs.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

/// Half of a pair says nothing that TOML could.
void report_partnerless(const Texts& seen, Report& report) {
    for (const Unit& unit : seen.services)
        if (!unit.masked && sockets_of(unit, seen.sockets).empty())
            report.error(unit.pos, "", "needs the .socket file that starts it; give that, too");
    for (const Unit& socket : seen.sockets) {
        const std::string target = service_of(socket);
        const bool there = std::any_of(seen.services.begin(), seen.services.end(),
                                       [&](const Unit& unit) { return unit.name == target; });
        if (!there) report.error(socket.pos, "", fmt::format("needs {}; give that, too", shown_unit(target)));
    }
}

std::vector<MadeFile> convert(const Texts& seen, Report& report) {
    std::vector<MadeFile> files;
    for (const auto& toml : seen.toml)
        for (const UnitFile& unit : to_units(written_in_toml(toml.name, toml.text), report))
            files.push_back({unit.name, text_of(unit), narrowed(toml.files)});
    for (const Unit& unit : seen.services) {
        const auto sockets = sockets_of(unit, seen.sockets);
        if (sockets.empty() || unit.masked) continue;
        const WrittenService service = written_in_units(unit, sockets, service_names(seen), report);
        mode_t mode = narrowed(unit.files);
        for (const Unit* socket : sockets) mode &= narrowed(socket->files);
        files.push_back({service.name + ".toml", to_toml(service), mode});
    }
    return files;
}

} // namespace

Exit run_convert(const Invocation& invocation) {
    Report report;
    const Texts seen = read_loose_files(invocation.words, invocation.has("--drop-ins"), report);
    report_partnerless(seen, report);
    const auto files = convert(seen, report);
    const Diagnostics all = report.take();
    print_diagnostics(all);
    if (has_errors(all)) return Exit::failure;
    return put_files(files, invocation);
}

} // namespace swathe::ctl
