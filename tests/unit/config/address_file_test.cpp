#include "config/files.h"
#include "config/line_source.h"
#include "config/net_values.h"
#include "dump.h"
#include "scratch.h"

#include "config/limits.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// A service whose listener has `lines`; its addresses are those of "list" unless the lines say otherwise.
void write_service(const Scratch& scratch, std::string_view lines = "addresses_file = \"list\"\n") {
    scratch.write("services.d/a.toml",
                  fmt::format("[[listen]]\nprotocol = \"tcp\"\nports = 80\n{}[service]\nexec_start = \"/bin/true\"\n", lines));
}

std::string problems(const Scratch& scratch) { return lines_of(scratch.load().diagnostics, scratch.path()); }

/// What is said about a listener whose file of addresses has this text.
std::string with_list(std::string_view text) {
    const Scratch scratch;
    write_service(scratch);
    scratch.write("services.d/list", text);
    return problems(scratch);
}

std::string repeated(std::string_view text, std::size_t count) {
    std::string out;
    out.reserve(text.size() * count);
    for (std::size_t i = 0; i < count; ++i) out += text;
    return out;
}

const AddressList& claims(const Config& config) { return config.services.at(0).listeners.at(0).endpoints.at(0).addresses; }

} // namespace

TEST_CASE("address file: each line has its place, and the file is one of the service's") {
    const Scratch scratch;
    write_service(scratch, "addresses = \"192.0.2.9\"\naddresses_file = \"list\"\nfrom_file = \"../sources\"\n");
    scratch.write("services.d/list", "# a comment\r\n192.0.2.1\n\n \t2001:db8::/64# another\n192.0.2.3-192.0.2.5 \r\n192.0.2.7");
    scratch.write("sources", "203.0.113.1-203.0.113.4\n");
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    const auto& addresses = claims(loaded.config);
    std::string said;
    for (const auto& a : addresses) said += fmt::format("{} {}:{}\n", a.value.to_string(), a.pos.line, a.pos.column);
    CHECK(said == "192.0.2.9 4:13\n192.0.2.1 2:1\n2001:db8::/64 4:3\n192.0.2.3-192.0.2.5 5:1\n192.0.2.7 6:1\n");
    CHECK(addresses.back().pos.file.name() == scratch.path("services.d/list").string());

    const Service& service = loaded.config.services.at(0);
    std::string from;
    for (const auto& prefix : service.listeners.at(0).guard.from) from += prefix.value.to_string() + " ";
    CHECK(from == "203.0.113.1/32 203.0.113.2/31 203.0.113.4/32 ");
    CHECK(service.files == std::vector{scratch.path("services.d/a.toml").string(), scratch.path("services.d/list").string(),
                                       scratch.path("services.d").string() + "/../sources"});
}

TEST_CASE("address file: a path is absolute or begins where the file that names it lies, drop-ins included") {
    const Scratch scratch;
    write_service(scratch, "name = \"a\"\naddresses_file = \"list\"\n");
    scratch.write("services.d/list", "nonsense");
    scratch.write("services.d/a.toml.d/10-list.toml", "[[listen]]\nname = \"a\"\naddresses_file = \"list\"\n");
    scratch.write("services.d/a.toml.d/list", "192.0.2.1\n");
    CHECK(problems(scratch) == "");
    scratch.write("services.d/a.toml.d/20-list.toml",
                  fmt::format("[[listen]]\nname = \"a\"\naddresses_file = \"{}\"\n", scratch.path("other").string()));
    scratch.write("other", "192.0.2.2\n");
    const Loaded loaded = scratch.load();
    CHECK(lines_of(loaded.diagnostics, scratch.path()) == "");
    REQUIRE(claims(loaded.config).size() == 1);
    CHECK(claims(loaded.config)[0].value.to_string() == "192.0.2.2");
}

TEST_CASE("address file: the file is read anew at each load") {
    const Scratch scratch;
    write_service(scratch);
    scratch.write("services.d/list", "192.0.2.1\n");
    CHECK(claims(scratch.load().config).size() == 1);
    scratch.write("services.d/list", "192.0.2.1\n192.0.2.2\n");
    CHECK(claims(scratch.load().config).size() == 2);
}

TEST_CASE("address file: what is no regular file is refused, and never waited for") {
    const Scratch scratch;
    write_service(scratch);
    const std::string path = scratch.path("services.d/list").string();
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(problems(scratch) == "services.d/a.toml:4:18: addresses_file: services.d/list: not a regular file\n");
    REQUIRE(::unlink(path.c_str()) == 0);
    scratch.link("services.d/list", "/dev/zero");
    CHECK(problems(scratch) == "services.d/a.toml:4:18: addresses_file: services.d/list: not a regular file\n");
    REQUIRE(::unlink(path.c_str()) == 0);
    scratch.link("services.d/list", "list");
    CHECK(problems(scratch) ==
          "services.d/a.toml:4:18: addresses_file: services.d/list: cannot be opened: Too many levels of symbolic links\n");
}

