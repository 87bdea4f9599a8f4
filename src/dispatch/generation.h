#pragma once

#include "classify/tables.h"
#include "base/error.h"
#include "dispatch/limit_maps.h"

#include <memory>

struct dispatch_bpf;

namespace swathe {

/// One generation of the dispatcher: the program, loaded with its own tables. Attached nowhere.
class Generation {
public:
    /// Borrowed for the call. -1: a map of its own (for asking only).
    struct Shared {
        int sockets_fd = -1;
        int counters_fd = -1;
        int hits_fd = -1; ///< -1: rules are not counted
        const LimitMaps* limits = nullptr; ///< nullptr: limits are not enforced
        bool limit_questions = false;      ///< limits are also for what comes from no interface, as from BPF_PROG_TEST_RUN
    };
    /// Errors: what libbpf and the verifier said last.
    [[nodiscard]] static Result<Generation> load(const Tables& tables, const Shared& shared);

    [[nodiscard]] int program_fd() const;                              ///< what to attach: the twin, where there is one
    [[nodiscard]] std::uint32_t slots() const noexcept { return slots_; } ///< highest slot named + 1

    /// Where the traced twin reports to. Borrowed for the call.
    struct Report {
        int events_fd = -1;
        int lost_fd = -1;
        std::uint32_t generation = 0; ///< as the events call this one
    };
    /// Loads the program once more, over the same tables, sockets and counters, so that it reports its decisions. `shares`: by target.
    [[nodiscard]] Status load_twin(const Report& report, const std::vector<dispatch_share>& shares);
    [[nodiscard]] Status set_shares(const std::vector<dispatch_share>& shares); ///< as many as at first
    void drop_twin() noexcept { twin_.reset(); } ///< it runs on as long as it is attached

    /// The choice (0 = no rule matched) of the same program over the same tables, loaded beside it without its counting and
    /// steering. `flow` may name an interface.
    [[nodiscard]] Result<std::uint32_t> ask(const Flow& flow);

private:
    struct Close {
        void operator()(dispatch_bpf* skeleton) const noexcept;
    };
    using Skeleton = std::unique_ptr<dispatch_bpf, Close>;

    [[nodiscard]] static Skeleton open(bool traced);
    [[nodiscard]] int share_maps(dispatch_bpf& other) const;
    [[nodiscard]] Status load_explainer();

    Skeleton program_, explainer_, twin_; // the explainer is loaded when it is first asked
    std::uint32_t slots_ = 0;
};

} // namespace swathe
