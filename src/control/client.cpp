#include "control/client.h"

#include "base/unique_fd.h"
#include "control/bus.h"
#include "control/json.h"
#include "control/socket_path.h"

#include <algorithm>
#include <cerrno>
#include <deque>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace swathe {
namespace {

using Rejected = tl::unexpected<ClientError>;

constexpr std::uint64_t kForever = UINT64_MAX; // sd_bus_call(3)

Rejected rejected(Trouble kind, const std::string& message, int error = 0) {
    return Rejected(ClientError{kind, Error{message, error, std::nullopt}.to_string()});
}

Rejected cannot_connect(const std::string& path, int error) {
    if (error == ENOENT || error == ECONNREFUSED)
        return rejected(Trouble::not_running, "swathed is not running: nobody listens on " + path);
    if (error == EACCES || error == EPERM)
        return rejected(Trouble::denied, path + ": only root and the members of the control group may connect", error);
    if (error == EAGAIN) error = ETIMEDOUT; // SO_SNDTIMEO's answer to a full backlog
    return rejected(Trouble::failed, "connect " + path, error);
}

timeval timeval_of(Duration span) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span);
    return {static_cast<time_t>(seconds.count()), static_cast<suseconds_t>((span - seconds).count())};
}

/// Blocks in connect(2) while the daemon's backlog is full, at most for `timeout`.
Reply<UniqueFd> connect_socket(const std::string& path, Duration timeout) {
    const auto address = unix_address(path);
    if (!address) return rejected(Trouble::failed, address.error().to_string());
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!fd) return rejected(Trouble::failed, "socket", errno);
    const timeval limit = timeval_of(timeout);
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
        return rejected(Trouble::failed, "SO_SNDTIMEO", errno);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) < 0) return cannot_connect(path, errno);
    return fd;
}

Rejected hung_up(int error) {
    if (error == ETIMEDOUT) return rejected(Trouble::failed, "swathed does not answer", error);
    return rejected(Trouble::denied, "swathed closed the connection: not permitted, or too many connections", error);
}

/// sd_bus_call would do this, too, but with a time-out of its own.
Reply<void> shake_hands(sd_bus* bus, Monotonic deadline) {
    for (;;) {
        const int ready = sd_bus_is_ready(bus);
        if (ready > 0) return {};
        const auto left = std::chrono::duration_cast<Duration>(deadline - now());
        if (ready < 0) return hung_up(-ready);
        if (left <= Duration::zero()) return hung_up(ETIMEDOUT);
        int r = sd_bus_process(bus, nullptr);
        if (r == 0) r = sd_bus_wait(bus, static_cast<std::uint64_t>(left.count()));
        if (r < 0) return hung_up(-r);
        if (sd_bus_is_open(bus) <= 0) return hung_up(ECONNRESET);
    }
}

Trouble trouble_of(const sd_bus_error& error) {
    if (error.name == nullptr) return Trouble::failed;
    if (std::string_view(error.name) == kAccessDenied) return Trouble::denied;
    switch (refusal_of(error.name).value_or(Refusal::failed)) {
    case Refusal::failed: return Trouble::failed;
    case Refusal::no_such_service: return Trouble::no_such_service;
    case Refusal::bad_request: return Trouble::bad_request;
    }
    return Trouble::failed;
}

Rejected call_failed(const sd_bus_error& error, int result) {
    if (result == -ECONNRESET || result == -ENOTCONN || result == -EPIPE)
        return rejected(Trouble::failed, "swathed closed the connection before it answered");
    if (result == -ETIMEDOUT) return rejected(Trouble::failed, "swathed does not answer", ETIMEDOUT);
    if (error.message == nullptr) return rejected(Trouble::failed, "call", -result);
    return rejected(trouble_of(error), error.message);
}

struct ErrorHolder {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    ErrorHolder() = default;
    ErrorHolder(const ErrorHolder&) = delete;
    ErrorHolder& operator=(const ErrorHolder&) = delete;
    ~ErrorHolder() { sd_bus_error_free(&error); }
};

template <class T> Reply<T> read_json(const Reply<std::string>& text, Result<T> (*read)(std::string_view)) {
    if (!text) return Rejected(text.error());
    auto view = read(*text);
    if (!view) return rejected(Trouble::failed, view.error().to_string());
    return std::move(*view);
}

} // namespace

