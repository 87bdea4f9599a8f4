#pragma once

#include "classify/rules.h"

#include <memory>

struct two_lpm_bpf;

namespace swathe::bench {

/// The two-LPM-lookups program, loaded with the rules of a rule set. Attached nowhere.
class Baseline {
public:
    /// Its rules have one port or all, and neither guards nor holes.
    [[nodiscard]] static bool can_express(const RuleSet& rules);

    /// Borrows the SOCKMAP for the call. All rules lead to slot 0.
    [[nodiscard]] static Baseline load(const RuleSet& rules, int sockets_fd);

    [[nodiscard]] int program_fd() const;
    [[nodiscard]] double fill_ms() const noexcept { return fill_ms_; }
    [[nodiscard]] std::size_t kernel_bytes() const;

private:
    struct Close {
        void operator()(two_lpm_bpf* skeleton) const noexcept;
    };
    std::unique_ptr<two_lpm_bpf, Close> skeleton_;
    double fill_ms_ = 0;
};

} // namespace swathe::bench
