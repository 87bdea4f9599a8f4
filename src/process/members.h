#pragma once

#include "event/loop.h"
#include "process/child.h"

#include <functional>
#include <memory>
#include <vector>

namespace swathe {

/// All processes of one instance of a service: its main process, the commands beside it, and whoever these have started. Found by their
/// process groups, so that one that made a group of its own (setsid(2)) is not among them.
class Members {
public:
    void add(const Child& leader);                  ///< of a process group; remembered by a descriptor of its own
    [[nodiscard]] Status signal(int number) const;  ///< to all
    [[nodiscard]] bool empty() const noexcept;      ///< no process is left, and no zombie
    [[nodiscard]] bool has(pid_t pid) const noexcept;

    /// Calls `gone` once, in the loop, when nobody is left. Replaces an earlier one.
    [[nodiscard]] Status watch(Loop& loop, std::function<void()> gone);
    void unwatch() noexcept { poll_.reset(); }

private:
    struct Poll;
    struct DeletePoll { void operator()(Poll* poll) const noexcept; };
    std::vector<Child> leaders_;
    std::unique_ptr<Poll, DeletePoll> poll_;
};

} // namespace swathe
