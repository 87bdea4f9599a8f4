#pragma once

#include "base/unique_fd.h"
#include "base/error.h"

namespace swathe {

/// Waits until no BPF program runs any more that ran when the wait began.
class GracePeriod {
public:
    [[nodiscard]] static Result<GracePeriod> create();

    /// Takes some 10 ms. An update of a map of maps ends with synchronize_rcu (kernel/bpf/syscall.c, maybe_wait_bpf_programs); unlike
    /// membarrier(2) it does so with nohz_full and with one CPU, too.
    [[nodiscard]] Status wait() const;

private:
    UniqueFd outer_, inner_;
};

} // namespace swathe
