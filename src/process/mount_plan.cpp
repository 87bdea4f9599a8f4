#include "process/mount_plan.h"

#include "model/choices.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <linux/mount.h>
#include <sys/sysmacros.h>

namespace swathe {
namespace {

/// What becomes of a path. Of two for the same path the earlier one holds, as in systemd.
enum class Mode : std::uint8_t { inaccessible, private_tmp, private_dev, own_proc, read_only, read_write, tmpfs, left_alone };

struct Entry {
    std::string path;
    Mode mode = Mode::read_only;
    bool optional = false;
    std::string_view key;
    std::string source; ///< of private_tmp, on the host; of own_proc and tmpfs, the options
    unsigned slot = 0;
    bool taken = false; ///< its tree is there already
};

struct Fixed {
    std::string_view path;
    Mode mode;
    bool optional;
};

constexpr std::uint64_t kSealed = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

// /bin and its kin are symbolic links into /usr, or directories of their own on old systems.
constexpr auto kSystem = std::to_array<Fixed>({{"/usr", Mode::read_only, false}, {"/boot", Mode::read_only, true},
    {"/efi", Mode::read_only, true}, {"/bin", Mode::read_only, true}, {"/sbin", Mode::read_only, true},
    {"/lib", Mode::read_only, true}, {"/lib64", Mode::read_only, true}});
constexpr auto kStrict = std::to_array<Fixed>({{"/", Mode::read_only, false}, {"/proc", Mode::left_alone, false},
    {"/sys", Mode::left_alone, false}, {"/dev", Mode::left_alone, false}, {"/home", Mode::left_alone, true},
    {"/run/user", Mode::left_alone, true}, {"/root", Mode::left_alone, true}});
constexpr auto kTunables = std::to_array<Fixed>({{"/proc/acpi", Mode::read_only, true}, {"/proc/apm", Mode::read_only, true},
    {"/proc/asound", Mode::read_only, true}, {"/proc/bus", Mode::read_only, true}, {"/proc/fs", Mode::read_only, true},
    {"/proc/irq", Mode::read_only, true}, {"/proc/kallsyms", Mode::inaccessible, true}, {"/proc/kcore", Mode::inaccessible, true},
    {"/proc/latency_stats", Mode::read_only, true}, {"/proc/mtrr", Mode::read_only, true}, {"/proc/scsi", Mode::read_only, true},
    {"/proc/sys", Mode::read_only, true}, {"/proc/sysrq-trigger", Mode::read_only, true}, {"/proc/timer_stats", Mode::read_only, true},
    {"/sys", Mode::read_only, false}, {"/sys/fs/cgroup", Mode::left_alone, true}, {"/sys/fs/selinux", Mode::left_alone, true}});
constexpr auto kModules = std::to_array<Fixed>(
    {{"/usr/lib/modules", Mode::inaccessible, true}, {"/lib/modules", Mode::inaccessible, true}});
constexpr auto kLogs = std::to_array<Fixed>({{"/proc/kmsg", Mode::inaccessible, true}, {"/dev/kmsg", Mode::inaccessible, true}});
constexpr auto kControlGroups = std::to_array<Fixed>({{"/sys/fs/cgroup", Mode::read_only, false}});
constexpr auto kHomes = std::to_array<std::string_view>({"/home", "/run/user", "/root"});

/// Collects what is asked for, by paths below the service's root.
class Wishes {
public:
    explicit Wishes(const ExecContext& context) {
        if (context.root_directory && context.root_directory->value != "/") root_ = context.root_directory->value;
    }

