#pragma once

#include "event/loop.h"
#include "systemd/unit_state.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <sys/types.h>

namespace swathe {

/// The system's service manager: what it says of some of its units, and when that changes.
/// Asked over its own socket, which needs no message bus, is root's alone, and whose other end the kernel names: nobody else can answer
/// there, or send signals. All of them come unasked (systemd's src/core/dbus.c, bus_foreach_bus()).
class Manager {
public:
    struct Place {
        std::string socket = "/run/systemd/private";
        pid_t pid = 1; ///< who has bound it
        uid_t uid = 0;
    };
    struct Events {
        std::function<void()> connected;                                             ///< all may have changed: ask
        std::function<void(const Error& why)> lost;                                  ///< once an outage, or there is no such manager
        std::function<void(const std::string& unit, const UnitMark& mark)> changed; ///< one that is followed
    };
    struct Answer {
        UnitState state;
        UnitMark mark;
    };
    using Told = std::function<void(Result<Answer>)>;

    /// Connects to nobody yet. `loop` outlives it.
    [[nodiscard]] static Result<std::unique_ptr<Manager>> create(Loop& loop, Place place, Events events);
    ~Manager();
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;

    /// Tells changes of these units from now on, and connects if it is not connected; none: disconnects. A connection that breaks is made
    /// again and again; if there has never been one, it is tried once a call.
    void follow(const std::set<std::string>& units);
    [[nodiscard]] bool is_connected() const noexcept;

    /// `told` comes once, later; not at all if by then the unit is followed no longer, was asked about again, or the connection is another.
    /// Requires is_connected(), and a unit that is followed.
    void ask(const std::string& unit, Told told);

private:
    struct Connection; // what belongs to sd-bus
    struct Question;
    Manager(Loop& loop, Place place, Events events);
    void connect();
    void disconnected(const Error& why);
    void retry_later();
    [[nodiscard]] Status open();

    Loop& loop_;
    Place place_;
    Events events_;
    std::map<std::string, std::string> units_; ///< by their object paths
    std::optional<TimerSource> retry_;
    Duration delay_{};
    bool was_connected_ = false;
    bool outage_told_ = false;
    std::unique_ptr<Connection> connection_;
};

} // namespace swathe
