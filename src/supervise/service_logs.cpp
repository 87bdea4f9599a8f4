#include "supervise/service_logs.h"

#include <algorithm>

#include <unistd.h>

#include <fmt/format.h>

namespace swathe {

std::shared_ptr<LogSink> log_sink() {
    if (log_is_the_journal()) return std::make_shared<JournalSink>(Journal());
    return std::make_shared<StreamSink>(STDERR_FILENO);
}

Result<std::unique_ptr<ServiceLogs>> ServiceLogs::create(Loop& loop, std::shared_ptr<LogSink> log) {
    std::unique_ptr<ServiceLogs> self(new ServiceLogs(std::move(log)));
    self->loop_ = &loop;
    auto timer = TimerSource::create(loop, [s = self.get()] { s->tick(); });
    if (!timer) return Failure(std::move(timer).error());
    self->timer_ = std::move(*timer);
    auto followers = LogFollowers::create(loop, [s = self.get()] { return s->logs(); });
    if (!followers) return Failure(std::move(followers).error());
    self->followers_ = std::move(*followers);
    return self;
}

std::shared_ptr<ServiceLog> ServiceLogs::open(const std::string& service) {
    std::erase_if(logs_, [](const auto& log) { return log.expired(); });
    LogHost& host = *this;
    auto opened = std::make_shared<ServiceLog>(*loop_, host, service, ++count_);
    logs_.push_back(opened);
    return opened;
}

std::vector<std::shared_ptr<ServiceLog>> ServiceLogs::logs() const {
    std::vector<std::shared_ptr<ServiceLog>> alive;
    for (const auto& log : logs_)
        if (auto one = log.lock()) alive.push_back(std::move(one));
    return alive;
}

bool ServiceLogs::knows(const std::string& service) const {
    const auto all = logs();
    return std::any_of(all.begin(), all.end(), [&](const auto& log) { return log->service() == service; });
}

Result<std::shared_ptr<LogSink>> ServiceLogs::file_sink(const std::string& path) {
    std::erase_if(files_, [](const auto& file) { return file.second.expired(); });
    if (const auto known = files_.find(path); known != files_.end())
        if (auto sink = known->second.lock()) return sink;
    auto opened = FileSink::open(path);
    if (!opened) return Failure(std::move(opened).error());
    files_[path] = *opened;
    return *opened;
}

void ServiceLogs::reopen() {
    for (const auto& [path, file] : files_)
        if (const auto sink = file.lock())
            if (auto opened = sink->reopen(); !opened)
                log(LogLevel::error, fmt::format("log file not opened anew, the old one goes on: {}", opened.error().to_string()));
}

void ServiceLogs::call_again(Duration delay) {
    const Monotonic at = later(now(), delay);
    if (next_tick_ && *next_tick_ <= at) return;
    next_tick_ = at;
    if (auto armed = timer_.arm(at); !armed) log(LogLevel::error, armed.error().to_string());
}

void ServiceLogs::tick() {
    next_tick_.reset();
    Duration soonest = kInfinity;
    for (const auto& log : logs()) soonest = std::min(soonest, log->tick());
    if (soonest != kInfinity) call_again(soonest);
}

} // namespace swathe
