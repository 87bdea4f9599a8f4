#pragma once

#include "event/loop.h"
#include "model/service.h"
#include "process/output.h"
#include "supervise/log_sinks.h"
#include "supervise/loss_report.h"

#include <vector>

namespace swathe {

/// What the daemon does with a stream of a child.
enum class OutputRoute : std::uint8_t {
    elsewhere, ///< nothing: it is opened for the child alone
    log,       ///< to the daemon's log and the ring
    file,      ///< to a file and the ring
};
struct OutputRoutes {
    OutputRoute output = OutputRoute::log, error = OutputRoute::log;
    bool joined = true; ///< standard error is the very stream that standard output is, so that their lines keep their order
};
[[nodiscard]] OutputRoutes routes_of(const ExecContext& context) noexcept; ///< pure

/// The level in front of a line, "<0>" to "<7>", and what stands behind it (sd-daemon(3)). Pure.
struct LeveledText {
    std::optional<std::uint8_t> level;
    std::string_view text;
};
[[nodiscard]] LeveledText split_level(std::string_view text) noexcept;

/// What a process that is about to be started gets as standard output and error. To be destroyed once it has them: while a write end is
/// open here, the output has no end.
class OutputEnds {
public:
    OutputEnds(UniqueFd output, UniqueFd error, bool joined, std::shared_ptr<pid_t> pid) noexcept
        : output_(std::move(output)), error_(std::move(error)), joined_(joined), pid_(std::move(pid)) {}

    [[nodiscard]] int output() const noexcept { return output_.get(); } ///< -1: elsewhere
    [[nodiscard]] int error() const noexcept { return joined_ ? output_.get() : error_.get(); } ///< likewise
    void belong_to(pid_t pid) const noexcept { ///< whose lines they will be
        if (!many_) *pid_ = pid;
    }
    void belong_to_many() noexcept { many_ = true; } ///< to processes that cannot be told apart

private:
    UniqueFd output_, error_;
    bool joined_, many_ = false;
    std::shared_ptr<pid_t> pid_;
};

/// What a ServiceLog has in common with all others.
class LogHost {
public:
    virtual ~LogHost() = default;
    [[nodiscard]] virtual std::shared_ptr<LogSink> common_sink() = 0; ///< where the daemon's own log goes
    [[nodiscard]] virtual Result<std::shared_ptr<LogSink>> file_sink(const std::string& path) = 0;
    virtual void call_again(Duration delay) = 0; ///< ServiceLog::tick(), soon
};

inline constexpr Duration kBusyRetry = std::chrono::milliseconds(10);
/// then lines that a sink does not take are lost, so that the service goes on
inline constexpr Duration kBusyPatience = std::chrono::seconds(1);

/// The output of all processes of one service, over their lifetimes.
class ServiceLog {
public:
    /// `number` is no other log's; `loop` and `host` outlive this.
    ServiceLog(Loop& loop, LogHost& host, std::string service, std::uint64_t number);
    ServiceLog(const ServiceLog&) = delete;
    ServiceLog& operator=(const ServiceLog&) = delete;
    ~ServiceLog();

    void configure(const Service& service) { ring_.resize(service.log_ring_bytes); } ///< at first and after a reload

    /// For one process, which will run `command`: to be called before each start. `owner`: its user, who may open the streams anew.
    /// Errors: a file that cannot be opened.
    [[nodiscard]] Result<OutputEnds> begin(const Service& service, const Command& command, std::optional<uid_t> owner);

    /// Takes in all that has been written by now. For when a process has ended, before anyone is told.
    void drain();

    [[nodiscard]] const std::string& service() const noexcept { return service_; }
    [[nodiscard]] std::uint64_t number() const noexcept { return number_; }
    [[nodiscard]] const LogRing& ring() const noexcept { return ring_; }
    [[nodiscard]] std::size_t streams() const noexcept { return streams_.size(); } ///< that somebody may still write to

    /// Offers again what sinks could not take, and tells of losses. When to be called again: kInfinity = not before something happens.
    [[nodiscard]] Duration tick();

private:
    struct Stream;
    [[nodiscard]] Result<UniqueFd> add_stream(LogStream which, std::shared_ptr<LogSink> sink, LogSource source, std::optional<uid_t> owner,
                                              std::shared_ptr<pid_t> pid);
    [[nodiscard]] Result<std::shared_ptr<LogSink>> sink_of(OutputRoute route, const StandardStream& stream);
    void turn(Stream& stream);
    void drain(Stream& stream);
    void drop_ended();
    void settle(Stream& stream, OutputPipe::State state);
    [[nodiscard]] bool take(Stream& stream, const OutputLine& line);
    void say(const std::optional<std::string>& text) const;

    Loop& loop_;
    LogHost& host_;
    std::string service_;
    std::uint64_t number_;
    LogRing ring_;
    LossReport losses_;
    std::vector<std::unique_ptr<Stream>> streams_;
};

} // namespace swathe
