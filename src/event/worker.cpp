#include "event/worker.h"

#include "base/unique_fd.h"

#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

namespace swathe {
namespace {

struct Task {
    Worker::Work job, done;
};

/// While it lives, this thread and those that it starts take no signals: one that a thread of ours took would end the process, or
/// be missed by the loop's signalfd.
class NoSignals {
public:
    NoSignals() noexcept {
        sigset_t all;
        sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    NoSignals(const NoSignals&) = delete;
    NoSignals& operator=(const NoSignals&) = delete;
    ~NoSignals() { (void)pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

} // namespace

struct Worker::State {
    void work();
    void deliver();
    void end();

    UniqueFd wake_loop; // eventfd: some of `finished` is new
    std::mutex mutex;   // guards the rest
    std::condition_variable wake_thread;
    std::deque<Task> waiting;
    std::vector<Work> finished;
    bool ending = false;
    std::thread thread;
    std::optional<IoSource> source; // last: gone before the descriptor is
};

void Worker::State::work() {
    std::unique_lock lock(mutex);
    for (;;) {
        wake_thread.wait(lock, [this] { return ending || !waiting.empty(); });
        if (ending) return;
        Task task = std::move(waiting.front());
        waiting.pop_front();
        lock.unlock();
        task.job();
        task.job = nullptr; // what it holds may be large: it is freed here
        lock.lock();
        finished.push_back(std::move(task.done));
        const std::uint64_t one = 1;
        (void)!::write(wake_loop.get(), &one, sizeof one); // EAGAIN: the loop has not looked for 2^64 jobs
    }
}

void Worker::State::deliver() {
    std::uint64_t count = 0;
    (void)!::read(wake_loop.get(), &count, sizeof count); // level-triggered: what is not read comes again
    std::vector<Work> ready;
    {
        const std::lock_guard lock(mutex);
        ready.swap(finished);
    }
    for (const Work& done : ready) done();
}

void Worker::State::end() {
    {
        const std::lock_guard lock(mutex);
        ending = true;
    }
    wake_thread.notify_one();
    if (thread.joinable()) thread.join();
}

Worker::Worker(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
Worker::Worker(Worker&&) noexcept = default;

Worker& Worker::operator=(Worker&& other) noexcept {
    if (state_ && state_ != other.state_) state_->end();
    state_ = std::move(other.state_);
    return *this;
}

Worker::~Worker() {
    if (state_) state_->end();
}

Result<Worker> Worker::start(Loop& loop) {
    auto state = std::make_unique<State>();
    state->wake_loop.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!state->wake_loop) return system_failure("eventfd");
    auto source = IoSource::watch(loop, state->wake_loop.get(), EPOLLIN, [s = state.get()](std::uint32_t) { s->deliver(); });
    if (!source) return Failure(std::move(source).error());
    state->source = std::move(*source);
    const NoSignals quiet;
    try {
        state->thread = std::thread([s = state.get()] { s->work(); });
    } catch (const std::system_error& error) {
        return failure("start a thread", error.code().value());
    }
    return Worker(std::move(state));
}

void Worker::run(Work job, Work done) {
    {
        const std::lock_guard lock(state_->mutex);
        state_->waiting.push_back({std::move(job), std::move(done)});
    }
    state_->wake_thread.notify_one();
}

} // namespace swathe
