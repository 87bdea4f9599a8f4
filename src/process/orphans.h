#pragma once

#include "event/loop.h"
#include "process/exit.h"

#include <functional>
#include <memory>

#include <sys/types.h>

namespace swathe {

/// Makes this process the reaper of orphaned grandchildren (PR_SET_CHILD_SUBREAPER), as pid 1 else would be, and leaves no zombie
/// of them. Main children are not touched: their ChildWatch reaps them.
class Orphans {
public:
    using IsMain = std::function<bool(pid_t)>;                 ///< has this child a ChildWatch?
    using Handler = std::function<void(pid_t, const Exit&)>;   ///< an orphan ended; for the log. May not destroy this object.

    /// Takes over SIGCHLD.
    [[nodiscard]] static Result<Orphans> adopt(Loop& loop, IsMain is_main, Handler ended);

    Orphans(Orphans&&) noexcept;
    Orphans& operator=(Orphans&&) noexcept;
    ~Orphans(); ///< goes on being the subreaper, but reaps no longer

private:
    struct State;
    explicit Orphans(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

} // namespace swathe
