#pragma once

#include "base/error.h"
#include "event/loop.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace swathe {

/// One datagram to $NOTIFY_SOCKET, taken apart. Unknown keys are ignored (sd_notify(3)).
struct Notification {
    bool ready = false;
    bool stopping = false;
    bool reloading = false;
    std::optional<std::string> status; ///< valid UTF-8, at most kLongestStatus bytes
};

inline constexpr std::size_t kLongestNotification = 4096; ///< bytes; longer datagrams are refused (COMPAT 2.4)
inline constexpr std::size_t kLongestStatus = 2048;

/// Pure. Errors: embedded NUL, not UTF-8.
[[nodiscard]] Result<Notification> parse_notification(std::string_view datagram);

/// The daemon's $NOTIFY_SOCKET: one AF_UNIX datagram socket for all services. The sender is whom the kernel says
/// (SCM_CREDENTIALS), never whom the message says.
class NotifySocket {
public:
    struct Sender {
        pid_t pid = 0;
        uid_t uid = 0;
    };
    using Handler = std::function<void(const Sender&, const Notification&)>;
    using Refused = std::function<void(const Sender&, const Error&)>; ///< to be logged, rate-limited, by the caller

    /// Binds `path` (a stale socket there is replaced), mode 0666: every service user may write, who is believed is decided by pid.
    [[nodiscard]] static Result<NotifySocket> open(Loop& loop, const std::string& path, Handler handler, Refused refused);
    [[nodiscard]] const std::string& path() const noexcept;

    NotifySocket(NotifySocket&&) noexcept;
    NotifySocket& operator=(NotifySocket&&) noexcept;
    ~NotifySocket(); ///< removes the path

private:
    struct State;
    explicit NotifySocket(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

} // namespace swathe