struct ControlClient::State {
    BusPtr bus;
    /// Parts of a stream that come as signals.
    struct Stream {
        SlotPtr slot; // let go before its bus
        std::deque<std::string> parts; // as they came
    };
    Stream traced, logged;

    Reply<MessagePtr> request(const char* method);
    Reply<MessagePtr> call(const MessagePtr& request, std::uint64_t timeout_usec);
    Reply<std::string> ask(const char* method, const std::vector<std::string>& arguments, const std::vector<bool>& flags = {});
    Reply<std::string> answer_to(const MessagePtr& request);
    Reply<MessagePtr> request_about(const char* method, const std::string& service);
    Reply<void> act(const char* method, const std::string& service);
    Reply<void> done_by(const MessagePtr& request); ///< waits for as long as it takes
    Reply<MessagePtr> open_stream(Stream& stream, const char* signal, const char* method);
    Reply<void> start_stream(const MessagePtr& request);
    Reply<std::optional<std::string>> next_part(Stream& stream, const std::vector<int>& others);
};

Reply<MessagePtr> ControlClient::State::request(const char* method) {
    sd_bus_message* raw = nullptr;
    const int r = sd_bus_message_new_method_call(bus.get(), &raw, nullptr, kControlObject, kControlInterface, method);
    if (r < 0) return rejected(Trouble::failed, "swathed closed the connection", -r);
    return MessagePtr(raw);
}

Reply<MessagePtr> ControlClient::State::call(const MessagePtr& request, std::uint64_t timeout_usec) {
    ErrorHolder holder;
    sd_bus_message* raw = nullptr;
    if (const int r = sd_bus_call(bus.get(), request.get(), timeout_usec, &holder.error, &raw); r < 0)
        return call_failed(holder.error, r);
    return MessagePtr(raw);
}

Reply<std::string> ControlClient::State::ask(const char* method, const std::vector<std::string>& arguments,
                                             const std::vector<bool>& flags) {
    const auto message = request(method);
    if (!message) return Rejected(message.error());
    for (const std::string& argument : arguments)
        if (const int r = sd_bus_message_append(message->get(), "s", as_utf8(argument).c_str()); r < 0)
            return rejected(Trouble::failed, method, -r);
    for (const bool flag : flags)
        if (const int r = sd_bus_message_append(message->get(), "b", flag ? 1 : 0); r < 0) return rejected(Trouble::failed, method, -r);
    return answer_to(*message);
}

Reply<std::string> ControlClient::State::answer_to(const MessagePtr& request) {
    const auto reply = call(request, static_cast<std::uint64_t>(kAnswerTimeout.count()));
    if (!reply) return Rejected(reply.error());
    const char* text = nullptr;
    if (const int r = sd_bus_message_read(reply->get(), "s", &text); r < 0) return rejected(Trouble::failed, "answer", -r);
    return std::string(text);
}

Reply<MessagePtr> ControlClient::State::request_about(const char* method, const std::string& service) {
    auto message = request(method);
    if (!message) return message;
    if (const int r = sd_bus_message_append(message->get(), "s", as_utf8(service).c_str()); r < 0)
        return rejected(Trouble::failed, method, -r);
    return message;
}

Reply<void> ControlClient::State::act(const char* method, const std::string& service) {
    const auto message = request_about(method, service);
    return message ? done_by(*message) : Reply<void>(Rejected(message.error()));
}

Reply<void> ControlClient::State::done_by(const MessagePtr& request) {
    const auto reply = call(request, kForever);
    if (!reply) return Rejected(reply.error());
    return {};
}

Reply<ControlClient> ControlClient::connect(const std::string& path, Duration timeout) {
    const Monotonic deadline = now() + timeout;
    auto fd = connect_socket(path, timeout);
    if (!fd) return Rejected(std::move(fd).error());

    sd_bus* raw = nullptr;
    if (const int r = sd_bus_new(&raw); r < 0) return rejected(Trouble::failed, "sd_bus_new", -r);
    auto state = std::make_unique<State>();
    state->bus.reset(raw);
    if (const int r = sd_bus_set_fd(raw, fd->get(), fd->get()); r < 0) return rejected(Trouble::failed, "sd_bus_set_fd", -r);
    (void)fd->release(); // the bus closes it
    if (const int r = sd_bus_start(raw); r < 0) return hung_up(-r);
    if (auto ok = shake_hands(raw, deadline); !ok) return Rejected(std::move(ok).error());
    return ControlClient(std::move(state));
}

