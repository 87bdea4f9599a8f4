#include "dump.h"
#include "manual.h"
#include "normalized.h"
#include "scratch.h"

#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

using Lines = std::vector<std::string>;

std::string key_of(const std::string& line) {
    const std::size_t end = line.find_first_of(" =");
    return line.substr(0, end);
}

/// Listen lines of [Socket] make way for each other, too: a unit would have both.
bool makes_way(const std::string& base, const std::string& example) {
    return key_of(base) == key_of(example) || (base.starts_with("Listen") && example.starts_with("Listen"));
}

std::string text_of(const Lines& lines) { return fmt::format("{}\n", fmt::join(lines, "\n")); }

/// Lines of a service that does without the example, and the example.
std::string with(const Lines& base, const Lines& example) {
    Lines all;
    std::copy_if(base.begin(), base.end(), std::back_inserter(all), [&](const std::string& line) {
        return std::none_of(example.begin(), example.end(), [&](const std::string& other) { return makes_way(line, other); });
    });
    all.insert(all.end(), example.begin(), example.end());
    return text_of(all);
}

/// The keys of one section are for services that have an instance for each connection.
bool accepts(const ManualEntry& entry) { return entry.section == "ONE INSTANCE FOR EACH CONNECTION"; }

/// What examples name: services to wait for, and files of addresses.
/// Services that examples name.
constexpr std::array kNeighbourNames = {"alarm", "cache", "database", "report", "web-old"};
constexpr std::size_t kNeighbours = kNeighbourNames.size();

void write_neighbours(const Scratch& scratch) {
    for (const char* name : kNeighbourNames)
        scratch.write(fmt::format("services.d/{}.toml", name),
                      fmt::format("[[listen]]\nprotocol = \"unix-stream\"\npath = \"/run/{0}\"\n"
                                  "[service]\nexec_start = \"/bin/{0}\"\n",
                                  name));
    for (const char* folder : {"", "services.d/", "units/"})
        for (const char* name : {"office", "customers", "blocked", "reserved", "abusers"})
            scratch.write(fmt::format("{}{}.addresses", folder, name), "203.0.113.0/24\n");
}

void write_toml(const Scratch& scratch, const Directive& d, const ManualEntry& entry) {
    const auto at = [&](Scope scope) { return d.scope == scope ? entry.example : Lines{}; };
    if (d.scope == Scope::daemon) return scratch.write("swathe.toml", text_of(entry.example));
    if (d.scope == Scope::rule)
        return scratch.write("swathe.toml", "[[drop]]\n" + with({"addresses = \"192.0.2.0/24\"", "ports = 80"}, entry.example));
    const char* const protocol = entry.key.starts_with("flow_") ? "protocol = \"udp\"" : "protocol = \"tcp\"";
    const Lines listener = entry.section == "UNIX SOCKETS"
                               ? Lines{"name = \"http\"", "protocol = \"unix-stream\"", "path = \"/run/web.sock\""}
                               : Lines{"name = \"http\"", protocol, "addresses = \"192.0.2.0/24\"", "ports = 80"};
    Lines service{"exec_start = \"/usr/sbin/web\""};
    if (accepts(entry)) service.emplace_back("accept = true");
    scratch.write("services.d/web.toml", text_of(at(Scope::file)) + "[[listen]]\n" + with(listener, at(Scope::listen)) + "[service]\n" +
                                             with(service, at(Scope::service)));
}

