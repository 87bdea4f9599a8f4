#include "supervise/service_log.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <fmt/format.h>

namespace swathe {
namespace {

using Kind = StandardStream::Kind;

std::int64_t realtime_usec() {
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

OutputRoute route_of(Kind kind) noexcept {
    switch (kind) {
    case Kind::journal: return OutputRoute::log;
    case Kind::log_file: return OutputRoute::file;
    case Kind::unset:
    case Kind::inherit:
    case Kind::null:
    case Kind::file:
    case Kind::append:
    case Kind::truncate:
    case Kind::socket:
    case Kind::fd: return OutputRoute::elsewhere;
    }
    return OutputRoute::elsewhere;
}

/// Can it be written to as well?
bool is_two_way(Kind input) noexcept { return input == Kind::socket || input == Kind::fd; }

std::string identifier_of(const Service& service, const Command& command) {
    return service.syslog_identifier.empty() ? command.path.substr(command.path.rfind('/') + 1) : service.syslog_identifier;
}

} // namespace

/// systemd.exec(5), StandardOutput= and StandardError=, "inherit".
OutputRoutes routes_of(const ExecContext& context) noexcept {
    OutputRoutes routes;
    const Kind output = context.standard_output.kind, error = context.standard_error.kind;
    const bool by_default = output == Kind::unset || output == Kind::inherit;
    const OutputRoute as_input = is_two_way(context.standard_input.kind) ? OutputRoute::elsewhere : OutputRoute::log;
    routes.output = by_default ? as_input : route_of(output);
    routes.joined = error == Kind::unset || error == Kind::inherit;
    routes.error = routes.joined ? routes.output : route_of(error);
    return routes;
}

LeveledText split_level(std::string_view text) noexcept {
    if (text.size() < 3 || text[0] != '<' || text[1] < '0' || text[1] > '7' || text[2] != '>') return {std::nullopt, text};
    return {static_cast<std::uint8_t>(text[1] - '0'), text.substr(3)};
}

/// One pipe, the source that tells when there is something in it, and where its lines go.
struct ServiceLog::Stream {
    OutputPipe pipe;
    LogStream which;
    std::shared_ptr<LogSink> sink;
    LogSource source;
    std::shared_ptr<pid_t> pid;
    std::uint8_t priority = LogLine{}.priority; ///< of the line before
    bool busy = false;                          ///< the sink could not take a line
    std::optional<Monotonic> waits_since = {};  ///< and has not taken any since
    std::optional<IoSource> readable = {};      // declared last: destroyed before the pipe
};

ServiceLog::ServiceLog(Loop& loop, LogHost& host, std::string service, std::uint64_t number)
    : loop_(loop), host_(host), service_(std::move(service)), number_(number) {}

ServiceLog::~ServiceLog() = default;

Result<std::shared_ptr<LogSink>> ServiceLog::sink_of(OutputRoute route, const StandardStream& stream) {
    switch (route) {
    case OutputRoute::elsewhere: return nullptr;
    case OutputRoute::log: return host_.common_sink();
    case OutputRoute::file: return host_.file_sink(stream.target);
    }
    return nullptr;
}

Result<OutputEnds> ServiceLog::begin(const Service& service, const Command& command, std::optional<uid_t> owner) {
    configure(service);
    drop_ended();
    const OutputRoutes routes = routes_of(service);
    const LogSource source{service_, identifier_of(service, command)};
    auto pid = std::make_shared<pid_t>(0);
    UniqueFd output, error;
    const auto open = [&](UniqueFd& end, LogStream which, OutputRoute route, const StandardStream& stream, const char* key) -> Status {
        if (route == OutputRoute::elsewhere) return {};
        auto sink = sink_of(route, stream);
        if (!sink) return Failure(std::move(sink).error().within(key).at(stream.pos));
        auto write_end = add_stream(which, std::move(*sink), source, owner, pid);
        if (!write_end) return Failure(std::move(write_end).error().within(key));
        end = std::move(*write_end);
        return {};
    };
    const LogStream first = routes.joined ? LogStream::both : LogStream::output;
    if (auto ok = open(output, first, routes.output, service.standard_output, "standard_output"); !ok)
        return Failure(std::move(ok).error());
    if (!routes.joined)
        if (auto ok = open(error, LogStream::error, routes.error, service.standard_error, "standard_error"); !ok)
            return Failure(std::move(ok).error()); // the stream of `output` ends by itself
    return OutputEnds(std::move(output), std::move(error), routes.joined, std::move(pid));
}

Result<UniqueFd> ServiceLog::add_stream(LogStream which, std::shared_ptr<LogSink> sink, LogSource source, std::optional<uid_t> owner,
                                        std::shared_ptr<pid_t> pid) {
    auto ends = open_output_pipe(owner);
    if (!ends) return Failure(std::move(ends).error());
    auto stream = std::make_unique<Stream>(
        Stream{OutputPipe(std::move(ends->read)), which, std::move(sink), std::move(source), std::move(pid)});
    auto readable = IoSource::watch(loop_, stream->pipe.fd(), EPOLLIN, [this, s = stream.get()](std::uint32_t) { turn(*s); });
    if (!readable) return Failure(std::move(readable).error());
    if (auto set = readable->give_way(); !set) return Failure(std::move(set).error()); // it may write without end
    stream->readable = std::move(*readable);
    streams_.push_back(std::move(stream));
    return std::move(ends->write);
}

void ServiceLog::turn(Stream& stream) {
    settle(stream, stream.pipe.read_some([&](const OutputLine& line) { return take(stream, line); }));
}

void ServiceLog::drain(Stream& stream) {
    settle(stream, stream.pipe.drain([&](const OutputLine& line) { return take(stream, line); }));
}

void ServiceLog::drain() {
    for (std::size_t i = streams_.size(); i-- > 0;) drain(*streams_[i]); // settle() may take away the one that it is given
}

/// Streams give way to all else, and a daemon that is always busy must not gather those that nobody writes to any more.
void ServiceLog::drop_ended() {
    for (std::size_t i = streams_.size(); i-- > 0;)
        if (streams_[i]->pipe.is_dry()) drain(*streams_[i]);
}

void ServiceLog::settle(Stream& stream, OutputPipe::State state) {
    switch (state) {
    case OutputPipe::State::open:
        if (std::exchange(stream.busy, false)) (void)stream.readable->set_enabled(true);
        return;
    case OutputPipe::State::busy:
        if (!std::exchange(stream.busy, true)) (void)stream.readable->set_enabled(false);
        return host_.call_again(kBusyRetry);
    case OutputPipe::State::ended:
        std::erase_if(streams_, [&](const auto& one) { return one.get() == &stream; });
        return;
    }
}

/// False: not taken; offered again later.
bool ServiceLog::take(Stream& stream, const OutputLine& line) {
    const LeveledText leveled = line.continues ? LeveledText{stream.priority, line.text} : split_level(line.text);
    const LogLine logged{realtime_usec(), *stream.pid, stream.which, leveled.level.value_or(LogLine{}.priority), leveled.text};
    Result<bool> taken = stream.sink->take(stream.source, logged, line.text);
    if (taken && !*taken) {
        if (!stream.waits_since) stream.waits_since = now();
        if (now() < later(*stream.waits_since, kBusyPatience)) return false;
        taken = failure("nobody reads the log", EAGAIN);
    } else {
        stream.waits_since.reset();
    }
    if (!taken) {
        say(losses_.lost(taken.error(), now()));
        host_.call_again(kLossInterval);
    }
    stream.priority = logged.priority;
    ring_.push(logged);
    return true;
}

Duration ServiceLog::tick() {
    bool busy = false;
    for (std::size_t i = streams_.size(); i-- > 0;)
        if (streams_[i]->busy) {
            turn(*streams_[i]);
            busy = busy || (i < streams_.size() && streams_[i]->busy);
        }
    say(losses_.due(now()));
    return busy ? kBusyRetry : losses_.pending() ? Duration(std::chrono::seconds(1)) : kInfinity;
}

void ServiceLog::say(const std::optional<std::string>& text) const {
    if (text) log(LogLevel::warning, fmt::format("{}: {}", service_, *text), {{"SWATHE_SERVICE", service_}});
}

} // namespace swathe
