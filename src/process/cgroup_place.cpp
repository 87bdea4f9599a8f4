#include "process/cgroup_place.h"

#include "base/text.h"

#include <optional>

#include <fmt/format.h>
#include <limits.h>

namespace swathe {
namespace {

/// A field of mountinfo: space, tab, newline and backslash are written as three octal digits.
std::string unescape(std::string_view field) {
    const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
    std::string text;
    for (std::size_t at = 0; at < field.size(); ++at) {
        if (field[at] == '\\' && field.size() - at > 3 && is_octal(field[at + 1]) && is_octal(field[at + 2]) && is_octal(field[at + 3])) {
            text += static_cast<char>((field[at + 1] - '0') * 64 + (field[at + 2] - '0') * 8 + (field[at + 3] - '0'));
            at += 3;
        } else {
            text += field[at];
        }
    }
    return text;
}

struct Mount {
    std::string root;  ///< the group that is mounted
    std::string point; ///< where
};

/// A line of mountinfo, if it is about a cgroup2 file system.
std::optional<Mount> cgroup2_mount(std::string_view line) {
    const auto fields = split(line, ' ');
    std::size_t dash = 6; // after the optional fields
    while (dash < fields.size() && fields[dash] != "-") ++dash;
    if (dash + 1 >= fields.size() || fields[dash + 1] != "cgroup2") return std::nullopt;
    return Mount{unescape(fields[3]), unescape(fields[4])};
}

/// The group of version 2: the line "0::PATH".
std::optional<std::string_view> own_path(std::string_view cgroup) {
    for (const std::string_view line : split(cgroup, '\n'))
        if (line.starts_with("0::/")) return line.substr(3);
    return std::nullopt;
}

/// `path` as the mount shows it.
std::optional<std::string> below(const Mount& mount, std::string_view path) {
    if (path == "/.." || path.starts_with("/../")) return std::nullopt; // outside of this process's cgroup namespace
    const std::string_view root = mount.root == "/" ? std::string_view() : std::string_view(mount.root);
    if (!path.starts_with(root)) return std::nullopt;
    path.remove_prefix(root.size());
    if (path == "/") path = "";
    if (!path.empty() && path.front() != '/') return std::nullopt;
    return mount.point + std::string(path);
}

std::uint64_t hash_of(std::string_view text) noexcept {
    std::uint64_t hash = 14695981039346656037U; // FNV-1a
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return hash;
}

} // namespace

Result<std::string> find_own_cgroup(std::string_view mountinfo, std::string_view cgroup) {
    const auto path = own_path(cgroup);
    if (!path) return failure("this kernel has no control groups of version 2");
    bool mounted = false;
    for (const std::string_view line : split(mountinfo, '\n')) {
        const auto mount = cgroup2_mount(line);
        if (!mount) continue;
        mounted = true;
        if (auto shown = below(*mount, *path)) return std::move(*shown);
    }
    if (!mounted) return failure("no cgroup2 file system is mounted");
    return failure(fmt::format("the group of this process, {}, is not below any mounted cgroup2 file system", quoted(*path)));
}

std::string cgroup_name(std::string_view service, unsigned instance) {
    const std::string ending = (instance == 0 ? "" : fmt::format("#{}", instance)) + ".service";
    if (service.size() + ending.size() <= NAME_MAX) return std::string(service) + ending;
    const std::string tail = fmt::format("~{:016x}", hash_of(service)) + ending;
    return std::string(service.substr(0, NAME_MAX - tail.size())) + tail;
}

} // namespace swathe