ControlClient::ControlClient(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
ControlClient::ControlClient(ControlClient&&) noexcept = default;
ControlClient& ControlClient::operator=(ControlClient&&) noexcept = default;
ControlClient::~ControlClient() = default;

Reply<StatusView> ControlClient::status(const std::string& service) { return read_json(state_->ask("Status", {service}), read_status); }

Reply<std::vector<RuleView>> ControlClient::rules(const RuleQuery& query) {
    const bool all = !query.by_hits && !query.never_hit && query.limit == 0;
    if (all) return read_json(state_->ask("Rules", {}), read_rules); // older daemons know it
    const auto message = state_->request("SelectRules");
    if (!message) return Rejected(message.error());
    if (const int r = sd_bus_message_append(message->get(), "bbu", query.by_hits, query.never_hit, query.limit); r < 0)
        return rejected(Trouble::failed, "SelectRules", -r);
    return read_json(state_->answer_to(*message), read_rules);
}

Reply<std::string> ControlClient::version() { return state_->ask("Version", {}); }

Reply<ExplainView> ControlClient::explain(const ExplainQuery& query) {
    const std::vector<std::string> arguments{query.protocol, query.address, query.port, query.from, query.interface, query.netns};
    return read_json(state_->ask("Explain", arguments, {query.kernel, query.live}), read_explain);
}

Reply<void> ControlClient::start(const std::string& service) { return state_->act("Start", service); }
Reply<void> ControlClient::stop(const std::string& service) { return state_->act("Stop", service); }
Reply<void> ControlClient::reload_service(const std::string& service) { return state_->act("ReloadService", service); }
Reply<void> ControlClient::resume(const std::string& service) { return state_->act("Resume", service); }

Reply<void> ControlClient::restart(const std::string& service, bool overlap) {
    const auto message = state_->request_about("Restart", service);
    if (!message) return Rejected(message.error());
    if (const int r = sd_bus_message_append(message->get(), "b", overlap ? 1 : 0); r < 0) return rejected(Trouble::failed, "Restart", -r);
    return state_->done_by(*message);
}

Reply<void> ControlClient::pause(const std::string& service, Duration longest) {
    const auto message = state_->request_about("Pause", service);
    if (!message) return Rejected(message.error());
    const auto usec = longest == kInfinity ? std::uint64_t{0} : static_cast<std::uint64_t>(longest.count());
    if (const int r = sd_bus_message_append(message->get(), "t", usec); r < 0) return rejected(Trouble::failed, "Pause", -r);
    return state_->done_by(*message);
}

Reply<std::vector<std::string>> ControlClient::reload() {
    const auto message = state_->request("Reload");
    if (!message) return Rejected(message.error());
    const auto reply = state_->call(*message, kForever);
    if (!reply) return Rejected(reply.error());
    std::vector<std::string> lines;
    if (const int r = sd_bus_message_enter_container(reply->get(), 'a', "s"); r < 0) return rejected(Trouble::failed, "Reload", -r);
    for (const char* line = nullptr; sd_bus_message_read(reply->get(), "s", &line) > 0;) lines.emplace_back(line);
    return lines;
}

namespace {

int on_part(sd_bus_message* signal, void* userdata, sd_bus_error*) noexcept {
    const char* text = nullptr;
    if (sd_bus_message_read(signal, "s", &text) >= 0) static_cast<std::deque<std::string>*>(userdata)->emplace_back(text);
    return 1;
}

/// poll(2)'s time-out for when sd-bus wants to be called again, of CLOCK_MONOTONIC; -1 = never.
int milliseconds_until(std::uint64_t usec) {
    if (usec == UINT64_MAX) return -1;
    const auto at = Monotonic(std::chrono::microseconds(usec));
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(at - now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

/// Waits until the bus or one of `others` has something to say: 0, 1, or a negative errno.
int wait_for_any(sd_bus* bus, const std::vector<int>& others) {
    std::uint64_t until = 0;
    const int fd = sd_bus_get_fd(bus), events = sd_bus_get_events(bus);
    if (fd < 0 || events < 0) return fd < 0 ? fd : events;
    if (const int r = sd_bus_get_timeout(bus, &until); r < 0) return r;
    std::vector<pollfd> polled{{fd, static_cast<short>(events), 0}};
    for (const int other : others) polled.push_back({other, POLLIN, 0});
    if (::poll(polled.data(), polled.size(), milliseconds_until(until)) < 0) return errno == EINTR ? 0 : -errno;
    return std::any_of(polled.begin() + 1, polled.end(), [](const pollfd& p) { return p.revents != 0; }) ? 1 : 0;
}

} // namespace

/// Listens for what will come, and returns the request that asks for it, without its arguments.
Reply<MessagePtr> ControlClient::State::open_stream(Stream& stream, const char* signal, const char* method) {
    sd_bus_slot* slot = nullptr;
    const int matched = sd_bus_match_signal(bus.get(), &slot, nullptr, kControlObject, kControlInterface, signal, on_part, &stream.parts);
    if (matched < 0) return rejected(Trouble::failed, method, -matched);
    stream.slot.reset(slot);
    return request(method);
}

Reply<void> ControlClient::State::start_stream(const MessagePtr& request) {
    const auto reply = call(request, static_cast<std::uint64_t>(kAnswerTimeout.count()));
    if (!reply) return Rejected(reply.error());
    return {};
}

Reply<std::optional<std::string>> ControlClient::State::next_part(Stream& stream, const std::vector<int>& others) {
    while (stream.parts.empty()) {
        int r = sd_bus_process(bus.get(), nullptr);
        if (r == 0) r = wait_for_any(bus.get(), others);
        else if (r > 0) continue;
        if (r > 0) return std::nullopt;
        if (r < 0 || sd_bus_is_open(bus.get()) <= 0) return rejected(Trouble::failed, "swathed closed the connection");
    }
    std::string part = std::move(stream.parts.front());
    stream.parts.pop_front();
    return part;
}

Reply<void> ControlClient::trace(const TraceQuery& query) {
    const auto message = state_->open_stream(state_->traced, "Traced", "Trace");
    if (!message) return Rejected(message.error());
    const int appended = sd_bus_message_append(message->get(), "sbu", as_utf8(query.listener).c_str(), query.drops ? 1 : 0, query.sample);
    if (appended < 0) return rejected(Trouble::failed, "Trace", -appended);
    return state_->start_stream(*message);
}

Reply<std::optional<TraceBatch>> ControlClient::next_batch(const std::vector<int>& others) {
    const auto part = state_->next_part(state_->traced, others);
    if (!part) return Rejected(part.error());
    if (!*part) return std::nullopt;
    auto batch = read_trace(**part);
    if (!batch) return rejected(Trouble::failed, batch.error().to_string());
    if (!batch->ended.empty()) return rejected(Trouble::failed, "the trace has ended: " + batch->ended);
    return std::move(*batch);
}

Reply<void> ControlClient::logs(const LogQuery& query) {
    const auto message = state_->open_stream(state_->logged, "Logged", "Logs");
    if (!message) return Rejected(message.error());
    int r = sd_bus_message_open_container(message->get(), 'a', "s");
    for (const std::string& service : query.services)
        if (r >= 0) r = sd_bus_message_append(message->get(), "s", as_utf8(service).c_str());
    if (r >= 0) r = sd_bus_message_close_container(message->get());
    if (r >= 0) r = sd_bus_message_append(message->get(), "ub", query.lines, query.follow ? 1 : 0);
    if (r < 0) return rejected(Trouble::failed, "Logs", -r);
    return state_->start_stream(*message);
}

Reply<std::optional<LogBatch>> ControlClient::next_log(const std::vector<int>& others) {
    const auto part = state_->next_part(state_->logged, others);
    if (!part) return Rejected(part.error());
    if (!*part) return std::nullopt;
    auto batch = read_log(**part);
    if (!batch) return rejected(Trouble::failed, batch.error().to_string());
    if (!batch->ended.empty()) return rejected(Trouble::failed, "the log has ended: " + batch->ended);
    return std::move(*batch);
}

} // namespace swathe
