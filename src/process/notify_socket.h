#pragma once

#include "base/error.h"
#include "event/loop.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace swathe {

inline constexpr std::size_t kLongestNotification = 4096; ///< bytes; longer datagrams are refused (COMPAT 2.4)
inline constexpr int kNotificationsPerTurn = 64;          ///< then the other sources of the loop have their turn
inline constexpr int kNotificationsPerDrain = 4096;       ///< more than net.unix.max_dgram_qlen lets wait, as a rule 512

/// One datagram to $NOTIFY_SOCKET, taken apart. Unknown keys are ignored (sd_notify(3)).
struct Notification {
    bool ready = false;
    bool stopping = false;
    bool reloading = false;
    std::optional<std::string> status; ///< valid UTF-8, control characters written as \xHH: safe for a terminal
};

/// Pure. A STATUS= that is not UTF-8 is left out, the rest counts. Of a key that comes twice the first counts. Errors: embedded NUL
/// (one at the end is allowed).
[[nodiscard]] Result<Notification> parse_notification(std::string_view datagram);

/// The daemon's $NOTIFY_SOCKET: one AF_UNIX datagram socket for all services. The sender is whom the kernel says
/// (SCM_CREDENTIALS), never whom the message says.
class NotifySocket {
public:
    struct Sender {
        pid_t pid = 0;
        uid_t uid = 0;
    };
    using Handler = std::function<void(const Sender&, const Notification&)>; ///< may not destroy the socket
    using Refused = std::function<void(const Sender&, const Error&)>; ///< to be logged, rate-limited, by the caller

    /// Binds `path`, mode 0666: every service user may write, who is believed is decided by pid. A stale socket there is replaced, anything
    /// else is an error. Its directory must be writable by this process's user only. Descriptors that come along are closed, once
    /// their message, and so all before it, were handled: that is what BARRIER=1 asks for.
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
