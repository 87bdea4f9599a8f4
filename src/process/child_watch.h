#pragma once

#include "event/loop.h"
#include "process/child.h"

#include <functional>
#include <memory>

namespace swathe {

/// Owns a running child and waits for its end: then kills what is left of its process group, so that no orphaned worker goes on
/// accepting from the sockets (KillMode=mixed; cgroups will do better), reaps it, and calls the handler, once.
class ChildWatch {
public:
    using Handler = std::function<void(const Exit&)>; ///< may destroy this object

    /// On error the child is killed and reaped: one that nobody waits for must not be.
    [[nodiscard]] static Result<ChildWatch> watch(Loop& loop, Child child, Handler handler);
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
