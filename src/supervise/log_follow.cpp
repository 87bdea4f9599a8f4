#include "supervise/log_follow.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include <fmt/format.h>

namespace swathe {
namespace {

/// The line of one log that comes next.
struct Head {
    LogRing::Line line;
    std::size_t log = 0;
    LogRing::Cursor after;

    friend bool operator<(const Head& a, const Head& b) noexcept { // std::priority_queue has the greatest on top
        return std::tie(a.line.facts.time_usec, a.log) > std::tie(b.line.facts.time_usec, b.log);
    }
};

LogLineView view_of(const ServiceLog& log, LogRing::Line line) {
    return {line.facts.time_usec, log.service(), line.facts.pid, to_string(line.facts.stream), line.facts.priority, std::move(line.text)};
}

} // namespace

LogReader::Logs LogReader::wanted(const Logs& all) const {
    if (query_.services.empty()) return all;
    Logs chosen;
    for (const auto& log : all)
        if (std::find(query_.services.begin(), query_.services.end(), log->service()) != query_.services.end()) chosen.push_back(log);
    return chosen;
}

LogReader::Place& LogReader::place_of(const ServiceLog& log) {
    return places_.try_emplace(log.number(), Place{log.ring().begin(), std::nullopt}).first->second;
}

void LogReader::begin(const Logs& all) {
    const Logs chosen = wanted(all);
    for (const auto& log : chosen) {
        Place& place = place_of(*log);
        if (!query_.follow) place.end = log->ring().end();
    }
    skip_to_last(chosen);
}

/// To where only `lines` lines of all logs together are left.
void LogReader::skip_to_last(const Logs& chosen) {
    struct Start {
        std::int64_t time_usec;
        std::uint64_t log;
        LogRing::Cursor at;
    };
    std::vector<Start> starts;
    for (const auto& log : chosen)
        for (LogRing::Cursor at = log->ring().begin(), next = at; const auto time = log->ring().read_time(next); at = next)
            starts.push_back({*time, log->number(), at});
    if (starts.size() <= query_.lines) return;
    for (const auto& log : chosen) place_of(*log).now = log->ring().end();
    const auto older = [](const Start& a, const Start& b) {
        return std::tie(a.time_usec, a.log, a.at.number) < std::tie(b.time_usec, b.log, b.at.number);
    };
    const auto first = starts.end() - query_.lines;
    std::nth_element(starts.begin(), first, starts.end(), older);
    for (auto start = first; start != starts.end(); ++start) {
        LogRing::Cursor& place = places_.at(start->log).now;
        if (start->at.number < place.number) place = start->at;
    }
}

LogBatch LogReader::next(const Logs& all) {
    LogBatch batch;
    const Logs chosen = wanted(all);
    std::priority_queue<Head> heads;
    const auto look = [&](std::size_t index) {
        const Place& place = places_.at(chosen[index]->number());
        LogRing::Cursor after = place.now;
        if (place.end && place.end->number <= after.number) return;
        if (auto line = chosen[index]->ring().read(after)) heads.push({std::move(*line), index, after});
    };
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        if (!query_.follow && places_.count(chosen[i]->number()) == 0) continue; // came later
        batch.lost += chosen[i]->ring().catch_up(place_of(*chosen[i]).now);
        look(i);
    }
    for (std::size_t bytes = 0; !heads.empty() && batch.lines.size() < kMostLinesPerBatch && bytes < kMostBytesPerBatch;) {
        Head head = heads.top();
        heads.pop();
        bytes += head.line.text.size();
        places_.at(chosen[head.log]->number()).now = head.after;
        batch.lines.push_back(view_of(*chosen[head.log], std::move(head.line)));
        look(head.log);
    }
    batch.complete = !query_.follow && heads.empty();
    return batch;
}

Result<std::unique_ptr<LogFollowers>> LogFollowers::create(Loop& loop, Source source) {
    std::unique_ptr<LogFollowers> self(new LogFollowers(std::move(source)));
    auto timer = TimerSource::create(loop, [s = self.get()] { s->tick(); });
    if (!timer) return Failure(std::move(timer).error());
    self->timer_ = std::move(*timer);
    return self;
}

Result<LogHandle> LogFollowers::begin(LogQuery query, LogFeed feed) {
    std::erase_if(followers_, [](const auto& follower) { return follower.expired(); });
    if (followers_.size() >= kMostFollowers) return failure(fmt::format("{} clients read logs already", kMostFollowers));
    auto follower = std::make_shared<Follower>(Follower{LogReader(std::move(query)), std::move(feed)});
    follower->reader.begin(source_());
    if (auto armed = timer_.arm(now()); !armed) return Failure(std::move(armed).error());
    followers_.push_back(follower);
    return LogHandle(std::move(follower));
}

/// As much as one reader takes for now.
void LogFollowers::tell(Follower& follower) {
    for (int i = 0; i < kMostBatchesPerTick && !follower.over; ++i) {
        if (!follower.refused) follower.refused = follower.reader.next(source_());
        const LogBatch& batch = *follower.refused;
        const bool empty = batch.lines.empty() && batch.lost == 0 && !batch.complete;
        if (!empty && !follower.feed(batch)) return;
        follower.over = batch.complete;
        follower.refused.reset();
        if (empty) return;
    }
}

void LogFollowers::tick() {
    std::erase_if(followers_, [](const auto& follower) { return follower.expired(); });
    if (followers_.empty()) return;
    for (const auto& follower : followers_)
        if (const auto one = follower.lock()) tell(*one);
    if (auto armed = timer_.arm(now() + kFollowTick); !armed) stop(armed.error().to_string());
}

void LogFollowers::stop(const std::string& why) {
    for (const auto& follower : std::exchange(followers_, {}))
        if (const auto one = follower.lock(); one && !one->over) {
            tell(*one);
            if (!one->over) (void)one->feed({{}, 0, false, why});
        }
}

} // namespace swathe
