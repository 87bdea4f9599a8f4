#include "fixture.h"

#include "control/access.h"
#include "control/json.h"
#include "control/socket_path.h"

#include <cerrno>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

namespace {

UniqueFd raw_connection(const std::string& path) {
    const auto address = unix_address(path);
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0);
    return fd;
}

/// Reads until the other end has hung up; false after `patience`.
bool hung_up_within(int fd, std::chrono::milliseconds patience) {
    const Monotonic end = now() + patience;
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - now());
        pollfd poll{fd, POLLIN, 0};
        if (left.count() <= 0 || ::poll(&poll, 1, static_cast<int>(left.count())) == 0) return false;
        char sink[4096];
        const ssize_t n = ::read(fd, sink, sizeof sink);
        if (n == 0 || (n < 0 && errno != EINTR)) return true;
    }
}

void write_all(int fd, std::string_view bytes) { REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size())); }

std::string read_some(int fd) {
    pollfd poll{fd, POLLIN, 0};
    REQUIRE(::poll(&poll, 1, 5000) == 1);
    char text[512];
    const ssize_t n = ::read(fd, text, sizeof text);
    return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string{};
}

/// Through the handshake of the D-Bus specification, by hand.
UniqueFd authenticated(const std::string& path) {
    UniqueFd fd = raw_connection(path);
    write_all(fd.get(), std::string_view("\0AUTH ANONYMOUS 30\r\n", 20));
    REQUIRE(read_some(fd.get()).starts_with("OK "));
    write_all(fd.get(), "BEGIN\r\n");
    return fd;
}

/// A method call as the D-Bus specification marshals it, with a body of `body` bytes that is not there.
std::string request_head(const std::string& member, const std::string& signature, std::uint32_t body) {
    const auto number = [](std::uint32_t n) { return std::string(reinterpret_cast<const char*>(&n), sizeof n); };
    const auto pad = [](std::string& text) { text.resize((text.size() + 7) / 8 * 8); };
    std::string fields;
    const auto field = [&](char code, char type, const std::string& value) {
        pad(fields);
        fields += std::string{code, '\1', type, '\0'};
        fields += type == 'g' ? std::string(1, static_cast<char>(value.size())) : number(static_cast<std::uint32_t>(value.size()));
        fields += value + '\0';
    };
    field(1, 'o', kControlObject);
    field(2, 's', kControlInterface);
    field(3, 's', member);
    if (!signature.empty()) field(8, 'g', signature);
    std::string head = std::string("l\1\0\1", 4) + number(body) + number(1) + number(static_cast<std::uint32_t>(fields.size())) + fields;
    pad(head);
    return head;
}

std::string version_request(std::uint32_t body) { return request_head("Version", "", body); }
std::string status_request() { return request_head("Status", "s", 5) + std::string("\0\0\0\0\0", 5); } // of ""

ControlClient client_of(const std::string& path) {
    auto client = ControlClient::connect(path);
    REQUIRE_MESSAGE(client, client.error().message);
    return std::move(*client);
}

} // namespace

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

namespace {

/// Runs `visit` in a child that is user 65534 with these supplementary groups; its result is the child's exit status.
template <class F> int as_stranger(const std::vector<gid_t>& groups, F visit) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::setgroups(groups.size(), groups.data()) < 0 || ::setgid(65534) < 0 || ::setuid(65534) < 0) ::_exit(100);
        ::_exit(visit());
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("control: members of the group look and do not act, strangers do not even connect") {
    if (::geteuid() != 0) {
        MESSAGE("only root can be somebody else: this needs root");
        return;
    }
    const auto group = find_group("daemon").value();
    REQUIRE(group);
    const TempDir dir;
    RunningServer server(dir / "control", "daemon");
    const auto member = [&] {
        auto client = ControlClient::connect(dir / "control");
        if (!client) return 1;
        if (!client->status("edge") || !client->rules() || !client->version()) return 2;
        if (!client->explain({"tcp", "192.0.2.9", "443", "", "", false})) return 3;
        for (const auto& outcome : {client->start("edge"), client->stop("edge"), client->restart("edge", true), client->reload_service("edge"),
                                    client->pause("edge", kInfinity), client->resume("edge")})
            if (outcome || outcome.error().kind != Trouble::denied) return 4;
        if (client->trace({}).error().kind != Trouble::denied) return 6; // it shows addresses of clients
        if (client->logs({}).error().kind != Trouble::denied) return 7; // it shows what services say
        const auto reloaded = client->reload();
        return reloaded || reloaded.error().kind != Trouble::denied ? 5 : 0;
    };
    CHECK(as_stranger({*group}, member) == 0);
    const auto stranger = [&] {
        const auto client = ControlClient::connect(dir / "control");
        return client || client.error().kind != Trouble::denied ? 1 : 0;
    };
    CHECK(as_stranger({}, stranger) == 0);
    REQUIRE(::chmod((dir / "control").c_str(), 0666) == 0); // somebody meant it well
    CHECK(as_stranger({}, stranger) == 0);
    CHECK(server.inside([&] { return server.backend.acts.empty() && server.backend.reloads == 0; }));
}

