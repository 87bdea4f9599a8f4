#include "systemd/manager.h"

#include "systemd/bus.h"
#include "systemd/unit_properties.h"

#include <algorithm>
#include <sys/socket.h>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr const char* kName = "org.freedesktop.systemd1";
constexpr const char* kUnits = "/org/freedesktop/systemd1/unit";
constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
constexpr const char* kLocal = "org.freedesktop.DBus.Local";
constexpr std::uint64_t kAnswerUsec = 10'000'000; ///< a manager that reloads thousands of units answers late
constexpr Duration kFirstDelay = std::chrono::milliseconds(50); ///< systemctl daemon-reexec takes about as long
constexpr Duration kLongestDelay = std::chrono::seconds(5);

std::string path_of(const std::string& unit) {
    char* raw = nullptr;
    if (sd_bus_path_encode(kUnits, unit.c_str(), &raw) < 0) return {};
    const std::unique_ptr<char, decltype(&::free)> path(raw, &::free);
    return raw;
}

/// The kernel names who has bound the socket: any file could lie there, in a container for instance.
Status check_peer(int fd, const Manager::Place& place) {
    ucred peer{};
    socklen_t size = sizeof peer;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) return system_failure("SO_PEERCRED");
    if (peer.pid == place.pid && peer.uid == place.uid) return {};
    return failure(fmt::format("{} is not the service manager's: it belongs to pid {}, uid {}", place.socket, peer.pid, peer.uid));
}

Failure refusal_in(sd_bus_message* reply) {
    const sd_bus_error* error = sd_bus_message_get_error(reply);
    return failure(fmt::format("systemd refuses: {}", error != nullptr && error->message != nullptr ? error->message : "no reason given"));
}

} // namespace

struct Manager::Question {
    Connection& connection;
    std::string unit, path;
    Told told;
    Answer answer;
    ManagerSlot call; // to destroy it calls it off

    void finish(Result<Answer> result);
};

struct Manager::Connection {
    explicit Connection(Manager& owner) : manager(owner) {}
    ~Connection() { bus.reset(); } // first of all: no call is answered any more

    static int changed(sd_bus_message* message, void* self, sd_bus_error*) noexcept;
    static int closed(sd_bus_message* message, void* self, sd_bus_error*) noexcept;
    static int properties(sd_bus_message* reply, void* question, sd_bus_error*) noexcept;
    static int sockets(sd_bus_message* reply, void* question, sd_bus_error*) noexcept;
    int get_all(Question& question) const;
    int get_sockets(Question& question) const;

    Manager& manager;
    std::map<std::string, std::unique_ptr<Question>> questions;
    ManagerSlot changes, end;
    ManagerBus bus;
};

void Manager::Question::finish(Result<Answer> result) {
    const Told tell = std::move(told);
    connection.questions.erase(unit); // *this
    tell(std::move(result));
}

int Manager::Connection::changed(sd_bus_message* message, void* self, sd_bus_error*) noexcept {
    Manager& manager = static_cast<Connection*>(self)->manager;
    const char* path = sd_bus_message_get_path(message);
    const auto unit = path == nullptr ? manager.units_.end() : manager.units_.find(path);
    if (unit == manager.units_.end()) return 0;
    const auto mark = read_changed_mark(message);
    if (mark && *mark) manager.events_.changed(std::string(unit->second), **mark);
    return 0;
}

int Manager::Connection::closed(sd_bus_message*, void* self, sd_bus_error*) noexcept {
    static_cast<Connection*>(self)->manager.disconnected({"systemd has closed the connection", 0, std::nullopt});
    return 0;
}

int Manager::Connection::get_all(Question& question) const {
    sd_bus_slot* slot = nullptr;
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(bus.get(), &raw, kName, question.path.c_str(), kProperties, "GetAll");
    const std::unique_ptr<sd_bus_message, decltype(&sd_bus_message_unref)> message(raw, &sd_bus_message_unref);
    if (r >= 0) r = sd_bus_message_append(raw, "s", "org.freedesktop.systemd1.Unit");
    if (r >= 0) r = sd_bus_call_async(bus.get(), &slot, raw, properties, &question, kAnswerUsec);
    question.call.reset(slot);
    return r;
}

int Manager::Connection::get_sockets(Question& question) const {
    sd_bus_slot* slot = nullptr;
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(bus.get(), &raw, kName, question.path.c_str(), kProperties, "Get");
    const std::unique_ptr<sd_bus_message, decltype(&sd_bus_message_unref)> message(raw, &sd_bus_message_unref);
    if (r >= 0) r = sd_bus_message_append(raw, "ss", "org.freedesktop.systemd1.Socket", "Listen");
    if (r >= 0) r = sd_bus_call_async(bus.get(), &slot, raw, sockets, &question, kAnswerUsec);
    question.call.reset(slot);
    return r;
}

