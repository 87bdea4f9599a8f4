#pragma once

#include "event/loop.h"

#include <memory>

namespace swathe {

/// A thread for work that would keep the loop from its sources. Jobs run one after the other, in the order in which they were given.
/// What a job needs it is handed by value, or shares unchanged with the loop.
class Worker {
public:
    using Work = std::function<void()>; ///< must not throw

    /// The thread takes no signals. `loop` outlives the worker.
    [[nodiscard]] static Result<Worker> start(Loop& loop);
    Worker(Worker&&) noexcept;
    Worker& operator=(Worker&&) noexcept;
    /// Waits for the job that is running. The others, and every `done` that is still to come, are dropped.
    ~Worker();

    void run(Work job, Work done); ///< `job` in the thread; after it `done` in the loop

private:
    struct State;
    explicit Worker(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

} // namespace swathe
