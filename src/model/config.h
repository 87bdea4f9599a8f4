#pragma once

#include "model/service.h"

#include <set>

namespace swathe {

enum class Verdict : std::uint8_t {
    steer, ///< the listener's socket takes it
    drop,  ///< refused: TCP RST, ICMP port unreachable
    pass,  ///< the kernel's own lookup decides
};

[[nodiscard]] const char* to_string(Verdict verdict) noexcept; ///< "steer", "drop", "pass"

/// A global [[drop]] or [[pass]] rule.
struct GlobalRule {
    Verdict verdict = Verdict::drop;     ///< never steer
    std::vector<Protocol> protocols;     ///< never empty; both if the rule names none
    std::vector<Endpoint> endpoints;     ///< never empty
    std::vector<Endpoint> except;
    Guard guard;
    std::string netns;                   ///< as a listener's
    SourcePos pos;
};

/// swathe.toml: what concerns the daemon and not one service. Command line options win over it.
struct DaemonSettings {
    std::string log_level = "info"; ///< error, warning, notice, info, debug
    std::string control_group = "swathe"; ///< who may look
    bool rule_counters = false;           ///< count what each rule decides
    bool strict = false;                  ///< warnings about unit files are errors; of the reading of the files only
    std::vector<std::string> allow_unsupported; ///< directives that may go unheeded although they protect; likewise
};

/// All that the administrator said. Where the files lay is no longer known, but for positions.
struct Config {
    DaemonSettings daemon;
    std::vector<GlobalRule> rules;
    std::vector<Service> services; ///< sorted by name
};

/// What a configuration says about some network namespaces, named as it names them. Services and listeners keep their
/// numbers; a listener that is elsewhere has no endpoints.
[[nodiscard]] Config only_in(const Config& config, const std::set<std::string>& namespaces);

/// Names a listener of a configuration: services[service].listeners[listener].
struct ListenerRef {
    std::uint32_t service = 0;
    std::uint32_t listener = 0;
    friend auto operator<=>(const ListenerRef&, const ListenerRef&) noexcept = default;
};

[[nodiscard]] inline const Listener& listener_at(const Config& config, ListenerRef ref) {
    return config.services[ref.service].listeners[ref.listener];
}

} // namespace swathe
