#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

struct ExecContext;

/// One operation of a child that makes its own view of the file systems. Trees are mounts that are nowhere yet, each in a slot of its
/// own. Paths are those of the service, in whose root no symbolic link leads out.
struct MountStep {
    enum class Kind : std::uint8_t {
        take,       ///< a copy of what is at `path`, with all mounts in it, becomes the tree
        take_host,  ///< likewise, by the path outside of root_directory
        proc,       ///< a new proc(5) with `text` as its options, one "NAME=VALUE" or two with "," between, becomes the tree
        create,     ///< a new tmpfs with `text` as its options and the attributes `flags` becomes the tree
        directory,  ///< made in the tree: `path`, mode 0755
        device,     ///< made in the tree: `path`, a character device `flags`, mode 0666
        link,       ///< made in the tree: `path`, a symbolic link to `text`
        put,        ///< the tree covers `path`
        restrict,   ///< the tree gets the attributes `flags`; with `recursive` the mounts in it, too
        hide,       ///< something that cannot be opened or entered covers `path`; no tree
        root,       ///< "/" and all that is in it get the attributes `flags`; no tree
    };
    Kind kind = Kind::put;
    unsigned slot = 0;
    std::string path;
    std::string text;
    std::uint64_t flags = 0; ///< MOUNT_ATTR_..., or the number of a device
    bool optional = false;   ///< what is not there is passed over, and so is all that would be done with its tree
    bool recursive = false;
    std::string_view key; ///< whose it is, for errors
};

/// Stands for the service's own hostname where a number of a step does: that comes before all.
inline constexpr int kHostnameStep = -2;

struct MountPlan {
    bool own_namespace = false;   ///< else the service sees what the daemon sees, and has no steps
    std::vector<MountStep> steps;
    unsigned slots = 0;
};

/// What the service's own surroundings are at a start.
struct MountFacts {
    std::string tmp, var_tmp;             ///< what private_tmp puts in place of /tmp and /var/tmp; not there: the start will fail
    std::vector<std::string> directories; ///< the service's own ones, which protect_system leaves writable
};

/// The view that `context` asks for, by systemd's rules (systemd.exec(5), "Sandboxing"). Pure: the child does it, and sees what is there.
[[nodiscard]] MountPlan plan_mounts(const ExecContext& context, const MountFacts& facts);

} // namespace swathe