    void add(std::string_view path, Mode mode, bool optional, std::string_view key, std::string source = {}) {
        entries_.push_back({std::string(path), mode, optional, key, std::move(source)});
    }
    template <std::size_t N> void add(const std::array<Fixed, N>& table, std::string_view key) {
        for (const Fixed& fixed : table) add(fixed.path, fixed.mode, fixed.optional, key);
    }
    /// A path of the host that is not below the root is nothing to the service.
    void add(const std::vector<SandboxPath>& paths, Mode mode, std::string_view key) {
        for (const SandboxPath& path : paths) {
            const bool below = path.path.starts_with(root_) && (path.path.size() == root_.size() || path.path[root_.size()] == '/');
            if (path.in_root || root_.empty())
                add(path.path, mode, path.optional, key);
            else if (below)
                add(path.path.size() == root_.size() ? "/" : path.path.substr(root_.size()), mode, path.optional, key);
        }
    }
    [[nodiscard]] std::vector<Entry> take() && { return std::move(entries_); }

private:
    std::string root_;
    std::vector<Entry> entries_;
};

void add_homes(const ExecContext& context, Wishes& wishes) {
    for (const std::string_view path : kHomes) switch (context.protect_home) {
        case ProtectHome::no: break;
        case ProtectHome::yes: wishes.add(path, Mode::inaccessible, true, "protect_home"); break;
        case ProtectHome::read_only: wishes.add(path, Mode::read_only, true, "protect_home"); break;
        case ProtectHome::tmpfs:
            wishes.add(path, Mode::tmpfs, true, "protect_home", path == "/root" ? "mode=0700" : "mode=0755");
            break;
        }
}

void add_kernel(const ExecContext& context, Wishes& wishes) {
    if (context.protect_kernel_tunables) wishes.add(kTunables, "protect_kernel_tunables");
    if (context.protect_kernel_modules) wishes.add(kModules, "protect_kernel_modules");
    if (context.protect_kernel_logs) wishes.add(kLogs, "protect_kernel_logs");
    if (context.protect_control_groups) wishes.add(kControlGroups, "protect_control_groups");
}

void add_system(const ExecContext& context, const MountFacts& facts, Wishes& wishes) {
    switch (context.protect_system) {
    case ProtectSystem::no: return;
    case ProtectSystem::full: wishes.add("/etc", Mode::read_only, false, "protect_system"); [[fallthrough]];
    case ProtectSystem::yes: return wishes.add(kSystem, "protect_system");
    case ProtectSystem::strict: break;
    }
    wishes.add(kStrict, "protect_system");
    for (const std::string& path : facts.directories) wishes.add(path, Mode::left_alone, true, "protect_system");
}

/// Options of proc(5); "" = the machine's own is what the service sees.
std::string proc_options(const ExecContext& context) {
    std::string options;
    if (context.protect_proc != ProtectProc::all) options += fmt::format("hidepid={}", name_of(context.protect_proc)); // the kernel's words
    if (context.proc_subset == ProcSubset::pid) options += options.empty() ? "subset=pid" : ",subset=pid";
    return options;
}

bool is_below(std::string_view path, std::string_view other) noexcept {
    return path != other && path.starts_with(other) && (other == "/" || path[other.size()] == '/');
}

/// Parents before what is in them.
bool path_less(std::string_view a, std::string_view b) noexcept {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        const auto rank = [](char c) { return c == '/' ? 0 : static_cast<unsigned char>(c) + 1; };
        return rank(x) < rank(y);
    });
}

/// Sorted, each path once, and none that another one hides.
std::vector<Entry> reduced(std::vector<Entry> all) {
    std::stable_sort(all.begin(), all.end(), [](const Entry& a, const Entry& b) {
        return a.path != b.path ? path_less(a.path, b.path) : a.mode < b.mode;
    });
    std::vector<Entry> kept;
    const Entry* hidden = nullptr;
    kept.reserve(all.size()); // `hidden` points into it
    for (Entry& entry : all) {
        if (!kept.empty() && kept.back().path == entry.path) continue;
        if (hidden != nullptr && is_below(entry.path, hidden->path)) continue;
        kept.push_back(std::move(entry));
        if (kept.back().mode == Mode::inaccessible) hidden = &kept.back();
    }
    return kept;
}

bool has_new_content(const Entry& entry) noexcept {
    return entry.mode == Mode::private_tmp || entry.mode == Mode::private_dev || entry.mode == Mode::own_proc ||
           entry.mode == Mode::tmpfs;
}

bool stays_writable(const Entry& entry) noexcept { return entry.mode == Mode::read_write || entry.mode == Mode::left_alone; }

/// Turns entries into steps.
class Writer {
public:
    explicit Writer(std::vector<Entry> entries) : entries_(std::move(entries)) {
        for (Entry& entry : entries_) entry.slot = plan_.slots++;
    }

    MountPlan written() && {
        for (Entry& entry : entries_) take_host(entry);
        for (Entry& entry : entries_) apply(entry);
        return std::move(plan_);
    }

private:
    using Kind = MountStep::Kind;

    MountStep& step(const Entry& entry, Kind kind, unsigned slot, std::string path) {
        MountStep& added = plan_.steps.emplace_back();
        added.kind = kind;
        added.slot = slot;
        added.path = std::move(path);
        added.optional = entry.optional;
        added.key = entry.key;
        return added;
    }
    MountStep& step(const Entry& entry, Kind kind) { return step(entry, kind, entry.slot, entry.path); }

    /// What comes from outside is taken before anything is made read-only, which it would inherit.
    void take_host(Entry& entry) {
        if (entry.mode == Mode::private_tmp) step(entry, Kind::take_host, entry.slot, entry.source);
        if (entry.mode != Mode::private_dev) return;
        for (const std::string_view name : kDeviceMounts) {
            device_slots_.push_back(plan_.slots++);
            step(entry, Kind::take_host, device_slots_.back(), "/dev/" + std::string(name)).optional = true;
        }
    }

