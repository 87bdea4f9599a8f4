// What it costs to start a child, up to its exec, in a process with 10 MB and with 1 GB of resident memory, and with 10,000 descriptors: spawn(),
// vfork, posix_spawn and fork with the same static child, in turns. fork copies the page tables, and all but spawn() the table of
// descriptors; it may grow with neither.

#include "launch.h"
#include "process/low_descriptors.h"
#include "process/spawn.h"
#include "support.h"

#include <algorithm>
#include <array>
#include <functional>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace swathe;
using namespace swathe::bench;

namespace {

struct Repeat {
    std::size_t large_mb, descriptors;
    int rounds, starts; ///< the median of all counts
};

/// Memory that is really there, in small pages as a heap has them.
class Resident {
public:
    explicit Resident(std::size_t megabytes)
        : bytes_(megabytes << 20), at_(::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
        if (at_ == MAP_FAILED) need(Status(system_failure("mmap")));
        (void)::madvise(at_, bytes_, MADV_NOHUGEPAGE);
        std::fill_n(static_cast<char*>(at_), bytes_, '\1');
    }
    Resident(const Resident&) = delete;
    Resident& operator=(const Resident&) = delete;
    ~Resident() { (void)::munmap(at_, bytes_); }

private:
    std::size_t bytes_;
    void* at_;
};

/// Each is a file of its own, as pidfds are.
std::vector<UniqueFd> many_descriptors(std::size_t count) {
    std::vector<UniqueFd> all(count);
    for (UniqueFd& fd : all)
        if (fd.reset(::eventfd(0, EFD_CLOEXEC)); !fd) need(Status(system_failure("eventfd")));
    return all;
}

struct Way {
    const char* name;
    std::function<void(double&)> start_once; ///< adds to the milliseconds up to the exec; the child is gone when it returns
};

Way of_the_library(const char* name, std::function<pid_t()> start) {
    return {name, [start = std::move(start)](double& ms) {
                pid_t pid = 0;
                ms = milliseconds([&] { pid = start(); });
                wait_for(pid);
            }};
}

SpawnPlan plan_for(const std::string& path) {
    SpawnPlan plan;
    plan.path = path;
    plan.argv = {path, "end"};
    return plan;
}

/// The child gets the latest of all descriptors, as that of a connection is.
Way ours(const std::string& path) {
    return {"swathe", [plan = plan_for(path)](double& ms) mutable {
                const UniqueFd passed(::eventfd(0, EFD_CLOEXEC));
                plan.fds = {{passed.get(), "passed"}};
                std::optional<Child> child;
                ms = milliseconds([&] {
                    auto spawned = spawn(plan);
                    if (!spawned) die(spawned.error().error.to_string());
                    child = std::move(*spawned);
                });
                need(reap(*child));
            }};
}

struct Row {
    const char* name;
    std::vector<double> small, large, crowded; ///< milliseconds
};

void measure(const Way& way, int starts, std::vector<double>& out) {
    for (int i = 0; i < starts; ++i) way.start_once(out.emplace_back());
}

} // namespace

int main(int argc, char** argv) {
    const Options options = parse(argc, argv);
    const Repeat repeat = options.quick ? Repeat{64, 500, 1, 5} : Repeat{1024, 10'000, 7, 60};
    const std::string path = child_path();
    const std::array ways{ours(path), of_the_library("vfork", [&] { return vfork_exec(path, "end"); }),
                          of_the_library("posix_spawn", [&] { return posix_spawn_exec(path, "end"); }),
                          of_the_library("fork", [&] { return fork_exec(path, "end"); })};
    std::vector<Row> rows;
    for (const Way& way : ways) rows.push_back({way.name, {}, {}, {}});
    reserve_low_descriptors();

    const Resident always(10);
    for (int round = 0; round < repeat.rounds; ++round) {
        for (std::size_t i = 0; i < ways.size(); ++i) measure(ways[i], repeat.starts, rows[i].small);
        {
            const auto crowd = many_descriptors(repeat.descriptors);
            for (std::size_t i = 0; i < ways.size(); ++i) measure(ways[i], repeat.starts, rows[i].crowded);
        }
        const Resident more(repeat.large_mb);
        for (std::size_t i = 0; i < ways.size(); ++i) // fork takes a thousand times longer now
            measure(ways[i], i + 1 < ways.size() ? repeat.starts : (repeat.starts + 9) / 10, rows[i].large);
    }

    nlohmann::json json = nlohmann::json::array();
    const double best = median(rows[1].small);
    if (!options.json)
        fmt::print("microseconds to the exec with 10 MB, with {} MB resident, and with {} descriptors\n\n{:<14}{:>9}{:>9}{:>9}{:>9}{:>9}\n",
                   repeat.large_mb, repeat.descriptors, "", "small", "large", "growth", "crowded", "x vfork");
    for (const Row& row : rows) {
        const double small = median(row.small), large = median(row.large), crowded = median(row.crowded);
        json.push_back({{"way", row.name},
                        {"small_us", 1000 * small},
                        {"large_us", 1000 * large},
                        {"growth", large / small},
                        {"crowded_us", 1000 * crowded},
                        {"of_uncrowded", crowded / small},
                        {"of_vfork", small / best}});
        if (!options.json)
            fmt::print("{:<14}{:>9.1f}{:>9.1f}{:>9.2f}{:>9.1f}{:>9.2f}\n", row.name, 1000 * small, 1000 * large, large / small, 1000 * crowded,
                       small / best);
    }
    if (options.json) fmt::print("{}\n", nlohmann::json{{"large_mb", repeat.large_mb}, {"descriptors", repeat.descriptors}, {"rows", json}}.dump(2));
    return 0;
}
