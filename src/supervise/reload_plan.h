#pragma once

#include "model/config.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace swathe {

/// What a reload will do to sockets and services, decided before anything is touched.
struct ReloadPlan {
    struct ListenerStep {
        ListenerRef next;                ///< in the new configuration
        std::optional<ListenerRef> kept; ///< in the old one: its sockets are taken over, with who waits in them
        bool new_backlog = false;        ///< kept, and to be given the new one's `backlog`
        bool new_options = false;        ///< kept, and to be given the new one's options, or a UNIX socket's file its owner, mode and links
    };
    std::vector<ListenerStep> listeners;          ///< every listener of the new configuration, in order
    std::vector<std::uint32_t> added;             ///< services of the new configuration
    std::vector<std::uint32_t> removed;           ///< services of the old one
    std::vector<std::string> lines;               ///< the same for people: "edge/http: opened"
};

/// What tells a network namespace from others, by the name that a configuration has for it: it may have several, and a name may stand
/// for another namespace than it did.
using PlaceOf = std::function<std::string(const std::string& netns)>;

/// Matches old and new by identity: a service by its name; a listener by service, name, place among equal names, and what
/// its socket was made from (protocol, or the kind and path of a UNIX socket; mode, home, network namespace). A listener that gains a
/// family keeps its socket and gets a second one. Addresses, ports, guards and limits are not part of it: they change without touching the
/// socket. Pure.
[[nodiscard]] ReloadPlan plan_reload(const Config& old, const Config& next, const PlaceOf& old_place, const PlaceOf& next_place);

} // namespace swathe