void write_units(const Scratch& scratch, const Directive& d, const ManualEntry& entry, const Lines& example) {
    const bool of_socket = d.scope == Scope::listen || d.scope == Scope::socket_unit || d.unit_section == "Socket";
    const std::string_view section = d.unit_section.empty() ? "Socket" : d.unit_section; // the address of a listener is a Listen line
    const auto at = [&](bool socket, std::string_view title) { return of_socket == socket && section == title ? example : Lines{}; };
    const char* listen = entry.section == "UNIX SOCKETS" ? "ListenStream=/run/web.sock" : "ListenStream=192.0.2.0/24:80";
    Lines socket{listen, "FileDescriptorName=http"};
    if (accepts(entry)) socket.emplace_back("Accept=yes");
    scratch.write("units/web.socket", "[Socket]\n" + with(socket, at(true, "Socket")) + "[X-Swathe]\n" +
                                          with({"TriggerLimitHit=pause"}, at(true, "X-Swathe")));
    scratch.write(accepts(entry) ? "units/web@.service" : "units/web.service", "[Unit]\n" + text_of(at(false, "Unit")) + "[Service]\n" +
                                           with({"ExecStart=/usr/sbin/web"}, at(false, "Service")) + "[X-Swathe]\n" +
                                           with({"StartLimitHit=pause"}, at(false, "X-Swathe")));
}

/// A configuration with the example, and what is said about it.
Loaded loaded_with(const Directive& d, const ManualEntry& entry, std::string& complaints) {
    const Scratch scratch;
    write_neighbours(scratch);
    if (d.toml_key.empty()) write_units(scratch, d, entry, entry.example);
    else write_toml(scratch, d, entry);
    Loaded loaded = scratch.load();
    complaints = lines_of(loaded.diagnostics, scratch.path());
    return loaded;
}

/// Is the line in a unit file another one, but for case, quotes and the words for true and false?
bool differs_in_units(const Directive& d, const ManualEntry& entry) {
    if (d.toml_key.empty() || d.unit_key.empty()) return false;
    std::string unit_key;
    for (const char c : d.unit_key) unit_key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    std::string toml_key(d.toml_key);
    std::erase(toml_key, '_');
    if (unit_key != toml_key) return true;
    return std::any_of(entry.example.begin(), entry.example.end(), [&](const std::string& line) {
        const std::size_t value = line.find("= ");
        return key_of(line) == d.toml_key && value != line.npos && (line[value + 2] == '[' || line[value + 2] == '{');
    });
}

} // namespace

TEST_CASE("manual: the example of each key has it, and a service with it loads without a word") {
    const auto entries = manual_entries();
    for (const Directive& d : directives()) {
        const ManualEntry& entry = entry_of(entries, d);
        CAPTURE(entry.key);
        CHECK(std::any_of(entry.example.begin(), entry.example.end(), [&](const std::string& line) { return key_of(line) == entry.key; }));
        std::string complaints;
        const Loaded loaded = loaded_with(d, entry, complaints);
        CHECK(complaints == "");
        const bool of_daemon = d.scope == Scope::daemon || d.scope == Scope::rule;
        CHECK(loaded.config.services.size() == (of_daemon ? kNeighbours : kNeighbours + 1));
    }
}

TEST_CASE("manual: the example for a unit file is there where it is another one, and means the same") {
    const auto entries = manual_entries();
    for (const Directive& d : directives()) {
        const ManualEntry& entry = entry_of(entries, d);
        CAPTURE(entry.key);
        CHECK((!entry.unit_example.empty() || !differs_in_units(d, entry)));
        if (entry.unit_example.empty()) continue;
        std::string complaints;
        const Loaded in_toml = loaded_with(d, entry, complaints);
        const Scratch scratch;
        write_neighbours(scratch);
        write_units(scratch, d, entry, entry.unit_example);
        const Loaded in_units = scratch.load();
        CHECK(lines_of(in_units.diagnostics, scratch.path()) == "");
        CHECK(dump(normalized(in_units.config)) == dump(normalized(in_toml.config)));
    }
}

TEST_CASE("manual: an example that the reader does not take would be found") {
    const auto entries = manual_entries();
    std::size_t tried = 0;
    for (const Directive& d : directives()) {
        ManualEntry entry = entry_of(entries, d);
        if (d.toml_key.empty()) continue;
        CAPTURE(entry.key);
        entry.example = {fmt::format("{} = 1979-05-27", d.toml_key)}; // a date, which nothing is
        std::string complaints;
        (void)loaded_with(d, entry, complaints);
        CHECK(complaints != "");
        ++tried;
    }
    CHECK(tried > 0);
}
