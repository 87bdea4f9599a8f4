// What it takes to read a configuration of many small files: a thousand services, each with two drop-ins of its own and two that it shares,
// in TOML and as units. Beside it, in the same run: opening and reading the same files, which nobody can do without.

#include "config/loader.h"
#include "support.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace swathe;
using namespace swathe::bench;
namespace fs = std::filesystem;

namespace {

class Scratch {
public:
    Scratch() {
        std::string name = (fs::temp_directory_path() / "swathe-bench-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) need(Status(system_failure("make a directory")));
        path_ = name;
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    void write(const std::string& name, const std::string& text) const {
        fs::create_directories((path_ / name).parent_path());
        if (!(std::ofstream(path_ / name) << text).flush()) die("cannot write " + name);
    }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

std::string address_of(unsigned i) { return fmt::format("10.{}.{}.1", i / 256, i % 256); }

void write_units(const Scratch& scratch, unsigned count) {
    scratch.write("units/service.d/10-site.conf", "[Service]\nUMask=0027\nEnvironment=SITE=example\n");
    scratch.write("units/web-.service.d/20-web.conf", "[Service]\nLimitNOFILE=4096\nRestart=on-failure\n");
    for (unsigned i = 0; i < count; ++i) {
        const std::string unit = fmt::format("units/web-{}", i);
        scratch.write(unit + ".socket", fmt::format("[Socket]\nListenStream={}:80\nBacklog=128\n", address_of(i)));
        scratch.write(unit + ".socket.d/range.conf", "[X-Swathe]\nWhenDown=drop\n");
        scratch.write(unit + ".service",
                      "[Unit]\nDescription=Web %N\n[Service]\nExecStart=/usr/bin/web --name %N \"--root=/srv/%N\"\nUser=web\n");
        scratch.write(unit + ".service.d/90-own.conf", "[Service]\nEnvironment=NAME=%N\nTimeoutStopSec=5\n");
    }
}

void write_toml(const Scratch& scratch, unsigned count) {
    scratch.write("services.d/toml.d/10-site.toml", "[service]\numask = \"0027\"\nenvironment = { SITE = \"example\" }\n");
    scratch.write("services.d/web-.toml.d/20-web.toml", "[service]\nlimit_nofile = 4096\nrestart = \"on-failure\"\n");
    for (unsigned i = 0; i < count; ++i) {
        const std::string file = fmt::format("services.d/web-{}.toml", i);
        scratch.write(file, fmt::format("description = \"Web {0}\"\n"
                                        "[[listen]]\nprotocol = \"tcp\"\naddresses = [\"{1}\"]\nports = 80\nbacklog = 128\n"
                                        "[service]\nexec_start = \"/usr/bin/web --name web-{0} --root=/srv/web-{0}\"\nuser = \"web\"\n",
                                        i, address_of(i)));
        scratch.write(file + ".d/50-range.toml", "[[listen]]\nwhen_down = \"drop\"\n");
        scratch.write(file + ".d/90-own.toml", "[service]\n\"+environment\" = [\"NAME=web\"]\ntimeout_stop_sec = 5\n");
    }
}

std::size_t bytes_below(const fs::path& path) {
    std::size_t bytes = 0;
    for (const auto& entry : fs::recursive_directory_iterator(path)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        bytes += std::string(std::istreambuf_iterator<char>(file), {}).size();
    }
    return bytes;
}

nlohmann::json measure(const char* format, void (*write)(const Scratch&, unsigned), unsigned count, int times) {
    const Scratch scratch;
    write(scratch, count);
    std::vector<double> loads, reads;
    for (int i = 0; i < times; ++i) {
        reads.push_back(milliseconds([&] {
            if (bytes_below(scratch.path()) == 0) die("nothing written");
        }));
        std::optional<Loaded> loaded;
        loads.push_back(milliseconds([&] { loaded = load_config(SearchPath::only(scratch.path().string())); }));
        if (!loaded->diagnostics.empty()) die(loaded->diagnostics.front().to_string());
        if (loaded->config.services.size() != count) die("services are missing");
    }
    return {{"format", format}, {"services", count}, {"load_ms", median(loads)}, {"files_ms", median(reads)}};
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const unsigned count = options.quick ? 20 : 1000;
    const int times = options.quick ? 1 : 5;
    const nlohmann::json rows{measure("units", write_units, count, times), measure("TOML", write_toml, count, times)};
    if (options.json) return fmt::print("{}\n", nlohmann::json{{"rows", rows}}.dump(2)), 0;
    fmt::print("{:<8}{:>10}{:>12}{:>16}\n", "format", "services", "load, ms", "files alone, ms");
    for (const auto& row : rows)
        fmt::print("{:<8}{:>10}{:>12.1f}{:>16.1f}\n", row["format"].get<std::string>(), row["services"].get<unsigned>(),
                   row["load_ms"].get<double>(), row["files_ms"].get<double>());
    return 0;
}
