#pragma once

#include "dispatch/dispatcher.h"
#include "socket/natives.h"
#include "supervise/rule_view.h"

namespace swathe {

/// What the tables, the BPF program, or the whole kernel do with a packet.
struct Opinion {
    Verdict verdict = Verdict::pass; ///< of the whole kernel: steer = to a listener of ours, pass = to another socket, drop = to nobody
    std::string target;              ///< for steer: "edge/http"
    friend bool operator==(const Opinion&, const Opinion&) = default;
};

/// All that can be known about a packet's fate without sending it.
struct Evidence {
    Opinion tables, program, live;
    std::optional<NativeSocket> other;       ///< who gets it, where that is none of our listeners
    bool connected = false;                  ///< `other` belongs to a connection
    bool bound_there = false;                ///< `other` is bound to the destination: it needs no program to be found
    std::optional<NativeSocket> passed_over; ///< who is bound to the destination, where nobody gets it
    std::string unusable;                    ///< why the socket that the tables choose cannot be steered to; "" = it can
    std::vector<AttachedProgram> programs;   ///< of the namespace, in run order
    bool limited = false;                    ///< the listener's limits refused it, which are asked where an interface is named
    std::optional<bool> chosen_before;       ///< did a program before ours choose? Nothing: our counters do not tell
};

/// Does the whole kernel do as the tables say? Where they say pass, it does whether it finds somebody native or nobody. Pure.
[[nodiscard]] bool follows_tables(const Evidence& evidence);

/// Where the three differ, and who is responsible as far as that can be known; "" = they agree. Pure.
[[nodiscard]] std::string disagreement(const Evidence& evidence);

/// The whole kernel's answer about a packet.
struct LiveAnswer {
    Opinion live;
    std::string service, listener;     ///< for steer
    std::optional<NativeSocket> other; ///< for pass
    bool as_tables_say = true;
    std::string disagreement;
};

/// Puts what the kernel does into the place of what the tables say. A rule that is not followed joins those that lost.
void overrule(ExplainView& view, const LiveAnswer& answer);

} // namespace swathe
