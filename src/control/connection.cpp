#include "control/connection.h"

#include "control/json.h"

#include <cerrno>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::uint64_t kLongestPauseUsec = std::uint64_t{100} * 365 * 86400 * 1000000; // what is longer is for good
constexpr Duration kSoon = std::chrono::milliseconds(2), kRarely = std::chrono::seconds(1); // between two turns of our own

int refuse(sd_bus_error* error, const char* name, const std::string& message) {
    return sd_bus_error_set(error, name, as_utf8(message).c_str());
}

int refuse(sd_bus_error* error, const ControlError& why) { return refuse(error, error_name(why.kind), why.message); }

int answer_text(sd_bus_message* request, const std::string& text, sd_bus_error* error) {
    if (text.size() > kLargestAnswer)
        return refuse(error, kLimitsExceeded, fmt::format("the answer has {} bytes, more than {}", text.size(), kLargestAnswer));
    return sd_bus_reply_method_return(request, "s", text.c_str());
}

int answer_lines(sd_bus_message* request, const std::vector<std::string>& lines) {
    sd_bus_message* raw = nullptr;
    if (const int r = sd_bus_message_new_method_return(request, &raw); r < 0) return r;
    const MessagePtr reply(raw);
    if (const int r = sd_bus_message_open_container(raw, 'a', "s"); r < 0) return r;
    for (const std::string& line : lines)
        if (const int r = sd_bus_message_append(raw, "s", as_utf8(line).c_str()); r < 0) return r;
    if (const int r = sd_bus_message_close_container(raw); r < 0) return r;
    return sd_bus_message_send(raw);
}

/// The next string of a request. Nothing: it is not there or too long, and `error` says so.
std::optional<std::string> read_argument(sd_bus_message* request, sd_bus_error* error, std::size_t longest = kLongestArgument) {
    const char* text = nullptr;
    if (sd_bus_message_read(request, "s", &text) < 0 || std::string_view(text).size() > longest) {
        (void)refuse(error, {Refusal::bad_request, fmt::format("an argument is longer than {} bytes", longest)});
        return std::nullopt;
    }
    return text;
}

/// A request whose answer comes later. It holds the message, and that its bus: where the peer is gone by then, sending says
/// ENOTCONN and nothing else happens.
class Deferred {
public:
    explicit Deferred(sd_bus_message* request) : request_(sd_bus_message_ref(request)) {}

    /// `send` answers the request that it is given.
    template <class Send> void answer(Send send) {
        const MessagePtr request = std::move(request_); // a second answer has nothing to answer
        if (request) send(request.get());
    }
    void refuse(const ControlError& why) {
        answer([&](sd_bus_message* request) {
            (void)sd_bus_reply_method_errorf(request, error_name(why.kind), "%s", as_utf8(why.message).c_str());
        });
    }

private:
    MessagePtr request_;
};

using Request = int (Connection::*)(sd_bus_message*, sd_bus_error*);

template <Access needed, Request handler>
int on_request(sd_bus_message* request, void* userdata, sd_bus_error* error) noexcept {
    auto& connection = *static_cast<Connection*>(userdata);
    if (const int r = connection.admit(needed, error); r < 0) return r;
    return (connection.*handler)(request, error);
}

int on_connected(sd_bus_message*, void* userdata, sd_bus_error*) noexcept {
    static_cast<Connection*>(userdata)->handshake_done();
    return 0;
}

int on_disconnected(sd_bus_message*, void* userdata, sd_bus_error*) noexcept {
    static_cast<Connection*>(userdata)->hang_up();
    return 0;
}

// Who may what is decided by admit(): sd-bus' own check asks for capabilities of a bus sender, which there is none of.
constexpr std::uint64_t kOurCheck = SD_BUS_VTABLE_UNPRIVILEGED;

