#include "process/child_steps.h"

#include "model/capabilities.h"

#include <linux/capability.h>
#include <sys/prctl.h>

namespace swathe {
namespace {

void set_limits(ChildSetup& setup) noexcept {
    for (std::size_t resource = 0; resource < setup.limits->size(); ++resource) {
        const auto& limit = (*setup.limits)[resource];
        if (!limit) continue;
        setup.failed_detail = static_cast<int>(resource);
        check(setup, SpawnStep::limits, ::syscall(SYS_prlimit64, 0, resource, &*limit, nullptr));
    }
}

struct CapabilitySets { // capset(2), _LINUX_CAPABILITY_VERSION_3: the lower halves, then the upper ones
    __user_cap_data_struct half[2];
};

void read_capabilities(ChildSetup& setup, CapabilitySets& sets) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    check(setup, SpawnStep::capabilities, ::syscall(SYS_capget, &header, sets.half));
}

void write_capabilities(ChildSetup& setup, const CapabilitySets& sets) noexcept {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    check(setup, SpawnStep::capabilities, ::syscall(SYS_capset, &header, sets.half));
}

std::uint32_t half_of(CapabilitySet set, int half) noexcept { return static_cast<std::uint32_t>(set >> (32 * half)); }

/// Only what is there is dropped, so that nothing needs a right that has nothing to do. What root's exec gives comes from the
/// inheritable set as well (capabilities(7)).
void limit_capabilities(ChildSetup& setup) noexcept {
    for (int number = 0; number < static_cast<int>(kMostCapabilities); ++number) {
        if (has(*setup.bounding_set, static_cast<unsigned>(number))) continue;
        if (::syscall(SYS_prctl, PR_CAPBSET_READ, number, 0, 0, 0) != 1) continue; // dropped already, or not known to this kernel
        setup.failed_detail = number;
        check(setup, SpawnStep::capabilities, ::syscall(SYS_prctl, PR_CAPBSET_DROP, number, 0, 0, 0));
    }
    CapabilitySets sets{};
    read_capabilities(setup, sets);
    std::uint32_t dropped = 0;
    for (int half = 0; half < 2; ++half) {
        dropped |= sets.half[half].inheritable & ~half_of(*setup.bounding_set, half);
        sets.half[half].inheritable &= half_of(*setup.bounding_set, half);
    }
    if (dropped != 0) write_capabilities(setup, sets);
}

/// As the user: a change from root clears the ambient set, and keeps the permitted one only because of PR_SET_KEEPCAPS. Of that the
/// process has no more until its exec than it will have after it.
void raise_capabilities(ChildSetup& setup) noexcept {
    setup.failed_detail = -1;
    CapabilitySets sets{};
    read_capabilities(setup, sets);
    const bool gives_up = setup.set_uid && setup.uid != 0;
    for (int half = 0; half < 2; ++half) {
        const std::uint32_t ambient = half_of(setup.ambient_set, half);
        if (gives_up) sets.half[half].permitted = sets.half[half].effective = ambient;
        sets.half[half].inheritable = ambient;
    }
    write_capabilities(setup, sets);
    for (int number = 0; number < static_cast<int>(kMostCapabilities); ++number) {
        if (!has(setup.ambient_set, static_cast<unsigned>(number))) continue;
        setup.failed_detail = number;
        check(setup, SpawnStep::capabilities, ::syscall(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0));
    }
}

} // namespace

/// Group before user: the user may not be allowed to. Root, limits and the bounding set between them: the user may not change or
/// raise them, and what it may have counts from its first process on.
void set_up_credentials(ChildSetup& setup) noexcept {
    if (setup.set_groups) check(setup, SpawnStep::group, ::syscall(SYS_setgroups, setup.group_count, setup.groups));
    if (setup.set_gid) check(setup, SpawnStep::group, ::syscall(SYS_setresgid, setup.gid, setup.gid, setup.gid));
    if (setup.root_directory != nullptr) check(setup, SpawnStep::chroot, ::syscall(SYS_chroot, setup.root_directory));
    set_limits(setup);
    if (setup.bounding_set) limit_capabilities(setup);
    if (setup.ambient_set != 0) check(setup, SpawnStep::capabilities, ::syscall(SYS_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0));
    if (setup.set_uid) check(setup, SpawnStep::user, ::syscall(SYS_setresuid, setup.uid, setup.uid, setup.uid));
    if (setup.ambient_set != 0) raise_capabilities(setup);
}

} // namespace swathe
