#pragma once

#include "event/loop.h"
#include "process/cgroup.h"

#include <functional>
#include <memory>

namespace swathe {

/// Waits for the moment when the last process of a control group, and of those below it, has ended (cgroup.events, "populated").
class CgroupWatch {
public:
    using Handler = std::function<void()>; ///< may destroy this object

    /// Called each time that the group becomes empty, not for one that is: a caller who looks at Cgroup::is_empty() after this misses
    /// nothing. The group may end before this object.
    [[nodiscard]] static Result<CgroupWatch> watch(Loop& loop, const Cgroup& group, Handler handler);

    CgroupWatch(CgroupWatch&&) noexcept;
    CgroupWatch& operator=(CgroupWatch&&) noexcept;
    ~CgroupWatch();

private:
    struct State;
    explicit CgroupWatch(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

} // namespace swathe
