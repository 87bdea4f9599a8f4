#pragma once

#include "supervise/log_follow.h"
#include "supervise/service_log.h"

#include <map>

namespace swathe {

/// The logs of all services of one daemon.
class ServiceLogs final : private LogHost {
public:
    /// `log`: where the output goes that has no file of its own; log_sink() unless a test wants another.
    [[nodiscard]] static Result<std::unique_ptr<ServiceLogs>> create(Loop& loop, std::shared_ptr<LogSink> log);

    /// The log of a service that is there from now on: kept by whoever supervises it, and shown as long as it is kept.
    [[nodiscard]] std::shared_ptr<ServiceLog> open(const std::string& service);

    [[nodiscard]] bool knows(const std::string& service) const;
    void reopen(); ///< all files, after somebody has moved them away
    [[nodiscard]] LogFollowers& followers() noexcept { return *followers_; }

private:
    explicit ServiceLogs(std::shared_ptr<LogSink> log) : log_(std::move(log)) {}
    std::shared_ptr<LogSink> common_sink() override { return log_; }
    Result<std::shared_ptr<LogSink>> file_sink(const std::string& path) override;
    void call_again(Duration delay) override;
    [[nodiscard]] std::vector<std::shared_ptr<ServiceLog>> logs() const;
    void tick();

    Loop* loop_ = nullptr;
    std::shared_ptr<LogSink> log_;
    std::map<std::string, std::weak_ptr<FileSink>> files_; ///< those that are written to, by path
    std::vector<std::weak_ptr<ServiceLog>> logs_;
    std::uint64_t count_ = 0;
    std::optional<Monotonic> next_tick_;
    TimerSource timer_;
    std::unique_ptr<LogFollowers> followers_;
};

/// The journal if the daemon's own log goes there, else its standard error.
[[nodiscard]] std::shared_ptr<LogSink> log_sink();

} // namespace swathe
