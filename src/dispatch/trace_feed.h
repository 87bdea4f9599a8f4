#pragma once

#include "base/unique_fd.h"
#include "classify/tables.h"
#include "dispatch/trace.h"

#include <deque>
#include <memory>

struct ring_buffer;

namespace swathe {

class Generation;

/// Where the traced twins of one dispatcher's generations report to, and how that is read. Its maps outlive the generations.
class TraceFeed {
public:
    [[nodiscard]] static Result<std::unique_ptr<TraceFeed>> open(TraceWish wish);
    TraceFeed(const TraceFeed&) = delete;
    TraceFeed& operator=(const TraceFeed&) = delete;
    ~TraceFeed();

    /// Loads the twin of `generation`, so that it is what will be attached. An error is also what the next read() says.
    [[nodiscard]] Status join(Generation& generation, std::uint64_t number);
    [[nodiscard]] Status change(TraceWish wish, Generation& current); ///< takes effect at once
    /// The generation `number` is no longer attached; `spoken` is what its choices mean.
    void retire(std::uint64_t number, Tables spoken);

    /// At most `most` decisions. `number`, `spoken`: of the current generation. Errors: what join() said.
    [[nodiscard]] Result<TraceRead> read(std::size_t most, std::uint64_t number, const Tables& spoken);

private:
    struct Earlier {
        std::uint64_t number = 0;
        Tables spoken;
        std::deque<dispatch_event> events; ///< not yet read
        unsigned reads = 0;
    };
    explicit TraceFeed(TraceWish wish) : wish_(std::move(wish)) {}
    static int take(void* feed, void* data, std::size_t size) noexcept;
    void drain(std::size_t most);
    [[nodiscard]] const Tables* spoken_of(std::uint64_t number) const;
    [[nodiscard]] std::uint64_t lost_since_last();

    struct Free {
        void operator()(ring_buffer* ring) const noexcept;
    };
    TraceWish wish_;
    UniqueFd events_, lost_;
    std::unique_ptr<ring_buffer, Free> ring_;
    std::deque<dispatch_event> taken_; ///< out of the ring
    std::size_t room_ = 0;             ///< in `taken_`, while drain() runs
    std::deque<Earlier> earlier_;
    std::uint64_t lost_before_ = 0;
    std::uint64_t forgotten_ = 0; ///< events of generations that are no longer kept
    std::optional<Error> broken_;
};

/// What stands in the kernel's table for `wish`, for slots below `slots`. Pure.
[[nodiscard]] std::vector<dispatch_share> shares_of(const TraceWish& wish, std::uint32_t slots);

/// What an event says; of the tables it reads the choices and the rule index. Pure.
[[nodiscard]] TracedDecision decision_of_event(const dispatch_event& event, const Tables& spoken);

} // namespace swathe
