#include "fake_manager.h"

#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>

#include <doctest/doctest.h>

namespace swathe {

FakeManager::FakeManager(Loop& loop) : loop_(loop) {
    std::string name = (std::filesystem::temp_directory_path() / "swathe-manager-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    listen();
}

FakeManager::~FakeManager() {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
}

void FakeManager::listen() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (void)std::strncpy(address.sun_path, socket().c_str(), sizeof address.sun_path - 1);
    listening_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE(::bind(listening_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listening_.get(), 8) == 0);
    auto source = IoSource::watch(loop_, listening_.get(), EPOLLIN, [this](std::uint32_t) { accept(); });
    REQUIRE(source);
    source_ = std::move(*source);
}

void FakeManager::hang_up() { peers_.clear(); }

void FakeManager::stop() {
    hang_up();
    source_.reset();
    listening_.reset();
    std::error_code ignored;
    std::filesystem::remove(socket(), ignored);
}

void FakeManager::accept() {
    const int fd = ::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    REQUIRE(fd >= 0);
    sd_bus* bus = nullptr;
    REQUIRE(sd_bus_new(&bus) >= 0);
    peers_.emplace_back(bus);
    REQUIRE(sd_bus_set_fd(bus, fd, fd) >= 0);
    REQUIRE(sd_bus_set_server(bus, 1, SD_ID128_MAKE(1, 2, 3, 4, 5, 6, 7, 8, 9, a, b, c, d, e, f, 10)) >= 0);
    REQUIRE(sd_bus_start(bus) >= 0);
    REQUIRE(sd_bus_add_filter(bus, nullptr, answer, this) >= 0);
    REQUIRE(sd_bus_attach_event(bus, loop_.native(), 0) >= 0);
}

int FakeManager::answer(sd_bus_message* call, void* self, sd_bus_error*) {
    FakeManager& fake = *static_cast<FakeManager*>(self);
    if (fake.is_silent) return 1;
    if (fake.talks_rot) return sd_bus_reply_method_return(call, "u", 7U);
    if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", "GetAll") > 0) return fake.answer_properties(call);
    if (sd_bus_message_is_method_call(call, "org.freedesktop.DBus.Properties", "Get") > 0) return fake.answer_listen(call);
    return 0;
}

int FakeManager::answer_properties(sd_bus_message* call) {
    asked.emplace_back(sd_bus_message_get_path(call));
    return sd_bus_reply_method_return(call, "a{sv}", 6, "LoadState", "s", unit.load_state.c_str(), "Names", "as", 2, "a", "b",
                                      "ActiveState", "s", unit.active_state.c_str(), "SubState", "s", unit.sub_state.c_str(),
                                      "StateChangeTimestamp", "t", std::uint64_t{5}, "ActiveEnterTimestampMonotonic", "t",
                                      unit.active_since);
}

int FakeManager::answer_listen(sd_bus_message* call) {
    sd_bus_message* reply = nullptr;
    REQUIRE(sd_bus_message_new_method_return(call, &reply) >= 0);
    REQUIRE(sd_bus_message_open_container(reply, 'v', "a(ss)") >= 0);
    REQUIRE(sd_bus_message_open_container(reply, 'a', "(ss)") >= 0);
    for (const auto& [kind, address] : unit.listen) REQUIRE(sd_bus_message_append(reply, "(ss)", kind.c_str(), address.c_str()) >= 0);
    REQUIRE(sd_bus_message_close_container(reply) >= 0);
    REQUIRE(sd_bus_message_close_container(reply) >= 0);
    const int sent = sd_bus_send(nullptr, reply, nullptr);
    (void)sd_bus_message_unref(reply);
    return sent < 0 ? sent : 1;
}

void FakeManager::changed(const char* path, const char* interface) {
    for (const auto& peer : peers_)
        REQUIRE(sd_bus_emit_signal(peer.get(), path, "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as", interface, 4,
                                   "ActiveState", "s", unit.active_state.c_str(), "SubState", "s", unit.sub_state.c_str(), "NAccepted", "u",
                                   3U, "ActiveEnterTimestampMonotonic", "t", unit.active_since, 1, "Conditions") >= 0);
}

} // namespace swathe
