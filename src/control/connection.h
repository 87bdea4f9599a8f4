#pragma once

#include "base/unique_fd.h"
#include "control/access.h"
#include "control/bus.h"
#include "control/protocol.h"
#include "event/loop.h"

namespace swathe {

/// One peer of the control socket: its bus, and the requests that come over it. Not movable: sd-bus holds its address.
class Connection {
public:
    struct Client {
        UniqueFd fd; ///< connected
        uid_t uid = 0;
        Access access = Access::none;
    };
    /// `on_gone` is called once, out of a callback of the bus, when the peer has hung up or is to be got rid of: destroy the
    /// connection later, not in there.
    [[nodiscard]] static Result<std::unique_ptr<Connection>> open(Loop& loop, Client client, ControlBackend& backend,
                                                                  Duration handshake_timeout, std::function<void()> on_gone);
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    [[nodiscard]] bool gone() const noexcept { return gone_; }
    [[nodiscard]] uid_t uid() const noexcept { return uid_; }
    [[nodiscard]] Access access() const noexcept { return access_; }

    // Requests; a negative result is an error that `error` describes. See control/protocol.h.
    int status(sd_bus_message* request, sd_bus_error* error);
    int rules(sd_bus_message* request, sd_bus_error* error);
    int select_rules(sd_bus_message* request, sd_bus_error* error);
    int explain(sd_bus_message* request, sd_bus_error* error);
    int start(sd_bus_message* request, sd_bus_error* error);
    int stop(sd_bus_message* request, sd_bus_error* error);
    int restart(sd_bus_message* request, sd_bus_error* error);
    int reload_service(sd_bus_message* request, sd_bus_error* error);
    int pause(sd_bus_message* request, sd_bus_error* error);
    int resume(sd_bus_message* request, sd_bus_error* error);
    int reload(sd_bus_message* request, sd_bus_error* error);
    int version(sd_bus_message* request, sd_bus_error* error);
    int trace(sd_bus_message* request, sd_bus_error* error);
    int logs(sd_bus_message* request, sd_bus_error* error);

    /// May this request be looked at? 0, or a negative error that `error` describes.
    [[nodiscard]] int admit(Access needed, sd_bus_error* error);
    void hang_up();
    void handshake_done();

private:
    Connection(const Client& client, ControlBackend& backend, std::function<void()> on_gone)
        : uid_(client.uid), access_(client.access), backend_(backend), on_gone_(std::move(on_gone)) {}
    [[nodiscard]] Status set_up(Loop& loop, UniqueFd fd, Duration handshake_timeout);
    [[nodiscard]] Status serve();
    [[nodiscard]] Status watch_signal(const char* member, sd_bus_message_handler_t handler, SlotPtr& slot);
    void turn();

    [[nodiscard]] bool takes_part(bool last); ///< of a stream; false: the peer reads too slowly. The last one it must have.
    [[nodiscard]] bool send_part(const char* member, const std::string& json);
    int act(sd_bus_message* request, sd_bus_error* error,
            const std::function<void(const std::string& service, ControlBackend::Done done)>& work);

    uid_t uid_;
    Access access_;
    bool gone_ = false;
    bool shaken_ = false; ///< the handshake is over
    ControlBackend& backend_;
    std::function<void()> on_gone_;
    TimerSource handshake_timer_;
    TimerSource own_turn_;
    BusPtr bus_;
    SlotPtr methods_; // slots are let go before their bus
    SlotPtr connected_;
    SlotPtr disconnected_;
    TraceHandle trace_; ///< while the peer watches
    LogHandle logs_;    ///< likewise
};

} // namespace swathe
