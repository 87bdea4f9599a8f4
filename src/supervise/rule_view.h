#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace swathe {

// Rules and what they do with a packet: what `swathectl rules` and `explain` may know. Plain values, made by supervise/, read by control/.

struct RuleView {
    std::string protocol, prefix, ports, from, interface; ///< from, interface: "" = any
    std::string verdict;               ///< "steer", "drop", "pass"
    std::string service, listener;     ///< for steer
    std::string file;
    std::uint32_t line = 0, column = 0;
    std::string netns = {};            ///< network namespace; "" = the daemon's own
    std::optional<std::string> except_from = {}; ///< sources that it does not match; nothing: none
    std::optional<std::uint64_t> hits = {}; ///< packets that the rule decided, on all its ports; nothing: not counted
};

/// Which rules, and in which order. By default all, as the dispatcher prefers them, one for each range of ports. Whoever asks for hits
/// gets a rule once, with all its ports, and only if rules are counted.
struct RuleQuery {
    bool by_hits = false;    ///< the most hit first
    bool never_hit = false;  ///< only those that decided no packet since they are there
    std::uint32_t limit = 0; ///< at most so many; 0 = all, as far as they can be listed
};

/// One question of `explain`, as text from a client: unchecked.
struct ExplainQuery {
    std::string protocol, address, port, from, interface; ///< from: "ADDR" or "ADDR:PORT"; "" = none
    bool kernel = false; ///< ask the program instead of the tables
    bool live = false;   ///< ask the whole kernel, and the other two for comparison
    std::string netns = {}; ///< as the configuration names it; "" = the daemon's own
};

/// A socket that is none of our listeners.
struct ForeignSocketView {
    std::optional<std::string> process; ///< nothing: not found
    std::optional<std::int64_t> pid;
    std::string address;                ///< what it is bound to: "0.0.0.0:80"
};

/// One answer (DESIGN 7).
struct ExplainView {
    std::string verdict, service, listener;
    std::optional<RuleView> rule;   ///< nothing: no rule matched
    std::vector<RuleView> others;   ///< matched and lost, in order
    std::string source;             ///< "tables", "kernel", "live"
    std::optional<ForeignSocketView> socket; ///< live: who gets it, where that is none of our listeners
    std::string disagreement;       ///< live: where tables, program and kernel differ, and who is responsible; "" = they agree
    std::optional<std::string> reason = {}; ///< why a rule that steers does not; nothing: it does
    std::optional<std::string> limits = {}; ///< of the winner's listener, in words: whom it lets in is not asked; nothing: all
};

} // namespace swathe
