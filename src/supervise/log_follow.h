#pragma once

#include "event/loop.h"
#include "supervise/service_log.h"
#include "supervise/stream_view.h"

#include <map>

namespace swathe {

inline constexpr std::size_t kMostFollowers = 16;          ///< at a time
inline constexpr std::size_t kMostLinesPerBatch = 1000;
inline constexpr std::size_t kMostBytesPerBatch = std::size_t{256} * 1024; ///< of text; one line more may be in it
inline constexpr int kMostBatchesPerTick = 4;              ///< to one follower
inline constexpr Duration kFollowTick = std::chrono::milliseconds(20);

/// Reads several logs as one, in order of time.
class LogReader {
public:
    using Logs = std::vector<std::shared_ptr<ServiceLog>>;

    explicit LogReader(LogQuery query) : query_(std::move(query)) {}
    void begin(const Logs& all); ///< stands before the first line that is asked for
    /// The next lines, as many as fit. Logs that were not there before are read from their beginning.
    [[nodiscard]] LogBatch next(const Logs& all);

private:
    struct Place {
        LogRing::Cursor now;
        std::optional<LogRing::Cursor> end; ///< where a query that does not follow ends
    };
    [[nodiscard]] Logs wanted(const Logs& all) const;
    void skip_to_last(const Logs& chosen);
    [[nodiscard]] Place& place_of(const ServiceLog& log);

    LogQuery query_;
    std::map<std::uint64_t, Place> places_; ///< by the log's number
};

/// Those who read logs, each at its own pace. Who is too slow loses lines when the rings overwrite them, and is told how many.
class LogFollowers {
public:
    using Source = std::function<LogReader::Logs()>; ///< all logs of now

    [[nodiscard]] static Result<std::unique_ptr<LogFollowers>> create(Loop& loop, Source source);
    /// Until what is returned is destroyed, `feed` gets what `query` asks for, from the event loop. Errors: kMostFollowers read already.
    [[nodiscard]] Result<LogHandle> begin(LogQuery query, LogFeed feed);
    void stop(const std::string& why); ///< after what there is yet to tell

private:
    struct Follower {
        LogReader reader;
        LogFeed feed;
        std::optional<LogBatch> refused = {}; ///< to be offered again
        bool over = false;
    };
    explicit LogFollowers(Source source) : source_(std::move(source)) {}
    void tick();
    void tell(Follower& follower);

    Source source_;
    std::vector<std::weak_ptr<Follower>> followers_; ///< owned by those who read
    TimerSource timer_;
};

} // namespace swathe
