#pragma once

#include "event/loop.h"
#include "process/child.h"

#include <functional>
#include <memory>

namespace swathe {

/// Owns a running child, or a process that will be one, waits for its end, reaps it, and calls the handler, once.
class ChildWatch {
public:
    using Handler = std::function<void(const Exit&)>; ///< may destroy this object

    /// `kill_group`: what is left of its process group then is killed, so that no orphaned worker goes on accepting from the sockets: for
    /// kernels on which nobody could find it any more (groups_outlive_leaders()). Of a process that ends as somebody else's child
    /// no more is known; it counts as having exited with 0.
    /// On error the child is killed and reaped: one that nobody waits for must not be.
    [[nodiscard]] static Result<ChildWatch> watch(Loop& loop, Child child, Handler handler, bool kill_group = false);
    [[nodiscard]] const Child& child() const noexcept;

    ChildWatch(ChildWatch&&) noexcept;
    ChildWatch& operator=(ChildWatch&&) noexcept;
    ~ChildWatch(); ///< a child that still runs goes on running

private:
    struct State;
    explicit ChildWatch(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

} // namespace swathe