#define IN(name) #name "\0"
const sd_bus_vtable kMethods[] = {
    SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD_WITH_NAMES("Status", "s", IN(service), "s", IN(json), (on_request<Access::look, &Connection::status>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("Rules", "", , "s", IN(json), (on_request<Access::look, &Connection::rules>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("SelectRules", "bbu", IN(by_hits) IN(never_hit) IN(limit), "s", IN(json),
                             (on_request<Access::look, &Connection::select_rules>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("Explain", "ssssssbb", IN(protocol) IN(address) IN(port) IN(from) IN(interface) IN(netns) IN(kernel) IN(live),
                             "s", IN(json), (on_request<Access::look, &Connection::explain>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("Start", "s", IN(service), "", , (on_request<Access::act, &Connection::start>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("Stop", "s", IN(service), "", , (on_request<Access::act, &Connection::stop>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("Restart", "sb", IN(service) IN(overlap), "", , (on_request<Access::act, &Connection::restart>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("ReloadService", "s", IN(service), "", , (on_request<Access::act, &Connection::reload_service>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("Pause", "st", IN(service) IN(longest), "", , (on_request<Access::act, &Connection::pause>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("Resume", "s", IN(service), "", , (on_request<Access::act, &Connection::resume>), kOurCheck),
    SD_BUS_METHOD_WITH_NAMES("Reload", "", , "as", IN(lines), (on_request<Access::act, &Connection::reload>), kOurCheck),
    // It shows who talks to whom, and it changes the program that packets go through: more than to look at the daemon.
    SD_BUS_METHOD_WITH_NAMES("Trace", "sbu", IN(listener) IN(drops) IN(sample), "", , (on_request<Access::act, &Connection::trace>),
                             kOurCheck),
    SD_BUS_SIGNAL_WITH_NAMES("Traced", "s", IN(json), 0),
    // What a service says may be secret; what it is doing is not. journald, too, shows it to root and its own group alone.
    SD_BUS_METHOD_WITH_NAMES("Logs", "asub", IN(services) IN(lines) IN(follow), "", , (on_request<Access::act, &Connection::logs>),
                             kOurCheck),
    SD_BUS_SIGNAL_WITH_NAMES("Logged", "s", IN(json), 0),
    SD_BUS_METHOD_WITH_NAMES("Version", "", , "s", IN(version), (on_request<Access::look, &Connection::version>), kOurCheck),
    SD_BUS_VTABLE_END};
#undef IN

} // namespace

Result<std::unique_ptr<Connection>> Connection::open(Loop& loop, Client client, ControlBackend& backend, Duration handshake_timeout,
                                                     std::function<void()> on_gone) {
    std::unique_ptr<Connection> connection(new Connection(client, backend, std::move(on_gone)));
    if (auto ok = connection->set_up(loop, std::move(client.fd), handshake_timeout); !ok) return Failure(std::move(ok).error());
    return connection;
}

Status Connection::set_up(Loop& loop, UniqueFd fd, Duration handshake_timeout) {
    auto timer = TimerSource::create(loop, [this] { hang_up(); });
    if (!timer) return Failure(std::move(timer).error());
    handshake_timer_ = std::move(*timer);
    auto turn = TimerSource::create(loop, [this] { this->turn(); });
    if (!turn) return Failure(std::move(turn).error());
    own_turn_ = std::move(*turn);
    if (auto ok = handshake_timer_.arm(now() + handshake_timeout); !ok) return ok;

    sd_bus* raw = nullptr;
    if (const int r = sd_bus_new(&raw); r < 0) return bus_failure("sd_bus_new", r);
    bus_.reset(raw);
    if (const int r = sd_bus_set_fd(raw, fd.get(), fd.get()); r < 0) return bus_failure("sd_bus_set_fd", r);
    (void)fd.release(); // the bus closes it
    if (auto ok = serve(); !ok) return ok;
    if (const int r = sd_bus_attach_event(raw, loop.native(), 0); r < 0) return bus_failure("sd_bus_attach_event", r);
    return own_turn_.arm(now() + kSoon);
}

Status Connection::serve() {
    sd_id128_t id{};
    if (const int r = sd_id128_randomize(&id); r < 0) return bus_failure("sd_id128_randomize", r);
    if (const int r = sd_bus_set_server(bus_.get(), 1, id); r < 0) return bus_failure("sd_bus_set_server", r);
    // The kernel has told who it is before the first byte; what the peer claims in its handshake is of no interest.
    if (const int r = sd_bus_set_anonymous(bus_.get(), 1); r < 0) return bus_failure("sd_bus_set_anonymous", r);
    if (const int r = sd_bus_negotiate_fds(bus_.get(), 0); r < 0) return bus_failure("sd_bus_negotiate_fds", r);

    sd_bus_slot* slot = nullptr;
    if (const int r = sd_bus_add_object_vtable(bus_.get(), &slot, kControlObject, kControlInterface, kMethods, this); r < 0)
        return bus_failure("sd_bus_add_object_vtable", r);
    methods_.reset(slot);
    if (const int r = sd_bus_set_connected_signal(bus_.get(), 1); r < 0) return bus_failure("sd_bus_set_connected_signal", r);
    if (auto ok = watch_signal("Connected", on_connected, connected_); !ok) return ok;
    if (auto ok = watch_signal("Disconnected", on_disconnected, disconnected_); !ok) return ok;
    if (const int r = sd_bus_start(bus_.get()); r < 0) return bus_failure("sd_bus_start", r);
    return {};
}

/// A signal that sd-bus makes itself and no peer can send (sd_bus_set_connected_signal(3)).
Status Connection::watch_signal(const char* member, sd_bus_message_handler_t handler, SlotPtr& slot) {
    sd_bus_slot* raw = nullptr;
    const int r = sd_bus_match_signal(bus_.get(), &raw, "org.freedesktop.DBus.Local", "/org/freedesktop/DBus/Local",
                                      "org.freedesktop.DBus.Local", member, handler, this);
    if (r < 0) return bus_failure("sd_bus_match_signal", r);
    slot.reset(raw);
    return {};
}

void Connection::handshake_done() {
    handshake_timer_.disarm();
    shaken_ = true;
    (void)own_turn_.arm(now());
}

/// What sd-bus has read but not looked at yet has its turn by a timer that it sets anew before each turn of the loop, and which thereby is
/// behind everybody else's events: while a service is started again and again it would never come. Besides, a peer may send its first
/// requests in the same breath as the end of the handshake; sd-bus has read them by then, but waits for more.
void Connection::turn() {
    constexpr int kFitIntoOneRead = 8; // sd-bus reads 256 bytes of handshake at a time, and no message has less than 32
    int handled = 0;
    for (; handled < kFitIntoOneRead && !gone_; ++handled) {
        const int r = sd_bus_process(bus_.get(), nullptr);
        if (r < 0) hang_up();
        if (r <= 0) break;
    }
    const bool quiet = shaken_ && handled < kFitIntoOneRead;
    if (!gone_) (void)own_turn_.arm(now() + (quiet ? kRarely : kSoon));
}

void Connection::hang_up() {
    if (gone_) return;
    gone_ = true;
    trace_.reset();
    logs_.reset();
    on_gone_();
}

int Connection::admit(Access needed, sd_bus_error* error) {
    std::uint64_t unread = 0;
    if (sd_bus_get_n_queued_write(bus_.get(), &unread) < 0 || unread >= kMaxUnreadAnswers) hang_up();
    if (gone_) return refuse(error, kLimitsExceeded, "too many answers not read");
    if (needed == Access::act && access_ != Access::act)
        return refuse(error, kAccessDenied, "only root and the user of swathed may do this");
    return 0;
}

int Connection::status(sd_bus_message* request, sd_bus_error* error) {
    const auto service = read_argument(request, error);
    if (!service) return -EINVAL;
    const auto answer = backend_.status(*service);
    return answer ? answer_text(request, to_json(*answer), error) : refuse(error, answer.error());
}

int Connection::rules(sd_bus_message* request, sd_bus_error* error) {
    const auto answer = backend_.rules({});
    return answer ? answer_text(request, to_json(*answer), error) : refuse(error, answer.error());
}

int Connection::select_rules(sd_bus_message* request, sd_bus_error* error) {
    int by_hits = 0, never_hit = 0;
    std::uint32_t limit = 0;
    if (const int r = sd_bus_message_read(request, "bbu", &by_hits, &never_hit, &limit); r < 0) return r;
    const auto answer = backend_.rules({by_hits != 0, never_hit != 0, limit});
    return answer ? answer_text(request, to_json(*answer), error) : refuse(error, answer.error());
}

int Connection::explain(sd_bus_message* request, sd_bus_error* error) {
    ExplainQuery query;
    for (std::string* field : {&query.protocol, &query.address, &query.port, &query.from, &query.interface, &query.netns}) {
        auto text = read_argument(request, error, field == &query.netns ? kLongestPath : kLongestArgument);
        if (!text) return -EINVAL;
        *field = std::move(*text);
    }
    int kernel = 0, live = 0;
    if (const int r = sd_bus_message_read(request, "bb", &kernel, &live); r < 0) return r;
    query.kernel = kernel != 0;
    query.live = live != 0;
    const auto answer = backend_.explain(query);
    return answer ? answer_text(request, to_json(*answer), error) : refuse(error, answer.error());
}

int Connection::act(sd_bus_message* request, sd_bus_error* error,
                    const std::function<void(const std::string& service, ControlBackend::Done done)>& work) {
    const auto service = read_argument(request, error);
    if (!service) return -EINVAL;
    if (service->empty()) return refuse(error, {Refusal::bad_request, "service name missing"});
    work(*service, [deferred = std::make_shared<Deferred>(request)](const Answer<void>& outcome) {
        if (!outcome) return deferred->refuse(outcome.error());
        deferred->answer([](sd_bus_message* asked) { (void)sd_bus_reply_method_return(asked, nullptr); });
    });
    return 1; // answered, or to be answered
}

int Connection::start(sd_bus_message* request, sd_bus_error* error) {
    return act(request, error, [this](const std::string& service, auto done) { backend_.start(service, std::move(done)); });
}

int Connection::stop(sd_bus_message* request, sd_bus_error* error) {
    return act(request, error, [this](const std::string& service, auto done) { backend_.stop(service, std::move(done)); });
}

int Connection::restart(sd_bus_message* request, sd_bus_error* error) {
    return act(request, error, [&](const std::string& service, auto done) {
        int overlap = 0;
        (void)sd_bus_message_read(request, "b", &overlap); // the signature was checked
        backend_.restart(service, overlap != 0, std::move(done));
    });
}

int Connection::reload_service(sd_bus_message* request, sd_bus_error* error) {
    return act(request, error, [this](const std::string& service, auto done) { backend_.reload_service(service, std::move(done)); });
}

int Connection::pause(sd_bus_message* request, sd_bus_error* error) {
    return act(request, error, [&](const std::string& service, auto done) {
        std::uint64_t longest = 0;
        (void)sd_bus_message_read(request, "t", &longest);
        const bool for_good = longest == 0 || longest > kLongestPauseUsec;
        backend_.pause(service, for_good ? kInfinity : Duration(static_cast<Duration::rep>(longest)), std::move(done));
    });
}

int Connection::resume(sd_bus_message* request, sd_bus_error* error) {
    return act(request, error, [this](const std::string& service, auto done) { backend_.resume(service, std::move(done)); });
}

int Connection::reload(sd_bus_message* request, sd_bus_error*) {
    backend_.reload([deferred = std::make_shared<Deferred>(request)](const Answer<std::vector<std::string>>& lines) {
        if (!lines) return deferred->refuse(lines.error());
        deferred->answer([&](sd_bus_message* asked) { (void)answer_lines(asked, *lines); });
    });
    return 1; // answered, or to be answered
}

int Connection::trace(sd_bus_message* request, sd_bus_error* error) {
    TraceQuery query;
    auto listener = read_argument(request, error);
    if (!listener) return -EINVAL;
    query.listener = std::move(*listener);
    int drops = 0;
    if (const int r = sd_bus_message_read(request, "bu", &drops, &query.sample); r < 0) return r;
    query.drops = drops != 0;
    if (trace_) return refuse(error, {Refusal::bad_request, "this connection has a trace already"});
    if (query.sample < 1 || query.sample > kMostSparse)
        return refuse(error, {Refusal::bad_request, fmt::format("one decision in {}: not in 1-{}", query.sample, kMostSparse)});
    auto begun = backend_.trace(query, [this](const TraceBatch& batch) {
        return takes_part(!batch.ended.empty()) && send_part("Traced", to_json(batch));
    });
    if (!begun) return refuse(error, begun.error());
    trace_ = std::move(*begun);
    return sd_bus_reply_method_return(request, nullptr);
}

int Connection::logs(sd_bus_message* request, sd_bus_error* error) {
    LogQuery query;
    if (const int r = sd_bus_message_enter_container(request, 'a', "s"); r < 0) return r;
    while (sd_bus_message_at_end(request, 0) == 0) {
        auto service = read_argument(request, error);
        if (!service) return -EINVAL;
        query.services.push_back(std::move(*service));
        if (query.services.size() > kMostNames)
            return refuse(error, {Refusal::bad_request, fmt::format("more than {} services", kMostNames)});
    }
    if (const int r = sd_bus_message_exit_container(request); r < 0) return r;
    int follow = 0;
    if (const int r = sd_bus_message_read(request, "ub", &query.lines, &follow); r < 0) return r;
    query.follow = follow != 0;
    if (logs_) return refuse(error, {Refusal::bad_request, "this connection reads logs already"});
    auto begun = backend_.logs(query, [this](const LogBatch& batch) {
        return takes_part(batch.complete || !batch.ended.empty()) && send_part("Logged", to_json(batch));
    });
    if (!begun) return refuse(error, begun.error());
    logs_ = std::move(*begun);
    return sd_bus_reply_method_return(request, nullptr);
}

/// The queue of a peer that reads slowly must not grow.
bool Connection::takes_part(bool last) {
    std::uint64_t unread = 0;
    if (gone_ || sd_bus_get_n_queued_write(bus_.get(), &unread) < 0) return false;
    return last || unread < kMaxUnreadBatches;
}

bool Connection::send_part(const char* member, const std::string& json) {
    return sd_bus_emit_signal(bus_.get(), kControlObject, kControlInterface, member, "s", json.c_str()) >= 0;
}

int Connection::version(sd_bus_message* request, sd_bus_error* error) { return answer_text(request, SWATHE_VERSION, error); }

} // namespace swathe