    void apply(Entry& entry) {
        switch (entry.mode) {
        case Mode::inaccessible: step(entry, Kind::hide); return;
        case Mode::private_tmp: step(entry, Kind::put); return;
        case Mode::private_dev: make_dev(entry); return;
        case Mode::own_proc:
            create(entry, Kind::proc, entry.source, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
            step(entry, Kind::put);
            return;
        case Mode::read_only: make_read_only(entry); return;
        case Mode::read_write:
        case Mode::left_alone:
            take(entry);
            step(entry, Kind::put);
            return;
        case Mode::tmpfs:
            create(entry, Kind::create, entry.source, kSealed);
            step(entry, Kind::put);
            return;
        }
    }

    void take(Entry& entry) {
        if (!entry.taken) step(entry, Kind::take);
        entry.taken = true;
    }
    void create(const Entry& entry, Kind kind, std::string options, std::uint64_t flags) {
        MountStep& made = step(entry, kind);
        made.text = std::move(options);
        made.flags = flags;
    }

    /// What is to stay writable within is taken as it is now, and put back when its turn comes: so what was read-only stays so.
    void make_read_only(Entry& entry) {
        for (Entry& inner : entries_)
            if (stays_writable(inner) && is_below(inner.path, entry.path) && shows(entry, inner)) take(inner);
        if (entry.path == "/") {
            step(entry, Kind::root).flags = MOUNT_ATTR_RDONLY;
            return;
        }
        take(entry);
        MountStep& change = step(entry, Kind::restrict);
        change.flags = MOUNT_ATTR_RDONLY;
        change.recursive = true;
        step(entry, Kind::put);
    }

    /// Is what will be at `inner` a part of what is at `outer`, and not of something that is put between?
    [[nodiscard]] bool shows(const Entry& outer, const Entry& inner) const {
        return std::none_of(entries_.begin(), entries_.end(), [&](const Entry& between) {
            return has_new_content(between) && is_below(between.path, outer.path) && is_below(inner.path, between.path);
        });
    }

    void make_dev(Entry& entry) {
        create(entry, Kind::create, "mode=0755", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
        for (const auto& [name, minor_number] : kDevices)
            step(entry, Kind::device, entry.slot, std::string(name)).flags = makedev(minor_number.first, minor_number.second);
        for (const auto& [name, target] : kLinks) step(entry, Kind::link, entry.slot, std::string(name)).text = target;
        for (const std::string_view name : kDeviceMounts) step(entry, Kind::directory, entry.slot, std::string(name));
        step(entry, Kind::put);
        for (std::size_t i = 0; i < kDeviceMounts.size(); ++i)
            step(entry, Kind::put, device_slots_.at(i), "/dev/" + std::string(kDeviceMounts.at(i)));
        step(entry, Kind::restrict).flags = MOUNT_ATTR_RDONLY; // not the mounts in it
    }

    using Number = std::pair<unsigned, unsigned>;
    static constexpr auto kDevices = std::to_array<std::pair<std::string_view, Number>>( // Documentation/admin-guide/devices.txt
        {{"null", {1, 3}}, {"zero", {1, 5}}, {"full", {1, 7}}, {"random", {1, 8}}, {"urandom", {1, 9}}, {"tty", {5, 0}}, {"ptmx", {5, 2}}});
    static constexpr auto kLinks = std::to_array<std::pair<std::string_view, std::string_view>>(
        {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
         {"log", "/run/systemd/journal/dev-log"}});
    static constexpr auto kDeviceMounts = std::to_array<std::string_view>({"pts", "shm", "mqueue", "hugepages"});

    std::vector<Entry> entries_;
    std::vector<unsigned> device_slots_;
    MountPlan plan_;
};

} // namespace

MountPlan plan_mounts(const ExecContext& context, const MountFacts& facts) {
    Wishes wishes(context);
    wishes.add(context.inaccessible_paths, Mode::inaccessible, "inaccessible_paths");
    wishes.add(context.read_only_paths, Mode::read_only, "read_only_paths");
    wishes.add(context.read_write_paths, Mode::read_write, "read_write_paths");
    if (context.private_tmp) {
        wishes.add("/tmp", Mode::private_tmp, false, "private_tmp", facts.tmp);
        wishes.add("/var/tmp", Mode::private_tmp, false, "private_tmp", facts.var_tmp);
    }
    if (context.private_devices) wishes.add("/dev", Mode::private_dev, false, "private_devices");
    if (std::string options = proc_options(context); !options.empty())
        wishes.add("/proc", Mode::own_proc, false, context.protect_proc == ProtectProc::all ? "proc_subset" : "protect_proc",
                   std::move(options));
    add_homes(context, wishes);
    add_kernel(context, wishes);
    add_system(context, facts, wishes);
    MountPlan plan = Writer(reduced(std::move(wishes).take())).written();
    plan.own_namespace = context.private_mounts || !plan.steps.empty();
    return plan;
}

} // namespace swathe
