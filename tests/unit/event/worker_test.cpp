#include "event/worker.h"

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <semaphore>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace swathe;
using namespace std::chrono_literals;

namespace {

struct Bench {
    Bench() {
        auto made = Loop::create();
        REQUIRE(made);
        loop = std::move(*made);
        auto started = Worker::start(*loop);
        REQUIRE(started);
        worker = std::move(*started);
    }
    template <class Done> bool run_until(Done done) {
        const Monotonic deadline = now() + 30s;
        while (!done() && now() < deadline)
            if (!loop->run_once(10ms)) return false;
        return done();
    }
    std::optional<Loop> loop;
    std::optional<Worker> worker;
};

} // namespace

TEST_CASE("a job runs in another thread, and what follows it in the loop's") {
    Bench bench;
    std::thread::id of_job, of_done;
    bench.worker->run([&] { of_job = std::this_thread::get_id(); }, [&] { of_done = std::this_thread::get_id(); });
    REQUIRE(bench.run_until([&] { return of_done != std::thread::id{}; }));
    CHECK(of_job != std::this_thread::get_id());
    CHECK(of_done == std::this_thread::get_id());
}

TEST_CASE("the loop goes on while a job runs") {
    Bench bench;
    std::binary_semaphore go(0);
    bool done = false, fired = false;
    bench.worker->run([&] { go.acquire(); }, [&] { done = true; });
    auto timer = TimerSource::create(*bench.loop, [&] { fired = true; });
    REQUIRE(timer);
    REQUIRE(timer->arm(now()));
    REQUIRE(bench.run_until([&] { return fired; }));
    CHECK_FALSE(done);
    go.release();
    CHECK(bench.run_until([&] { return done; }));
}

TEST_CASE("jobs run one after the other in their order, also those that a done gives") {
    Bench bench;
    std::vector<int> jobs; // the thread's, until the last one is done
    std::vector<int> done; // the loop's
    bench.worker->run([&] { jobs.push_back(1); }, [&] {
        done.push_back(1);
        bench.worker->run([&] { jobs.push_back(3); }, [&] { done.push_back(3); });
    });
    bench.worker->run([&] { jobs.push_back(2); }, [&] { done.push_back(2); });
    REQUIRE(bench.run_until([&] { return done.size() == 3; }));
    CHECK(jobs == std::vector{1, 2, 3});
    CHECK(done == std::vector{1, 2, 3});
}

TEST_CASE("a worker that ends waits for the job that runs and drops the others") {
    Bench bench;
    std::binary_semaphore begun(0);
    std::atomic<bool> finished = false;
    bool dropped_job = false, done = false;
    auto held = std::make_shared<int>(0);
    bench.worker->run(
        [&] {
            begun.release();
            std::this_thread::sleep_for(20ms);
            finished = true;
        },
        [&] { done = true; });
    bench.worker->run([&dropped_job, held] { dropped_job = true; }, [held] {});
    begun.acquire();
    bench.worker.reset();
    CHECK(finished);
    CHECK_FALSE(dropped_job);
    CHECK(held.use_count() == 1);
    for (int i = 0; i < 3; ++i) REQUIRE(bench.loop->run_once(1ms));
    CHECK_FALSE(done);
}

TEST_CASE("a job is destroyed in the thread, before what follows it") {
    Bench bench;
    std::thread::id where;
    bool gone_before_done = false, done = false;
    std::shared_ptr<int> held(new int(0), [&](int* p) {
        where = std::this_thread::get_id();
        delete p;
    });
    bench.worker->run([held = std::move(held)] { (void)held; }, [&] {
        gone_before_done = where != std::thread::id{};
        done = true;
    });
    REQUIRE(bench.run_until([&] { return done; }));
    CHECK(gone_before_done);
    CHECK(where != std::this_thread::get_id());
}

TEST_CASE("the thread takes no signals, and the caller's mask stays as it was") {
    sigset_t before, after;
    REQUIRE(pthread_sigmask(SIG_SETMASK, nullptr, &before) == 0);
    Bench bench;
    REQUIRE(pthread_sigmask(SIG_SETMASK, nullptr, &after) == 0);
    CHECK(sigismember(&before, SIGTERM) == sigismember(&after, SIGTERM));
    sigset_t of_thread;
    bool done = false;
    bench.worker->run([&] { (void)pthread_sigmask(SIG_SETMASK, nullptr, &of_thread); }, [&] { done = true; });
    REQUIRE(bench.run_until([&] { return done; }));
    for (const int signal : {SIGTERM, SIGHUP, SIGCHLD, SIGINT}) CHECK(sigismember(&of_thread, signal) == 1);
}