TEST_CASE("address file: a rule of nobody matches nothing, rather than everybody") {
    const Scratch scratch;
    scratch.write("swathe.toml", "[[drop]]\naddresses = \"192.0.2.0/24\"\nfrom_file = \"block\"\n");
    scratch.write("block", "# nobody\n");
    const Loaded none = scratch.load();
    CHECK(none.config.rules.empty());
    CHECK(lines_of(none.diagnostics, scratch.path()) == "block: warning: from_file: no address in it\n");
    scratch.write("block", "203.0.113.1\n");
    const Loaded one = scratch.load();
    CHECK(lines_of(one.diagnostics, scratch.path()) == "");
    REQUIRE(one.config.rules.size() == 1);
    CHECK(one.config.rules[0].guard.from.size() == 1);
}

TEST_CASE("address file limits: a line of 1024 bytes is read, one byte more ends the reading") {
    const std::string line = "192.0.2.1 #" + std::string(limits::kAddressLineBytes - 11, 'x');
    CHECK(with_list(line) == "");
    CHECK(with_list(line + "\n192.0.2.2") == "");
    CHECK(with_list(line + "x") == "services.d/list:1:1: addresses_file: a line of more than 1024 bytes\n");
    CHECK(with_list("x\n" + line + "x\n") == "services.d/list:1:1: addresses_file: \"x\": not an IPv4 or IPv6 address\n"
                                             "services.d/list:2:1: addresses_file: a line of more than 1024 bytes\n");
}

TEST_CASE("address file limits: 8388608 lines are read, one more is refused") {
    const std::string lines = "192.0.2.1\n" + std::string(limits::kAddressFileLines - 1, '\n');
    CHECK(with_list(lines) == "");
    CHECK(with_list(lines + "#") == "services.d/list:8388609:1: addresses_file: more than 8388608 lines\n");
}

TEST_CASE("address file limits: a file of 256 MiB is opened, one byte more is not") {
    const Scratch scratch;
    write_service(scratch);
    scratch.write("services.d/list", "");
    std::filesystem::resize_file(scratch.path("services.d/list"), limits::kAddressFileBytes); // a hole: one long line of NULs
    CHECK(problems(scratch) == "services.d/list:1:1: addresses_file: a line of more than 1024 bytes\n");
    std::filesystem::resize_file(scratch.path("services.d/list"), limits::kAddressFileBytes + 1);
    CHECK(problems(scratch) == "services.d/a.toml:4:18: addresses_file: services.d/list: larger than 268435456 bytes\n");
}

TEST_CASE("address file limits: after a hundred errors the rest is not read") {
    const auto count = [](const std::string& text) { return std::count(text.begin(), text.end(), '\n'); };
    CHECK(count(with_list(repeated("x\n", limits::kAddressFileErrors - 1))) == limits::kAddressFileErrors - 1);
    const std::string cut = with_list(repeated("x\n", limits::kAddressFileErrors + 50));
    CHECK(count(cut) == limits::kAddressFileErrors + 1);
    CHECK(cut.rfind("services.d/list: addresses_file: the rest of the file is not read after so many errors\n", 0) == 0);
}

TEST_CASE("address file limits: a few long ranges that are millions of prefixes are refused before they fill the memory") {
    // 254 prefixes, the most that a range can be cut into
    const std::string_view worst = "::1-ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\n";
    REQUIRE(prefixes_in(*parse_address_range(worst.substr(0, worst.size() - 1))) == 254);
    const std::size_t fit = limits::kAddresses / 254;
    CHECK(with_list(repeated(worst, fit)) == "");
    CHECK(with_list(repeated(worst, fit + 1)) ==
          fmt::format("services.d/list:{}:1: addresses_file: more than 4194304 address ranges\n", fit + 1));
}

TEST_CASE("line source: lines across buffers come out whole, and a file that grows past its limit is refused") {
    const Scratch scratch;
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += fmt::format("line {}\n", i);
    scratch.write("lines", text + "last");
    const UniqueFd fd = open_regular_file(scratch.path("lines").string(), text.size() + 4).value();
    LineSource lines(fd.get(), 100, text.size() + 4);
    int i = 0;
    for (;; ++i) {
        const auto line = lines.next();
        REQUIRE(line);
        if (!*line) break;
        if (**line != (i < 50'000 ? fmt::format("line {}", i) : "last")) FAIL("line " << i << " is " << **line);
    }
    CHECK(i == 50'001);
    const UniqueFd again = open_regular_file(scratch.path("lines").string(), text.size() + 4).value();
    LineSource grown(again.get(), 100, text.size() + 3);
    for (;;) {
        const auto line = grown.next();
        if (line) REQUIRE(*line);
        if (line) continue;
        CHECK(line.error().message == fmt::format("larger than {} bytes", text.size() + 3));
        break;
    }
}
