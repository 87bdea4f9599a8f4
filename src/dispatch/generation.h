#pragma once

#include "classify/tables.h"
#include "base/error.h"

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
    };
    /// Errors: what libbpf and the verifier said last.
    [[nodiscard]] static Result<Generation> load(const Tables& tables, const Shared& shared);

    [[nodiscard]] int program_fd() const;
    /// The choice (0 = no rule matched) of the same program over the same tables, loaded beside it without its counting and
    /// steering. `flow` may name an interface.
    [[nodiscard]] Result<std::uint32_t> ask(const Flow& flow);

private:
    struct Close {
        void operator()(dispatch_bpf* skeleton) const noexcept;
    };
    using Skeleton = std::unique_ptr<dispatch_bpf, Close>;

    [[nodiscard]] static Result<Skeleton> open(const Tables& tables, bool explain);
    [[nodiscard]] Status load_explainer();

    Skeleton program_, explainer_; // the second one is loaded when it is first asked
};

} // namespace swathe
