#include "dispatch/dispatcher.h"
#include "rules_for_test.h"
#include "sandbox.h"

#include <bpf/bpf.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace swathe;
using test::HandRules;
using test::Sandbox;

namespace {

mode_t mode_of(const std::string& path) {
    struct stat status{};
    return stat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

std::uint32_t link_id(const std::string& path) {
    const UniqueFd fd(bpf_obj_get(path.c_str()));
    bpf_link_info info{};
    std::uint32_t size = sizeof info;
    return fd && bpf_obj_get_info_by_fd(fd.get(), &info, &size) == 0 ? info.id : 0;
}

/// A dispatcher that steers 127.0.1.0/24 port 80 to `socket`.
Dispatcher steering(const std::string& pin, int socket) {
    Dispatcher dispatcher = Dispatcher::create({-1, pin}).value();
    const std::uint32_t slot = dispatcher.allocate_slot().value();
    REQUIRE(dispatcher.set_socket(slot, socket).has_value());
    HandRules rules;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(slot));
    const auto published = dispatcher.publish(rules.tables());
    if (!published) FAIL(published.error().to_string());
    return dispatcher;
}

} // namespace

TEST_CASE("pin: the link is pinned 0600 in a directory 0700, keeps its id through generations, and nothing else is pinned") {
    const std::string pin = Sandbox::instance().pin_path("modes");
    const UniqueFd socket = test::tcp_listener();
    const mode_t mask = umask(0);
    Dispatcher dispatcher = steering(pin, socket.get());
    (void)umask(mask);
    CHECK(mode_of(pin) == 0600);
    CHECK(mode_of(pin.substr(0, pin.rfind('/'))) == 0700);
    const std::uint32_t id = link_id(pin);
    CHECK(id != 0);
    for (int i = 0; i < 3; ++i) REQUIRE(dispatcher.publish(HandRules().tables()).has_value());
    CHECK(link_id(pin) == id);
    REQUIRE(dispatcher.detach().has_value());
    CHECK(access(pin.c_str(), F_OK) != 0);
    CHECK(access(pin.substr(0, pin.rfind('/')).c_str(), F_OK) < 0); // detaching leaves nothing behind
}

TEST_CASE("pin: steering outlives the dispatcher, a successor takes the same link over, and detaching ends it") {
    const std::string pin = Sandbox::instance().pin_path("heir");
    const UniqueFd first = test::tcp_listener(), second = test::tcp_listener();
    { const Dispatcher gone = steering(pin, first.get()); }
    CHECK(test::tcp_reaches("127.0.1.1", 80, first.get()));
    const std::uint32_t id = link_id(pin);

    Dispatcher heir = steering(pin, second.get());
    CHECK(link_id(pin) == id);
    CHECK(test::tcp_reaches("127.0.1.1", 80, second.get()));
    CHECK(heir.programs()->size() == 1);
    REQUIRE(heir.detach().has_value());
    REQUIRE(heir.detach().has_value()); // twice is once
    CHECK(heir.programs()->empty());
    CHECK(test::tcp_connect_error("127.0.1.1", 80) == ECONNREFUSED);
}

TEST_CASE("pin: without a pin steering ends with the dispatcher") {
    (void)Sandbox::instance();
    const UniqueFd socket = test::tcp_listener();
    {
        const Dispatcher dispatcher = steering("", socket.get());
        CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
    }
    CHECK(test::tcp_connect_error("127.0.1.1", 80) == ECONNREFUSED);
}

TEST_CASE("pin: a link that someone detached is replaced, by its owner and by a successor") {
    const std::string pin = Sandbox::instance().pin_path("dead");
    const UniqueFd socket = test::tcp_listener();
    Dispatcher dispatcher = steering(pin, socket.get());
    const std::uint32_t id = link_id(pin);
    const auto cut = [&] {
        const UniqueFd fd(bpf_obj_get(pin.c_str()));
        REQUIRE(bpf_link_detach(fd.get()) == 0);
        CHECK(test::tcp_connect_error("127.0.1.1", 80) == ECONNREFUSED);
    };
    cut();
    HandRules rules;
    rules.steer("127.0.1.0/24", {80, 80}, rules.listener(0));
    REQUIRE(dispatcher.publish(rules.tables()).has_value());
    CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
    CHECK(link_id(pin) != id);

    cut();
    Dispatcher heir = steering(pin, socket.get());
    CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
    REQUIRE(heir.detach().has_value());
}

TEST_CASE("pin: a link of a namespace that is gone is replaced") {
    const std::string pin = Sandbox::instance().pin_path("other");
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (unshare(CLONE_NEWNET) != 0) _exit(1);
        auto dispatcher = Dispatcher::create({-1, pin});
        _exit(dispatcher && dispatcher->publish(HandRules().tables()) ? 0 : 2);
    }
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(status == 0);
    const std::uint32_t id = link_id(pin);
    REQUIRE(id != 0);
    const UniqueFd socket = test::tcp_listener();
    Dispatcher dispatcher = steering(pin, socket.get());
    CHECK(link_id(pin) != id);
    CHECK(test::tcp_reaches("127.0.1.1", 80, socket.get()));
    REQUIRE(dispatcher.detach().has_value());
}

TEST_CASE("pin: places that are not ours are refused, and nothing is attached") {
    const Sandbox& sandbox = Sandbox::instance();
    const std::string map_pin = sandbox.pin_path("map");
    REQUIRE(mkdir(map_pin.substr(0, map_pin.rfind('/')).c_str(), 0700) == 0);
    const UniqueFd map(bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 4, 1, nullptr));
    REQUIRE(bpf_obj_pin(map.get(), map_pin.c_str()) == 0);
    const std::string foreign_pin = sandbox.pin_path("foreign");
    REQUIRE(mkdir(foreign_pin.substr(0, foreign_pin.rfind('/')).c_str(), 0777) == 0);
    REQUIRE(chown(foreign_pin.substr(0, foreign_pin.rfind('/')).c_str(), 65534, 65534) == 0);

    struct Case { std::string pin; const char* reason; };
    const Case cases[] = {
        {map_pin, "pinned, but no BPF link"},
        {foreign_pin, "belongs to another user"},
        {"/proc/sys/link", "not on a BPF file system"},
        {sandbox.bpffs() + "/none/there/link", "No such file or directory"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.pin);
        Dispatcher dispatcher = Dispatcher::create({-1, c.pin}).value();
        const auto refused = dispatcher.publish(HandRules().tables());
        REQUIRE_FALSE(refused.has_value());
        CAPTURE(refused.error().to_string());
        CHECK(refused.error().to_string().find(c.reason) != std::string::npos);
        CHECK(dispatcher.generation() == 0);
        CHECK(dispatcher.programs()->empty());
    }
    (void)unlink(map_pin.c_str());
}