int Manager::Connection::properties(sd_bus_message* reply, void* userdata, sd_bus_error*) noexcept {
    Question& question = *static_cast<Question*>(userdata);
    if (sd_bus_message_is_method_error(reply, nullptr) != 0) return question.finish(refusal_in(reply)), 0;
    if (auto read = read_unit_properties(reply, question.answer.state, question.answer.mark); !read)
        return question.finish(Failure(std::move(read).error())), 0;
    if (!question.answer.state.is_there()) return question.finish(std::move(question.answer)), 0;
    if (const int r = question.connection.get_sockets(question); r < 0) question.finish(failure("sd_bus_call_async", -r));
    return 0;
}

int Manager::Connection::sockets(sd_bus_message* reply, void* userdata, sd_bus_error*) noexcept {
    Question& question = *static_cast<Question*>(userdata);
    if (sd_bus_message_is_method_error(reply, nullptr) != 0) return question.finish(refusal_in(reply)), 0;
    auto sockets = read_listen_property(reply);
    if (!sockets) return question.finish(Failure(std::move(sockets).error())), 0;
    question.answer.state.sockets = std::move(*sockets);
    return question.finish(std::move(question.answer)), 0;
}

Manager::Manager(Loop& loop, Place place, Events events) : loop_(loop), place_(std::move(place)), events_(std::move(events)) {}

Manager::~Manager() = default;

Result<std::unique_ptr<Manager>> Manager::create(Loop& loop, Place place, Events events) {
    std::unique_ptr<Manager> self(new Manager(loop, std::move(place), std::move(events)));
    auto timer = TimerSource::create(loop, [raw = self.get()] { raw->connect(); });
    if (!timer) return Failure(std::move(timer).error());
    self->retry_ = std::move(*timer);
    return self;
}

bool Manager::is_connected() const noexcept { return connection_ != nullptr && connection_->bus != nullptr; }

void Manager::follow(const std::set<std::string>& units) {
    units_.clear();
    for (const std::string& unit : units) units_.emplace(path_of(unit), unit);
    if (units.empty()) {
        connection_.reset();
        retry_->disarm();
        was_connected_ = false;
        return;
    }
    if (is_connected())
        std::erase_if(connection_->questions, [&](const auto& entry) { return !units.contains(entry.first); });
    else if (!was_connected_) // else it is tried by itself
        connect();
}

void Manager::connect() {
    if (auto opened = open(); !opened) return disconnected(opened.error());
    was_connected_ = true;
    outage_told_ = false;
    delay_ = {};
    events_.connected();
}

Status Manager::open() {
    connection_ = std::make_unique<Connection>(*this);
    sd_bus* raw = nullptr;
    int r = sd_bus_new(&raw);
    if (r < 0) return failure("sd_bus_new", -r);
    ManagerBus bus(raw);
    r = sd_bus_set_address(raw, fmt::format("unix:path={}", place_.socket).c_str());
    if (r >= 0) r = sd_bus_start(raw);
    if (r < 0) return failure(fmt::format("connect {}", place_.socket), -r);
    if (auto peer = check_peer(sd_bus_get_fd(raw), place_); !peer) return peer;
    sd_bus_slot* slot = nullptr;
    r = sd_bus_match_signal(raw, &slot, nullptr, nullptr, kProperties, "PropertiesChanged", Connection::changed, connection_.get());
    connection_->changes.reset(slot);
    if (r >= 0) r = sd_bus_match_signal(raw, &slot, nullptr, nullptr, kLocal, "Disconnected", Connection::closed, connection_.get());
    if (r >= 0) connection_->end.reset(slot);
    if (r >= 0) r = sd_bus_attach_event(raw, loop_.native(), 0);
    if (r < 0) return failure("sd-bus", -r);
    connection_->bus = std::move(bus);
    return {};
}

/// Maybe called by the connection itself: it is replaced later.
void Manager::disconnected(const Error& why) {
    if (connection_) connection_->bus.reset(); // calls are answered no more
    if (!std::exchange(outage_told_, was_connected_)) events_.lost(why);
    if (was_connected_) retry_later();
}

void Manager::retry_later() {
    delay_ = std::clamp(delay_ * 2, kFirstDelay, kLongestDelay);
    if (auto armed = retry_->arm(now() + delay_); !armed) events_.lost(armed.error());
}

void Manager::ask(const std::string& unit, Told told) {
    auto& question = connection_->questions[unit];
    question.reset(new Question{*connection_, unit, path_of(unit), std::move(told), {}, {}});
    if (const int r = connection_->get_all(*question); r < 0) question->finish(failure("sd_bus_call_async", -r));
}

} // namespace swathe
