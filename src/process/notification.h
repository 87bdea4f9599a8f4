#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "model/service.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace swathe {

/// One datagram to $NOTIFY_SOCKET, taken apart: sd_notify(3). All that stands in it is meant together, in this order: STOPPING=1
/// before all, then READY=1, then RELOADING=1; RELOADING=1 with READY=1 = a reload that is already over. FDSTOREREMOVE=1 comes before
/// FDSTORE=1.
struct Notification {
    enum class Watchdog : std::uint8_t { none, ping, trigger };

    bool ready = false;
    bool stopping = false;
    bool reloading = false;
    bool restart_reset = false; ///< the delay of restarts begins at its shortest again
    bool barrier = false;       ///< stands alone

    std::optional<std::string> status;   ///< valid UTF-8, control characters written as \xHH: safe for a terminal; "" clears it
    std::optional<int> errno_value;      ///< 0 to 4095, also where its name was sent
    std::optional<int> exit_status;      ///< 0 to 255
    std::optional<std::string> bus_error, varlink_error; ///< letters, digits, '_' and '.'; never empty

    std::optional<pid_t> main_pid;               ///< positive. Whether it may be believed is for the receiver to find out
    std::optional<std::uint64_t> main_pidfd_id;  ///< inode number of the main process's pidfd
    bool main_pidfd = false;                     ///< the one descriptor is the main process's pidfd
    std::optional<NotifyAccess> notify_access;   ///< from now on

    Watchdog watchdog = Watchdog::none;
    std::optional<Duration> watchdog_usec;       ///< the interval from now on; kInfinity = none
    std::optional<Duration> extend_timeout_usec; ///< positive and finite
    std::optional<Monotonic> monotonic_usec;     ///< when RELOADING=1 was true

    bool fdstore = false;        ///< the descriptors are to be kept
    bool fdstore_remove = false; ///< those of the name `fd_name` are to go; nothing without a name
    bool fd_poll = true;         ///< one that hangs up is dropped from the store
    std::optional<std::string> fd_name; ///< printable ASCII without ':', 1 to kLongestFdName (process/spawn.h) bytes

    [[nodiscard]] std::string stored_name() const { return fd_name.value_or("stored"); } ///< for what FDSTORE=1 brings
};

/// Pure. Unknown keys are ignored, and known ones with a value that is none; flags count wherever they stand, of any other key that
/// comes twice only the first. Errors: embedded NUL (one at the end is allowed), BARRIER=1 beside anything else.
[[nodiscard]] Result<Notification> parse_notification(std::string_view datagram);

} // namespace swathe
