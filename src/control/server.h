#pragma once

#include "control/backend.h"
#include "control/protocol.h"
#include "event/loop.h"

#include <memory>

namespace swathe {

/// The control socket: sd-bus, peer to peer, without a bus daemon (control/protocol.h).
/// Who may: uid 0 and the daemon's own uid everything; members of `group` what only reads; nobody else anything. The socket's mode
/// lets nobody else connect, and every peer is asked for its credentials nevertheless. A peer that may not, or for which
/// there is no room (control/access.h), is disconnected without a word.
class ControlServer {
public:
    struct Options {
        std::string path;  ///< a stale socket there is replaced
        std::string group; ///< who may look; a group that does not exist = nobody. Looked up once, by open()
        Duration handshake_timeout = kHandshakeTimeout;
    };
    [[nodiscard]] static Result<ControlServer> open(Loop& loop, const Options& options, ControlBackend& backend); ///< `backend` outlives it

    ControlServer(ControlServer&&) noexcept;
    ControlServer& operator=(ControlServer&&) noexcept;
    ~ControlServer(); ///< removes the path

private:
    struct State;
    explicit ControlServer(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

} // namespace swathe
