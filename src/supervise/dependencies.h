#pragma once

#include "model/service.h"

#include <set>
#include <span>
#include <string>
#include <vector>

namespace swathe {

/// Who is stopped, started or waited for with whom: decided here, done by the Supervisor. systemd.unit(5), Requires= and following.
/// Of all services the daemon's own count, and of these whoever is there.
struct Peer {
    const Service* service = nullptr; ///< never null
    bool is_running = false;
    bool is_starting = false; ///< or waits for others before it starts
    bool is_there = false;    ///< has an instance, or will have one again without being asked
};

/// What has to be done before a start.
struct StartPlan {
    struct Needed {
        std::string name;
        bool required = false; ///< if it cannot be started, this one is not
        bool awaited = false;  ///< this one starts after it
        friend bool operator==(const Needed&, const Needed&) = default;
    };
    std::string missing;            ///< it had to run already, and does not: there is to be no start; "" = nobody is
    std::vector<std::string> stop;  ///< they cannot run beside it; waited for
    std::vector<Needed> start;      ///< in the order in which they are named
};
[[nodiscard]] StartPlan plan_start(const Service& service, std::span<const Peer> others);

/// Is `later` started after `earlier`, and stopped before it, where both are?
[[nodiscard]] bool follows(const Service& later, const Service& earlier) noexcept;

/// Who is stopped before `name` is by hand, and restarted with it: nearest first, each once, with who is stopped with them.
[[nodiscard]] std::vector<std::string> stopped_with(const std::string& name, std::span<const Peer> others);

/// Who is stopped when `name` has ended for any reason.
[[nodiscard]] std::vector<std::string> bound_to(const std::string& name, std::span<const Peer> others);

/// The names of services that name others or are named by them; of all the rest nothing above has to be asked.
[[nodiscard]] std::set<std::string> linked_services(std::span<const Service> services);

} // namespace swathe
