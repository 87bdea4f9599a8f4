#pragma once

#include "base/log.h"
#include "event/loop.h"
#include "model/service.h"
#include "process/cgroup_watch.h"
#include "process/instance_group.h"
#include "supervise/run.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace swathe {

/// The stop of what is left in a control group that has no instance any more: the signals and the time that kill_mode, timeout_stop_sec and
/// their kin give to an instance, but no command.
class GroupEnd {
public:
    struct Host {
        std::function<void(LogLevel, const std::string&)> say;
        std::function<void()> over; ///< called in the loop; may destroy this object
    };

    /// Does nothing before begin(). `group` has a control group.
    GroupEnd(Loop& loop, std::shared_ptr<const InstanceGroup> group, const Service& service, Host host);
    GroupEnd(const GroupEnd&) = delete;
    GroupEnd& operator=(const GroupEnd&) = delete;

    /// Once. False: there is nobody to wait for, and `over` will not be called. `restart`: the service is to start again.
    [[nodiscard]] bool begin(bool restart);

private:
    void post(const RunEvent& event); ///< this object may be gone after it
    void take(const RunEvent& event);
    void set_timer();
    void tell(Phase from) const;
    void note(const Status& done) const;

    Loop& loop_;
    std::shared_ptr<const InstanceGroup> group_;
    Service service_;
    Host host_;
    Run run_;
    std::optional<TimerSource> timer_;
    std::optional<CgroupWatch> watch_;
};

} // namespace swathe
