#include "fixture.h"

#include "control/access.h"
#include "control/json.h"
#include "control/socket_path.h"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

TEST_CASE("control: what is asked is answered, each with its type") {
    const TempDir dir;
    RunningServer server(dir / "control");
    server.inside([&] { return server.backend.status_text = "\xff ready", 0; });
    ControlClient client = client_of(dir / "control");

    const auto all = client.status("");
    REQUIRE(all);
    CHECK(all->services.size() == 2);
    CHECK(all->daemon.pid == 42);
    CHECK(all->services[0].status_text == "\xef\xbf\xbd ready");
    CHECK(client.status("edge")->services.size() == 1);
    CHECK(client.rules()->size() == 3);
    CHECK_FALSE(client.rules()->front().hits);
    CHECK(client.rules({true, false, 0})->front().hits == 7);
    CHECK(client.rules({false, true, 0})->front().hits == 0);
    CHECK(client.rules({false, false, 2})->size() == 2);
    CHECK(client.version().value() == SWATHE_VERSION);

    const auto explained = client.explain({"tcp", "192.0.2.9", "443", "203.0.113.7:5555", "eth0", true});
    REQUIRE(explained);
    CHECK(explained->service == "192.0.2.9|443|203.0.113.7:5555|eth0");
    CHECK(explained->source == "kernel");
    CHECK(client.explain({"tcp", "192.0.2.9", "443", "", "", false, true})->source == "live");
    CHECK(client.explain({"tcp", "192.0.2.9", "443", "", "", false, false})->source == "tables");

    const auto lines = client.reload();
    REQUIRE(lines);
    CHECK(*lines == std::vector<std::string>{"one", "tw\xef\xbf\xbdo"});
    CHECK(client.start("edge"));
    CHECK(client.stop("edge"));
    CHECK(client.restart("edge", false));
    CHECK(client.restart("edge", true));
    CHECK(client.reload_service("edge"));
    CHECK(client.pause("edge", kInfinity));
    CHECK(client.pause("edge", std::chrono::milliseconds(1500)));
    CHECK(client.resume("edge"));
    CHECK(server.inside([&] { return server.backend.acts; }) ==
          std::vector<std::string>{"start edge", "stop edge", "restart edge", "restart --overlap edge", "reload edge", "pause edge",
                                   "pause 1500000 edge", "resume edge"});
}

TEST_CASE("control: refusals keep their kind across the socket") {
    const TempDir dir;
    RunningServer server(dir / "control");
    server.inside([&] { return server.backend.reload_works = false; });
    ControlClient client = client_of(dir / "control");

    CHECK(client.status("ghost").error().kind == Trouble::no_such_service);
    CHECK(client.status("ghost").error().message == "no service ghost");
    CHECK(client.start("ghost").error().kind == Trouble::no_such_service);
    CHECK(client.stop("").error().kind == Trouble::bad_request);
    CHECK(client.reload().error().kind == Trouble::failed);
    CHECK(client.reload().error().message == "a.toml:1:1: no");
    const auto bad = client.explain({"sctp", "", "", "", "", false});
    CHECK(bad.error().kind == Trouble::bad_request);
    CHECK(bad.error().message == "protocol \xef\xbf\xbd?");
}

TEST_CASE("control: the longest argument passes and one byte more does not") {
    const TempDir dir;
    RunningServer server(dir / "control");
    ControlClient client = client_of(dir / "control");
    CHECK(client.status(std::string(kLongestArgument, 'a')).error().kind == Trouble::no_such_service);
    CHECK(client.status(std::string(kLongestArgument + 1, 'a')).error().kind == Trouble::bad_request);
    CHECK(client.start(std::string(kLongestArgument + 1, 'a')).error().kind == Trouble::bad_request);
    CHECK(client.explain({"tcp", "", "", std::string(kLongestArgument + 1, 'a'), "", false}).error().kind == Trouble::bad_request);
    CHECK(client.status("edge"));
}

