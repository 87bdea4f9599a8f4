#pragma once

#include "supervise/service_unit.h"
#include "systemd/manager.h"

namespace swathe {

/// A unit that systemd supervises, and the slots through which we steer to its sockets. Of those we keep no descriptor: a duplicate would
/// keep the address in use when systemd closes its own, and its restart would fail. The kernel empties a slot whose socket is closed.
struct BesideUnit {
    std::shared_ptr<const Service> service;
    std::vector<LiveListener> listeners; ///< a socket for each family; with the home and cookie of the one in the slot, or none
    std::optional<UnitState> state;      ///< nothing: not asked yet
    UnitMark mark;                       ///< as of `state`
    std::string problem;                 ///< why nothing can be steered to a part of it although systemd may listen; "" = no problem
    bool asking = false, again = false;  ///< about the state; something has changed since
    bool later = false;                  ///< what was asked could not be found out
};

/// Follows the units that systemd supervises: puts their sockets into the slots whenever systemd has made new ones, empties the slots when
/// a unit goes down, and does nothing else to them.
class Beside {
public:
    /// `loop` outlives it.
    [[nodiscard]] static Result<std::unique_ptr<Beside>> create(Loop& loop, Manager::Place place);

    /// Fills new slots, as far as the unit's files tell which socket is meant, and systemd is there to have it: so that nobody is refused
    /// who was steered by a predecessor.
    void fill_ahead(const Service& service, const Listener& listener, std::vector<LiveSocket>& sockets);

    /// Adds a unit, or gives it another configuration. follow() must come after the last one.
    void replace(std::shared_ptr<const Service> service, std::vector<LiveListener> listeners);
    /// The listeners, for who goes on with them or releases them.
    [[nodiscard]] std::vector<LiveListener> take_listeners(const std::string& name);
    void remove(const std::string& name);
    void follow(); ///< asks systemd about all of them

    /// Calls back, now or later, when systemd has told about all units, or cannot be asked, or after two seconds.
    void when_settled(std::function<void()> done);

    [[nodiscard]] const BesideUnit* find(const std::string& name) const; ///< nullptr = none of these
    /// Why nothing can be steered through this slot of a unit; "" = its socket is there.
    [[nodiscard]] std::string why_empty(const std::string& name, const LiveSocket& socket) const;
    [[nodiscard]] const std::map<std::string, BesideUnit>& units() const noexcept { return units_; }

private:
    explicit Beside(pid_t manager) : pid_(manager) {}

    void look(BesideUnit& unit);
    void changed(const std::string& name, const UnitMark& mark);
    void answered(const std::string& name, Result<Manager::Answer> answer);
    void lost(const Error& why);
    void look_later(BesideUnit& unit);
    void look_again();
    void settle_slots(BesideUnit& unit);
    [[nodiscard]] Status fill(const std::vector<UnitSocket>& sockets, const Listener& listener, LiveSocket& socket) const;
    [[nodiscard]] std::set<std::string> names() const;
    void settled();

    const pid_t pid_; ///< whose sockets they are
    std::map<std::string, BesideUnit> units_;
    bool asked_ = true; ///< follow() has come to an end: all units are asked about, or cannot be
    bool ahead_ = false; ///< fill_ahead() connects
    std::vector<std::function<void()>> waiting_;
    std::optional<TimerSource> patience_;
    std::optional<TimerSource> later_; ///< while a unit says so
    std::unique_ptr<Manager> manager_; ///< last: it calls back
};

} // namespace swathe
