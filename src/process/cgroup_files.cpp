#include "process/cgroup_files.h"

#include "base/text.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace swathe {
namespace {

constexpr std::size_t kMostBytes = 1U << 20; // some 130,000 pids
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

struct CloseDir {
    void operator()(DIR* dir) const noexcept { (void)::closedir(dir); }
};

void visit(int dir, unsigned depth, const std::function<void(int)>& call) {
    if (depth < kDeepestCgroup)
        for (const std::string& name : subgroups_of(dir))
            if (const auto below = open_cgroup(dir, name.c_str())) visit(below->get(), depth + 1, call);
    call(dir);
}

void add_pids(std::string_view text, std::vector<pid_t>& pids) {
    for (const std::string_view line : split(text, '\n')) {
        pid_t pid = 0;
        std::from_chars(line.data(), line.data() + line.size(), pid);
        if (pid > 0) pids.push_back(pid); // 0: in no pid namespace that we see
    }
}

/// From the leaves up, since a group with others below cannot be removed.
void remove_below(int dir, unsigned depth) {
    for (const std::string& name : subgroups_of(dir)) {
        if (depth < kDeepestCgroup)
            if (const auto below = open_cgroup(dir, name.c_str())) remove_below(below->get(), depth + 1);
        (void)::unlinkat(dir, name.c_str(), AT_REMOVEDIR); // fails for one that is not empty
    }
}

} // namespace

Result<UniqueFd> open_cgroup(int dir, const char* path) {
    UniqueFd fd(::openat(dir, path, kDirectory));
    if (!fd) return system_failure(path);
    return fd;
}

Result<std::string> read_cgroup_file(int dir, const char* name) {
    const UniqueFd file(::openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file) return system_failure(name);
    std::string text;
    std::array<char, 4096> buffer{};
    while (text.size() < kMostBytes) {
        const ssize_t length = ::read(file.get(), buffer.data(), buffer.size());
        if (length < 0) return system_failure(name);
        if (length == 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(length));
    }
    return text;
}

Status write_cgroup_file(int dir, const char* name, std::string_view text) {
    const UniqueFd file(::openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!file || ::write(file.get(), text.data(), text.size()) < 0) return system_failure(name);
    return {};
}

std::optional<std::string> cgroups_of(pid_t pid) {
    auto text = read_cgroup_file(AT_FDCWD, fmt::format("/proc/{}/cgroup", pid).c_str());
    if (text) return std::move(*text);
    const int error = text.error().errno_value;
    return error == ENOENT || error == ESRCH ? std::optional(std::string()) : std::nullopt;
}

bool names_cgroup(std::string_view cgroups, std::string_view name) noexcept {
    for (std::size_t at = cgroups.find(name); at != cgroups.npos; at = cgroups.find(name, at + 1)) {
        const std::size_t end = at + name.size();
        const bool begins = at > 0 && cgroups[at - 1] == '/';
        if (begins && (end == cgroups.size() || std::string_view("/\n ").find(cgroups[end]) != std::string_view::npos)) return true;
    }
    return false;
}

std::optional<std::uint64_t> value_in(std::string_view text, std::string_view key) {
    for (const std::string_view line : split(text, '\n')) {
        if (line.size() <= key.size() || !line.starts_with(key) || line[key.size()] != ' ') continue;
        std::uint64_t value = 0;
        const auto [end, error] = std::from_chars(line.data() + key.size() + 1, line.data() + line.size(), value);
        if (error == std::errc{} && end == line.data() + line.size()) return value;
    }
    return std::nullopt;
}

std::vector<std::string> subgroups_of(int dir) {
    std::vector<std::string> names;
    UniqueFd own(::openat(dir, ".", kDirectory)); // reads from its beginning, wherever `dir` stands
    if (!own) return names;
    const std::unique_ptr<DIR, CloseDir> stream(::fdopendir(own.get()));
    if (stream == nullptr) return names;
    (void)own.release();
    while (const dirent* entry = ::readdir(stream.get()))
        if (entry->d_type == DT_DIR && entry->d_name != std::string_view(".") && entry->d_name != std::string_view(".."))
            names.emplace_back(entry->d_name);
    return names;
}

void for_each_cgroup(int dir, const std::function<void(int)>& call) { visit(dir, 0, call); }

Result<std::vector<pid_t>> processes_below(int dir) {
    auto own = read_cgroup_file(dir, "cgroup.procs");
    if (!own) return Failure(std::move(own).error());
    std::vector<pid_t> pids;
    for_each_cgroup(dir, [&](int group) { // a threaded group has no list (EOPNOTSUPP): its processes are in that of the group above
        if (const auto text = read_cgroup_file(group, "cgroup.procs")) add_pids(*text, pids);
    });
    return pids;
}

bool remove_cgroup(int parent, const char* name) {
    if (::unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
    const auto group = open_cgroup(parent, name);
    if (!group || value_in(read_cgroup_file(group->get(), "cgroup.events").value_or(""), "populated") == 1U) return false;
    remove_below(group->get(), 0);
    return ::unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

} // namespace swathe
