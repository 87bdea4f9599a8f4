#pragma once

#include "base/unique_fd.h"
#include "classify/same_rules.h"
#include "dispatch/trace.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace swathe {

class LimitMaps;

/// Listeners that one network namespace can have: the size of the SOCKMAP.
inline constexpr std::uint32_t kSlotCapacity = DISPATCH_SLOTS;

/// Per listener socket, summed over all CPUs.
struct SlotCounters {
    std::uint64_t lookups = 0;       ///< packets whose winning rule names this slot: the sum of all that became of them
    std::uint64_t steered = 0;
    std::uint64_t no_socket = 0;     ///< the slot was empty
    std::uint64_t assign_errors = 0; ///< the socket was there but the kernel refused it; EEXIST: another program had chosen before
    int last_errno = 0;              ///< of the last assign error; positive
    std::array<std::uint64_t, DISPATCH_REFUSALS> refused{}; ///< before a socket was looked for; by DropReason
    std::uint64_t unasked = 0;       ///< let in though a limit could not be asked: no room for a bucket, or too many CPUs at once
    std::uint64_t new_sources = 0;   ///< for which a bucket was made

    [[nodiscard]] std::uint64_t refused_by(DropReason why) const noexcept { return refused[static_cast<std::size_t>(why)]; }
};

/// A program of the namespace, in run order.
struct AttachedProgram {
    std::uint32_t id = 0;
    std::string name; ///< "" if the kernel does not tell (that takes CAP_SYS_ADMIN)
    bool ours = false;
};

/// What the BPF program said when asked by BPF_PROG_TEST_RUN.
struct KernelDecision {
    Verdict verdict = Verdict::pass;
    std::optional<RuleId> rule; ///< nothing: no rule matched, or the implicit home rule
    std::uint32_t slot = 0;     ///< for steer
};

/// The sk_lookup program of one network namespace with its SOCKMAP, counters and tables.
/// Not thread-safe, but for prepare(). Needs CAP_BPF and CAP_NET_ADMIN.
class Dispatcher {
public:
    /// A generation that is loaded and not in force. To destroy it frees its tables, which takes a while if they are large.
    class Prepared {
    public:
        Prepared(Prepared&&) noexcept;
        Prepared& operator=(Prepared&&) noexcept;
        ~Prepared();

    private:
        friend class Dispatcher;
        struct State;
        explicit Prepared(std::unique_ptr<State> state) noexcept;
        std::unique_ptr<State> state_;
    };

    struct Options {
        int netns_fd = -1;       ///< borrowed for the call; -1 = the calling thread's namespace
        std::string pin_path;    ///< where the link is pinned; "" = nowhere: steering ends with the process
    };

    /// Creates SOCKMAP and counters. Attaches nothing yet.
    [[nodiscard]] static Result<Dispatcher> create(const Options& options);
    Dispatcher(Dispatcher&&) noexcept;
    Dispatcher& operator=(Dispatcher&&) noexcept;
    ~Dispatcher(); ///< leaves a pinned link as it is

    /// Slots are handed out lowest first and handed out again only when no running program can name them any more.
    /// Errors: all kSlotCapacity in use (says so, and which limit).
    [[nodiscard]] Result<std::uint32_t> allocate_slot();
    void release_slot(std::uint32_t slot); ///< empties it; call after the publish() that no longer names it

    [[nodiscard]] Status set_socket(std::uint32_t slot, int fd); ///< borrowed; replaces atomically
    /// Closes a listener for all, or opens it again, at once. `limiter`: CompileInput::limiter_of. It has an effect where the current
    /// tables have limits for the listener; that stays over generations until release_slot(). Errors: no tables with limits yet.
    [[nodiscard]] Status set_gate(std::uint32_t limiter, bool closed);
    /// Refuses `source` for a listener, or lets it in again, at once; as set_gate(). Its length is the service's source_prefix_ipv4 or
    /// _ipv6: others never match. Errors: also that DISPATCH_BLOCKS are blocked already.
    [[nodiscard]] Status block(std::uint32_t limiter, const Prefix& source, bool on);

    void clear_socket(std::uint32_t slot); ///< leaves the slot taken but empty: the listener's when_down decides
    [[nodiscard]] SlotCounters counters(std::uint32_t slot) const;
    /// Packets that each rule of the current generation decided, by RuleId. Empty: rules are not counted.
    [[nodiscard]] std::vector<std::uint64_t> rule_hits() const;

    /// Builds a new generation from `tables` and touches nothing that runs. Any thread may call it, as long as nobody publishes meanwhile.
    [[nodiscard]] Result<Prepared> prepare(const Tables& tables) const;
    /// Switches to `next` in one step. The first call attaches the program (or takes over the link that a predecessor left pinned)
    /// and pins the link, 0600 in a 0700 directory. Then `next` is what was in force before, if anything was: to publish it
    /// again goes back. On error the old generation stays, and `next` is as it was.
    [[nodiscard]] Status publish(Prepared& next);
    /// Both, and those rules go on counting that are the `same` in the tables that were published last, and in these.
    [[nodiscard]] Status publish(const Tables& tables, const SameRules& same = {});

    /// What the rules in `same` counted in a generation that was in force and was `replaced`, by the numbers that they have now. Takes
    /// some 10 ms, until no program can count any more. Any thread may call it.
    [[nodiscard]] std::vector<std::uint64_t> carried_hits(const Prepared& replaced, const SameRules& same) const;
    void add_hits(const std::vector<std::uint64_t>& carried); ///< to the rules of the current generation
    [[nodiscard]] std::uint64_t generation() const noexcept; ///< counts publish() calls that succeeded, from 1; 0 = none yet

    /// Asks the current generation, without touching counters or sockets. `flow.ifindex` is simulated.
    [[nodiscard]] Result<KernelDecision> test_run(const Flow& flow) const;

    /// Has the program report its decisions, or changes which ones; nothing = no more. While it does, a traced twin over the same
    /// tables is attached; a publish() brings the twin of its generation. Errors: nothing is published yet, what the kernel said.
    [[nodiscard]] Status trace(const std::optional<TraceWish>& wish);
    /// What was reported since the last read, at most `most` decisions, without waiting. Nothing while it does not trace. Errors: the
    /// last publish() could not load the twin: it traces no more.
    [[nodiscard]] Result<TraceRead> read_trace(std::size_t most);

    [[nodiscard]] Result<std::vector<AttachedProgram>> programs() const; ///< in the namespace, in run order

    /// Ends steering and removes the pin, also one of a killed predecessor that nobody has taken over; a publish() attaches anew.
    [[nodiscard]] Status detach();

private:
    struct State;
    explicit Dispatcher(std::unique_ptr<State> state) noexcept;
    [[nodiscard]] Result<std::shared_ptr<LimitMaps>> limit_maps() const;
    std::unique_ptr<State> state_;
};

/// Ends the steering with which a link goes on that a predecessor left pinned at `pin_path`, and removes the pin. `netns_fd`: of the
/// network namespace that the pin is for; -1 = it is gone, and if the link is not dead then, it is left. True: it was removed.
[[nodiscard]] Result<bool> remove_pinned(const std::string& pin_path, int netns_fd);

/// Loads a program with `tables` that is attached nowhere, and asks it. For `explain --kernel` without a daemon.
[[nodiscard]] Result<std::vector<KernelDecision>> ask_kernel(const Tables& tables, const std::vector<Flow>& flows);

} // namespace swathe
