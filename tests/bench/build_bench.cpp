// What a set of rules costs before the first packet: from text to tables, from tables to a running program, and in memory. Beside
// it, in the same run: filling the baseline's trie, by the largest batches that bpf(2) takes. Needs root.

#include "base/unique_fd.h"
#include "baseline.h"
#include "config/loader.h"
#include "dispatch/dispatcher.h"
#include "rule_shapes.h"
#include "support.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace swathe;
using namespace swathe::bench;

namespace {

/// A configuration directory with one service, whose addresses stand in a file.
class Scratch {
public:
    explicit Scratch(const RuleSet& rules) {
        std::string name = (std::filesystem::temp_directory_path() / "swathe-bench-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) need(Status(system_failure("make a directory")));
        path_ = name;
        std::filesystem::create_directory(path_ / "services.d");
        std::ofstream(path_ / "services.d/bench.toml")
            << "[[listen]]\nname = \"all\"\nprotocol = \"tcp\"\nports = [443]\naddresses_file = \"list\"\n"
               "[service]\nexec_start = [\"/bin/true\"]\n";
        std::ofstream list(path_ / "services.d/list");
        for (const Rule& rule : rules.rules) list << rule.destination.to_string() << '\n';
        if (!list.flush()) die("cannot write the list");
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string path() const { return path_.string(); }

private:
    std::filesystem::path path_;
};

struct Row {
    std::string shape;
    std::size_t rules = 0, bytes = 0, kernel_bytes = 0, baseline_bytes = 0;
    double read_ms = 0, compile_ms = 0, publish_ms = 0, baseline_ms = 0;
};

UniqueFd program_of(const Dispatcher& dispatcher) {
    for (const AttachedProgram& program : need(dispatcher.programs()))
        if (program.ours) return UniqueFd(bpf_prog_get_fd_by_id(program.id));
    die("our program is not attached");
}

/// Each step several times over; the medians count. The dispatcher has published before: this is a switch, not an attachment.
Row measure(const Shape& shape, std::uint32_t count, int sockets_fd, int times) {
    const RuleSet rules = shape.rules(count, Protocol::tcp);
    const Scratch scratch(rules);
    Dispatcher dispatcher = need(Dispatcher::create({}));
    need(dispatcher.publish(tables_of(shape.rules(1, Protocol::tcp), one_listener())));

    std::vector<double> read, compiled, published, filled;
    Row row{shape.name, rules.rules.size()};
    for (int i = 0; i < times; ++i) {
        std::optional<Loaded> loaded;
        read.push_back(milliseconds([&] { loaded = load_config(SearchPath::only(scratch.path())); }));
        if (has_errors(loaded->diagnostics)) die(loaded->diagnostics.front().to_string());
        std::optional<Tables> tables;
        compiled.push_back(milliseconds([&] { tables = tables_of(rules_of(loaded->config), loaded->config); }));
        published.push_back(milliseconds([&] { need(dispatcher.publish(*tables)); }));
        row.bytes = tables->bytes();
        row.kernel_bytes = kernel_bytes_of_tables(program_of(dispatcher).get());
        const Baseline baseline = Baseline::load(rules, sockets_fd);
        filled.push_back(baseline.fill_ms());
        row.baseline_bytes = baseline.kernel_bytes();
    }
    row.read_ms = median(read);
    row.compile_ms = median(compiled);
    row.publish_ms = median(published);
    row.baseline_ms = median(filled);
    return row;
}

double per_rule(std::size_t bytes, const Row& row) { return static_cast<double>(bytes) / static_cast<double>(row.rules); }

nlohmann::json to_json(const Row& row) {
    return {{"shape", row.shape},
            {"rules", row.rules},
            {"read_ms", row.read_ms},
            {"compile_ms", row.compile_ms},
            {"publish_ms", row.publish_ms},
            {"table_bytes", row.bytes},
            {"kernel_bytes", row.kernel_bytes},
            {"baseline_fill_ms", row.baseline_ms},
            {"baseline_kernel_bytes", row.baseline_bytes}};
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const int times = options.quick ? 1 : 3;
    const NetNamespace ns = fresh_namespace();
    const UniqueFd socket(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::listen(socket.get(), 16) < 0) need(Status(system_failure("listen")));
    const UniqueFd sockets = sockmap_of(socket.get());

    nlohmann::json rows = nlohmann::json::array();
    if (!options.json)
        fmt::print("ms, and bytes a rule\n\n{:<34}{:>9}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}{:>10}\n", "rules", "count", "read", "compile",
                   "publish", "baseline", "tables", "kernel", "baseline");
    for (const Shape& shape : spread_shapes())
        for (std::uint32_t count = 1; count <= options.max_rules; count *= 10) {
            const Row row = measure(shape, count, sockets.get(), times);
            rows.push_back(to_json(row));
            if (!options.json)
                fmt::print("{:<34}{:>9}{:>9.1f}{:>9.1f}{:>9.1f}{:>10.1f}{:>9.1f}{:>9.1f}{:>10.1f}\n", row.shape, row.rules, row.read_ms,
                           row.compile_ms, row.publish_ms, row.baseline_ms, per_rule(row.bytes, row), per_rule(row.kernel_bytes, row),
                           per_rule(row.baseline_bytes, row));
        }
    if (options.json) fmt::print("{}\n", nlohmann::json{{"rows", rows}}.dump(2));
    return 0;
}