TEST_CASE("control: garbage instead of a handshake ends that connection and no other") {
    const TempDir dir;
    RunningServer server(dir / "control");
    ControlClient client = client_of(dir / "control");
    const std::string_view garbage[] = {"GET / HTTP/1.0\r\n\r\n", "\xff\xfe\xfd\r\n",
                                        std::string_view("\0AUTH ANONYMOUS 30\r\nBEGIN\r\nnot a D-Bus message at all", 53)};
    for (const std::string_view bytes : garbage) {
        CAPTURE(std::string(bytes));
        const UniqueFd fd = raw_connection(dir / "control");
        write_all(fd.get(), bytes);
        CHECK(hung_up_within(fd.get(), 4s)); // well below the handshake's time-out
        CHECK(client.status("edge"));
    }
}

TEST_CASE("control: who never finishes the handshake is disconnected when its time is over") {
    const TempDir dir;
    RunningServer server(dir / "control", "", 50ms);
    const UniqueFd silent = raw_connection(dir / "control");
    const UniqueFd half = raw_connection(dir / "control");
    write_all(half.get(), std::string_view("\0AUTH ANO", 9));
    const UniqueFd rejected = raw_connection(dir / "control");
    write_all(rejected.get(), std::string_view("\0AUTH NONSENSE\r\nBEGIN\r\n", 23));
    ControlClient client = client_of(dir / "control");
    CHECK(hung_up_within(silent.get(), 4s));
    CHECK(hung_up_within(half.get(), 4s));
    CHECK(hung_up_within(rejected.get(), 4s));
    CHECK(client.status("edge")); // authenticated in time: stays
}

TEST_CASE("control: a request that comes in one breath with the end of the handshake is answered") {
    const TempDir dir;
    RunningServer server(dir / "control");
    const UniqueFd fd = raw_connection(dir / "control");
    write_all(fd.get(), std::string("\0AUTH ANONYMOUS 30\r\nBEGIN\r\n", 27) + version_request(0));
    std::string answer;
    while (answer.find(SWATHE_VERSION) == answer.npos) {
        const std::string more = read_some(fd.get());
        REQUIRE_FALSE(more.empty());
        answer += more;
    }
}

TEST_CASE("control: a message that says it is larger than D-Bus allows ends its connection") {
    const TempDir dir;
    RunningServer server(dir / "control");
    ControlClient client = client_of(dir / "control");
    const UniqueFd fd = authenticated(dir / "control");
    write_all(fd.get(), version_request(128 * 1024 * 1024));
    CHECK(hung_up_within(fd.get(), 4s));
    CHECK(client.status("edge"));
}

TEST_CASE("control: who asks and does not read the answers is disconnected") {
    const TempDir dir;
    RunningServer server(dir / "control");
    server.inside([&] { return server.backend.status_text.assign(1024 * 1024, 'x'), 0; });
    const UniqueFd fd = authenticated(dir / "control");
    REQUIRE(::fcntl(fd.get(), F_SETFL, O_NONBLOCK) == 0);
    const std::string request = status_request();
    const Monotonic end = now() + 10s;
    bool disconnected = false;
    while (!disconnected && now() < end) {
        const ssize_t n = ::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL);
        disconnected = n < 0 && (errno == EPIPE || errno == ECONNRESET);
        std::this_thread::sleep_for(1ms);
    }
    CHECK(disconnected);
    CHECK(client_of(dir / "control").version());
}

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
