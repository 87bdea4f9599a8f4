#include "fixture.h"

#include "base/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("control: who traces gets the batches until it leaves, and only those") {
    const TempDir dir;
    RunningServer server(dir / "control");
    std::optional<ControlClient> client = client_of(dir / "control");
    REQUIRE(client->trace({"web/http", true, 10}));
    CHECK(server.inside([&] { return server.backend.asked.listener + (server.backend.asked.drops ? " drops" : ""); }) == "web/http drops");
    CHECK(server.inside([&] { return server.backend.asked.sample; }) == 10);
    ControlClient bystander = client_of(dir / "control");

    TraceBatch batch;
    batch.events.resize(2);
    batch.lost = 5;
    CHECK(server.inside([&] { return server.backend.sink(batch); }));
    CHECK(bystander.version().has_value()); // a signal in between would be no answer
    const auto got = client->next_batch({});
    REQUIRE_MESSAGE(got, got.error().message);
    REQUIRE(got->has_value());
    CHECK((*got)->events.size() == 2);
    CHECK((*got)->lost == 5);
    CHECK(client->version().has_value()); // requests go on beside it
    CHECK_FALSE(client->trace({}).has_value()); // but one trace is enough

    batch.ended = "the kernel said no";
    CHECK(server.inside([&] { return server.backend.sink(batch); }));
    const auto over = client->next_batch({});
    REQUIRE_FALSE(over.has_value());
    CHECK(over.error().message.find("the kernel said no") != std::string::npos);
    client.reset();
    CHECK(server.eventually([&] { return server.backend.trace_alive.expired(); }));
}

TEST_CASE("control: a trace is refused where its question is wrong") {
    const TempDir dir;
    RunningServer server(dir / "control");
    ControlClient client = client_of(dir / "control");
    CHECK(client.trace({"nobody", false, 1}).error().kind == Trouble::no_such_service);
    CHECK(client.trace({"", false, 0}).error().kind == Trouble::bad_request);
    CHECK(client.trace({"", false, kMostSparse + 1}).error().kind == Trouble::bad_request);
    CHECK(client.trace({"", false, kMostSparse}).has_value());
}

TEST_CASE("control: who reads logs gets them until it leaves, and the last batch whatever is unread") {
    const TempDir dir;
    RunningServer server(dir / "control");
    std::optional<ControlClient> client = client_of(dir / "control");
    CHECK(client->logs({{"edge", "nobody"}, 7, false}).error().kind == Trouble::no_such_service);
    REQUIRE(client->logs({{"edge", "slow"}, 7, true}));
    CHECK(server.inside([&] { return server.backend.asked_logs.services; }) == std::vector<std::string>{"edge", "slow"});
    CHECK(server.inside([&] { return server.backend.asked_logs.lines; }) == 7);
    CHECK(server.inside([&] { return server.backend.asked_logs.follow; }));
    CHECK_FALSE(client->logs({}).has_value()); // one stream is enough

    LogBatch batch;
    batch.lines = {{1, "edge", 42, "stderr", 3, std::string("nul \0 \xff", 7)}};
    batch.lost = 5;
    CHECK(server.inside([&] { return server.backend.feed(batch); }));
    const auto got = client->next_log({});
    REQUIRE_MESSAGE(got, got.error().message);
    REQUIRE(got->has_value());
    CHECK((*got)->lines.at(0).text == std::string("nul \0 \xef\xbf\xbd", 9));
    CHECK((*got)->lost == 5);

    batch.lines.assign(5, {1, "edge", 42, "both", 6, std::string(40'000, 'x')}); // a peer that does not read
    CHECK(server.inside([&] {
        for (int i = 0; i < 100; ++i)
            if (!server.backend.feed(batch)) return true;
        return false;
    }));
    LogBatch last;
    last.ended = "the end";
    CHECK(server.inside([&] { return server.backend.feed(last); }));
    auto next = client->next_log({});
    while (next) next = client->next_log({});
    CHECK(next.error().message.find("the end") != std::string::npos);
    client.reset();
    CHECK(server.eventually([&] { return server.backend.logs_alive.expired(); }));
}

TEST_CASE("control: a request names only so many services") {
    const TempDir dir;
    RunningServer server(dir / "control");
    ControlClient client = client_of(dir / "control");
    CHECK(client.logs({std::vector<std::string>(kMostNames + 1, "edge"), 1, false}).error().kind == Trouble::bad_request);
    CHECK(client.logs({{std::string(kLongestArgument + 1, 'x')}, 1, false}).error().kind == Trouble::bad_request);
    CHECK(client.logs({std::vector<std::string>(kMostNames, "edge"), 1, false}).has_value());
}

TEST_CASE("control: waiting for a batch ends when something else is to be looked at, or when the daemon is gone") {
    const TempDir dir;
    auto server = std::make_unique<RunningServer>(dir / "control");
    ControlClient client = client_of(dir / "control");
    REQUIRE(client.trace({}));
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const UniqueFd reader(ends[0]);
    { const UniqueFd writer(ends[1]); }
    const auto nothing = client.next_batch({reader.get()});
    REQUIRE(nothing.has_value());
    CHECK_FALSE(nothing->has_value());
    server->stop();
    const auto gone = client.next_batch({});
    REQUIRE_FALSE(gone.has_value());
    CHECK(gone.error().kind == Trouble::failed);
}

TEST_CASE("control: a trace that nobody reads is not queued without end") {
    const TempDir dir;
    RunningServer server(dir / "control");
    ControlClient client = client_of(dir / "control");
    REQUIRE(client.trace({}));
    TraceBatch batch;
    batch.events.resize(250);
    int taken = 0;
    while (server.inside([&] { return server.backend.sink(batch); })) REQUIRE(++taken < 1000);
    CHECK(taken > 0);
    for (int i = 0; i < 100; ++i) CHECK_FALSE(server.inside([&] { return server.backend.sink(batch); }));
    for (int i = 0; i < taken; ++i) CHECK(client.next_batch({}).has_value()); // nothing of what was taken is lost
    CHECK(server.eventually([&] { return server.backend.sink(batch); })); // and there is room again
}
