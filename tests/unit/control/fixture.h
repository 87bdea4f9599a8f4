#pragma once

#include "control/client.h"
#include "control/server.h"
#include "fake_backend.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include <sys/stat.h>

namespace swathe::test {

class TempDir {
public:
    TempDir() {
        std::string name = (std::filesystem::temp_directory_path() / "swathe-control-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        REQUIRE(::chmod(name.c_str(), 0755) == 0);
        path = name;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() { std::filesystem::remove_all(path); }
    std::string operator/(const std::string& name) const { return path + "/" + name; }

    std::string path;
};

/// A control server in a loop of its own, in a thread of its own: clients block.
class RunningServer {
public:
    explicit RunningServer(const std::string& path, const std::string& group = "", Duration handshake_timeout = kHandshakeTimeout) {
        std::promise<bool> opened;
        thread_ = std::thread([&, path, group, handshake_timeout] {
            auto loop = Loop::create();
            auto server = ControlServer::open(*loop, {.path = path, .group = group, .handshake_timeout = handshake_timeout}, backend);
            opened.set_value(server.has_value());
            while (server && !stop_) {
                (void)loop->run_once(std::chrono::milliseconds(5));
                const std::scoped_lock lock(mutex_);
                for (auto& task : tasks_) task();
                tasks_.clear();
            }
        });
        REQUIRE(opened.get_future().get());
    }
    RunningServer(const RunningServer&) = delete;
    RunningServer& operator=(const RunningServer&) = delete;
    ~RunningServer() { stop(); }

    void stop() {
        stop_ = true;
        if (thread_.joinable()) thread_.join();
    }

    /// Runs `work` in the server's thread and returns what it returns.
    template <class F> auto inside(F work) {
        std::packaged_task<decltype(work())()> task(std::move(work));
        auto result = task.get_future();
        {
            const std::scoped_lock lock(mutex_);
            tasks_.push_back([&task] { task(); });
        }
        return result.get();
    }

    /// Waits until `condition` holds in the server's thread, at most half a minute.
    template <class F> bool eventually(F condition) {
        const Monotonic end = now() + std::chrono::seconds(30);
        while (now() < end) {
            if (inside(condition)) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return false;
    }

    FakeBackend backend; ///< while the server runs: only inside()

private:
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::vector<std::function<void()>> tasks_;
    std::thread thread_;
};

inline ControlClient client_of(const std::string& path) {
    auto client = ControlClient::connect(path);
    REQUIRE_MESSAGE(client, client.error().message);
    return std::move(*client);
}

} // namespace swathe::test
