#include "model/exec_context.h"
#include "process/streams.h"
#include "support.h"

#include <fcntl.h>
#include <sstream>

using namespace swathe;
using namespace swathe::test;

namespace {

using From = StreamSource::Kind;
using Kind = StandardStream::Kind;

StandardStream stream(Kind kind, const std::string& target = {}) { return {kind, target, {}}; }

SpawnPlan shell(const std::string& script) {
    SpawnPlan plan;
    plan.path = "/bin/sh";
    plan.argv = {"sh", "-c", script};
    return plan;
}

void run(const SpawnPlan& plan) {
    auto exit = reap(must_spawn(plan));
    REQUIRE(exit);
    CHECK(*exit == Exit{Exit::Kind::code, 0});
}

std::string text_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
}

struct Pipe {
    UniqueFd out, in;
    Pipe() {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        out.reset(ends[0]);
        in.reset(ends[1]);
    }
    std::string drain() {
        in.reset();
        std::string all;
        char buffer[256];
        for (ssize_t n = 0; (n = ::read(out.get(), buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<std::size_t>(n));
        return all;
    }
};

struct SocketPair {
    UniqueFd ours, theirs;
    SocketPair() {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
        ours.reset(ends[0]);
        theirs.reset(ends[1]);
    }
    std::string read() const {
        char buffer[256];
        const ssize_t n = ::read(ours.get(), buffer, sizeof buffer);
        return n < 0 ? "?" : std::string(buffer, static_cast<std::size_t>(n));
    }
};

} // namespace

TEST_CASE("streams: every combination of words comes from where systemd takes it") {
    const StandardStream unset, inherit = stream(Kind::inherit), null = stream(Kind::null), journal = stream(Kind::journal);
    const StandardStream file = stream(Kind::file, "/a"), append = stream(Kind::append, "/a"), other = stream(Kind::file, "/b");
    const StandardStream truncated = stream(Kind::truncate, "/a");
    const StandardStream socket = stream(Kind::socket), web = stream(Kind::fd, "web"), log = stream(Kind::log_file, "/l");
    struct Case {
        StandardStream input, output, error;
        From from_input, from_output, from_error;
    };
    const Case cases[] = {
        {unset, unset, unset, From::null, From::log, From::output},
        {null, inherit, inherit, From::null, From::log, From::output},
        {unset, null, unset, From::null, From::null, From::output},
        {unset, null, journal, From::null, From::null, From::log},
        {unset, journal, journal, From::null, From::log, From::log},
        {unset, log, unset, From::null, From::log, From::output},
        {socket, unset, unset, From::socket, From::input, From::output},
        {socket, inherit, journal, From::socket, From::input, From::log},
        {socket, journal, unset, From::socket, From::log, From::output},
        {unset, socket, socket, From::null, From::socket, From::socket},
        {web, unset, unset, From::named, From::input, From::output},
        {unset, web, null, From::null, From::named, From::null},
        {file, unset, unset, From::path, From::log, From::output},
        {file, file, file, From::path, From::input, From::output}, // opened once
        {file, other, other, From::path, From::path, From::output},
        {file, append, other, From::path, From::path, From::path},
        {unset, truncated, truncated, From::null, From::path, From::output},
        {unset, append, append, From::null, From::path, From::output},
    };
    for (const Case& c : cases) {
        CAPTURE(&c - cases);
        ExecContext context;
        context.standard_input = c.input;
        context.standard_output = c.output;
        context.standard_error = c.error;
        SpawnPlan plan;
        plan_streams(context, plan);
        CHECK(plan.input.kind == c.from_input);
        CHECK(plan.output.kind == c.from_output);
        const bool goes_with_output = plan.error.kind == From::output;
        CHECK(goes_with_output == (c.from_error == From::output));
        if (!goes_with_output) CHECK(plan.error.kind == c.from_error);
    }
}

TEST_CASE("spawn: files are read, written from their beginning, appended to and emptied; the umask counts for new ones") {
    const TempDir dir;
    std::ofstream(dir / "in") << "from the file\n";
    for (const char* name : {"over", "append", "truncate"}) std::ofstream(dir / name) << "0123456789";
    struct Case {
        const char* name;
        int flags;
        const char* expected;
    };
    const Case cases[] = {{"over", 0, "from the file\n"},
                          {"append", O_APPEND, "0123456789from the file\n"},
                          {"truncate", O_TRUNC, "from the file\n"},
                          {"new", O_APPEND, "from the file\n"}};
    for (const Case& c : cases) {
        CAPTURE(c.name);
        SpawnPlan plan = shell("cat");
        plan.umask = 0027;
        plan.input = {From::path, dir / "in", O_RDONLY};
        plan.output = {From::path, dir / c.name, O_WRONLY | O_CREAT | c.flags};
        run(plan);
        CHECK(text_of(dir / c.name) == c.expected);
    }
    SpawnPlan shorter = shell("printf ab");
    shorter.output = {From::path, dir / "over", O_WRONLY | O_CREAT};
    run(shorter);
    CHECK(text_of(dir / "over") == "abom the file\n");
    struct stat status {};
    REQUIRE(::stat((dir / "new").c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0640);
}

TEST_CASE("spawn: input and output of the same file are one open file") {
    const TempDir dir;
    std::ofstream(dir / "both") << "abc\n";
    ExecContext context;
    context.standard_input = context.standard_output = stream(Kind::file, dir / "both");
    SpawnPlan plan = shell("read line; echo got $line");
    plan_streams(context, plan);
    run(plan);
    CHECK(text_of(dir / "both") == "abc\ngot abc\n");
}

TEST_CASE("spawn: output and error go where the caller says, apart or together, and not to each other's place") {
    Pipe output, error;
    SpawnPlan plan = shell("echo out; echo err >&2");
    plan.output_fd = output.in.get();
    plan.error_fd = error.in.get();
    plan.error.kind = From::log;
    run(plan);
    CHECK(output.drain() == "out\n");
    CHECK(error.drain() == "err\n");

    Pipe both;
    plan.output_fd = both.in.get();
    plan.error.kind = From::output;
    run(plan);
    CHECK(both.drain() == "out\nerr\n");

    const TempDir dir;
    Pipe again;
    plan.output = {From::path, dir / "out", O_WRONLY | O_CREAT};
    plan.error.kind = From::log;
    plan.error_fd = again.in.get();
    run(plan);
    CHECK(text_of(dir / "out") == "out\n");
    CHECK(again.drain() == "err\n");
}

TEST_CASE("spawn: descriptors for streams that lie where passed ones shall be are not overwritten") {
    Pipe output;
    std::vector<UniqueFd> sockets;
    SpawnPlan plan = shell("echo out");
    plan.output_fd = output.in.get();
    for (int i = 0; i < 40; ++i) { // one of them becomes the number that the pipe has here
        sockets.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        plan.fds.push_back({sockets.back().get(), "s"});
    }
    REQUIRE(plan.output_fd < 43);
    run(plan);
    CHECK(output.drain() == "out\n");
}

TEST_CASE("spawn: a socket as standard stream is blocking and the only way that it is passed: no LISTEN_ variable") {
    const SocketPair pair;
    SpawnPlan plan = shell("read line; echo $line ${LISTEN_FDS-none} ${LISTEN_PID-none} ${LISTEN_FDNAMES-none}\n"
                           "[ -e /proc/$$/fd/3 ] || echo alone >&2");
    plan.fds = {{pair.theirs.get(), "web"}};
    plan.input.kind = From::socket;
    plan.output.kind = From::input;
    REQUIRE(::write(pair.ours.get(), "hello\n", 6) == 6);
    run(plan);
    const std::string said = pair.read();
    CHECK(said == "hello none none none\nalone\n");
    CHECK((::fcntl(pair.theirs.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("spawn: a named descriptor is a stream and passed as ever") {
    const SocketPair web, dns;
    SpawnPlan plan = shell("echo $LISTEN_FDS $LISTEN_FDNAMES; echo direct >&3; echo error >&2");
    plan.fds = {{web.theirs.get(), "web"}, {dns.theirs.get(), "dns"}};
    plan.output = {From::named, "dns", 0};
    plan.error.kind = From::null;
    run(plan);
    CHECK(dns.read() == "2 web:dns\n");
    CHECK(web.read() == "direct\n");
}

TEST_CASE("spawn: streams that cannot be had say which and why") {
    const SocketPair one, two;
    const Pipe pipe;
    struct Case {
        const char* message;
        int status;
        std::function<void(SpawnPlan&)> change;
    };
    const Case cases[] = {
        {"a standard stream is to be the one socket; there are 0 descriptors: Invalid argument", 202,
         [](SpawnPlan& p) { p.input.kind = From::socket; }},
        {"a standard stream is to be the one socket; there are 2 descriptors: Invalid argument", 202,
         [&](SpawnPlan& p) { p.input.kind = From::socket, p.fds = {{one.theirs.get(), "a"}, {two.theirs.get(), "b"}}; }},
        {"a standard stream is to be the one socket; there are 1 descriptors: Invalid argument", 202, // a pipe is none
         [&](SpawnPlan& p) { p.output.kind = From::socket, p.fds = {{pipe.in.get(), "a"}}; }},
        {"a standard stream is to be the descriptor web: No such file or directory", 202,
         [&](SpawnPlan& p) { p.error = {From::named, "web", 0}, p.fds = {{one.theirs.get(), "a"}}; }},
        {"standard_input /no/such: No such file or directory", 208, [](SpawnPlan& p) { p.input = {From::path, "/no/such", O_RDONLY}; }},
        {"standard_output /no/such: No such file or directory", 209,
         [](SpawnPlan& p) { p.output = {From::path, "/no/such", O_WRONLY}; }},
        {"standard_error /: Is a directory", 222, [](SpawnPlan& p) { p.error = {From::path, "/", O_WRONLY}; }},
        {"standard_output: Bad file descriptor", 209, [](SpawnPlan& p) { p.output_fd = 999'999; }},
    };
    for (const Case& c : cases) {
        CAPTURE(c.message);
        SpawnPlan plan = shell(":");
        c.change(plan);
        auto child = spawn(plan);
        REQUIRE_FALSE(child);
        CHECK(static_cast<int>(child.error().step) == c.status);
        CHECK(child.error().error.to_string() == c.message);
    }
    CHECK(no_children());
}
