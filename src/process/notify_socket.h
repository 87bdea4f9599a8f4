#pragma once

#include "base/error.h"
#include "base/unique_fd.h"
#include "event/loop.h"
#include "process/notification.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace swathe {

inline constexpr std::size_t kLongestNotification = 4096; ///< bytes; longer datagrams are refused (COMPAT 2.4)
inline constexpr int kNotificationsPerTurn = 64;          ///< then the other sources of the loop have their turn
inline constexpr int kNotificationsPerDrain = 4096;       ///< more than net.unix.max_dgram_qlen lets wait, as a rule 512

/// The daemon's $NOTIFY_SOCKET: one AF_UNIX datagram socket for all services. The sender is whom the kernel says
/// (SCM_CREDENTIALS), never whom the message says.
class NotifySocket {
public:
    struct Sender {
        pid_t pid = 0;
        uid_t uid = 0;
        UniqueFd pidfd; ///< of the process that sent it, whatever has its number now; empty before Linux 6.5, or if it is long gone
        std::optional<std::string> cgroups; ///< cgroups_of() it, when its message was read
    };
    /// The descriptors are those of the datagram, CLOEXEC; they close with the vector. May not destroy the socket.
    using Handler = std::function<void(const Sender&, Notification&&, std::vector<UniqueFd>)>;
    using Refused = std::function<void(const Sender&, const Error&)>; ///< to be logged, rate-limited, by the caller

    /// Binds `path`, mode 0666: every service user may write, who is believed is decided by pid. A stale socket there is replaced, anything
    /// else is an error. Its directory must be writable by this process's user only. BARRIER=1 is answered here and reaches no handler:
    /// its one descriptor closes once all messages before it were handled.
    [[nodiscard]] static Result<NotifySocket> open(Loop& loop, const std::string& path, Handler handler, Refused refused);
    [[nodiscard]] const std::string& path() const noexcept;

    /// Handles what is queued. To be called when a child has ended, before anything is done about it: its last words may still wait.
    void drain();

    NotifySocket(NotifySocket&&) noexcept;
    NotifySocket& operator=(NotifySocket&&) noexcept;
    ~NotifySocket(); ///< removes the path

private:
    struct State;
    explicit NotifySocket(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

} // namespace swathe