TEST_CASE("control: the largest answer passes, one byte more is refused, and the connection goes on") {
    const TempDir dir;
    RunningServer server(dir / "control");
    ControlClient client = client_of(dir / "control");
    const auto fill = [&](std::size_t answer_bytes) { // a control character takes six bytes
        server.inside([&] {
            server.backend.status_text.clear();
            const std::size_t rest = answer_bytes - to_json(*server.backend.status("edge")).size();
            server.backend.status_text = std::string(rest / 6, '\x01') + std::string(rest % 6, 'x');
            return 0;
        });
    };
    fill(kLargestAnswer + 1);
    const auto refused = client.status("edge");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("more than") != std::string::npos);
    fill(kLargestAnswer);
    CHECK(client.status("edge"));
}

TEST_CASE("control: an answer that comes later reaches the one who asked, while others are served") {
    const TempDir dir;
    RunningServer server(dir / "control");
    auto pending = std::async(std::launch::async, [path = dir / "control"] { return client_of(path).start("slow"); });
    REQUIRE(server.eventually([&] { return server.backend.waiting.size() == 1; }));
    CHECK(client_of(dir / "control").status("edge"));
    CHECK(pending.wait_for(20ms) == std::future_status::timeout);

    server.inside([&] {
        server.backend.waiting[0](tl::unexpected(ControlError{Refusal::failed, "it died"}));
        server.backend.waiting[0]({}); // once too often: nothing is left to answer
        return 0;
    });
    const auto outcome = pending.get();
    REQUIRE_FALSE(outcome);
    CHECK(outcome.error().message == "it died");
}

TEST_CASE("control: a client that is gone before the answer costs nothing") {
    const TempDir dir;
    RunningServer server(dir / "control");
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        auto client = ControlClient::connect(dir / "control");
        if (client) (void)client->stop("slow");
        ::_exit(0);
    }
    CHECK(server.eventually([&] { return server.backend.waiting.size() == 1; }));
    CHECK(::kill(child, SIGKILL) == 0);
    CHECK(::waitpid(child, nullptr, 0) == child);
    CHECK(client_of(dir / "control").status("edge")); // by now the server has seen the hang-up
    server.inside([&] { return server.backend.waiting[0]({}), 0; });
    CHECK(client_of(dir / "control").status("edge"));
}

TEST_CASE("control: an answer may outlive its server") {
    const TempDir dir;
    RunningServer server(dir / "control");
    auto pending = std::async(std::launch::async, [path = dir / "control"] { return client_of(path).restart("slow", false); });
    REQUIRE(server.eventually([&] { return server.backend.waiting.size() == 1; }));
    server.stop();
    CHECK(pending.get().error().kind == Trouble::failed);
    server.backend.waiting[0]({});
    server.backend.waiting.clear();
    CHECK(ControlClient::connect(dir / "control").error().kind == Trouble::not_running);
}

TEST_CASE("control: nobody there is told from a refusal and from an unusable path") {
    const TempDir dir;
    const auto kind_at = [&](const std::string& name) { return ControlClient::connect(dir / name).error().kind; };
    CHECK(kind_at("control") == Trouble::not_running);
    CHECK(kind_at("no/such/directory") == Trouble::not_running);
    {
        const auto address = unix_address(dir / "dead");
        const UniqueFd dead{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0);
    }
    CHECK(kind_at("dead") == Trouble::not_running);
    CHECK(kind_at(std::string(200, 'x')) == Trouble::failed);
}

TEST_CASE("control: a daemon that accepts but never speaks does not hold its client for ever") {
    const TempDir dir;
    const auto silent = ListeningPath::open(dir / "control", std::nullopt);
    REQUIRE(silent);
    const Monotonic begin = now();
    const auto client = ControlClient::connect(dir / "control", 100ms);
    REQUIRE_FALSE(client);
    CHECK(client.error().kind == Trouble::failed);
    CHECK(now() - begin < 3s);
}

TEST_CASE("control: the connection after the last is refused, and there is room again when one has left") {
    const TempDir dir;
    RunningServer server(dir / "control");
    std::vector<ControlClient> clients;
    for (unsigned i = 0; i < kMaxConnections; ++i) clients.push_back(client_of(dir / "control"));
    const auto refused = ControlClient::connect(dir / "control");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == Trouble::denied);
    for (ControlClient& client : clients) REQUIRE(client.status("edge"));

    clients.pop_back();
    CHECK(clients.front().status("edge")); // the loop has gone round
    bool again = false;
    for (int i = 0; i < 100 && !again; ++i) again = ControlClient::connect(dir / "control").has_value();
    CHECK(again);
}
