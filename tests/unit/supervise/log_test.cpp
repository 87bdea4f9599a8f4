#include "log_world.h"

#include <cerrno>

#include <fcntl.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;
using Kind = StandardStream::Kind;

TEST_CASE("log: a level in front of a line, and what only looks like one") {
    struct Case { std::string_view text; std::optional<std::uint8_t> level; std::string_view rest; };
    const Case cases[] = {{"<3>bad", 3, "bad"}, {"<0>", 0, ""},   {"<7> x", 7, " x"}, {"<8>x", std::nullopt, "<8>x"},
                          {"<a>x", std::nullopt, "<a>x"},
                          {"<3", std::nullopt, "<3"}, {"", std::nullopt, ""}, {"<13>x", std::nullopt, "<13>x"},
                          {"x<3>", std::nullopt, "x<3>"}};
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(split_level(c.text).level == c.level);
        CHECK(split_level(c.text).text == c.rest);
    }
}

TEST_CASE("log: which streams go through the daemon") {
    struct Case { Kind input, output, error; OutputRoute first, second; bool joined; };
    using R = OutputRoute;
    const Case cases[] = {
        {Kind::unset, Kind::unset, Kind::unset, R::log, R::log, true},
        {Kind::unset, Kind::inherit, Kind::inherit, R::log, R::log, true},
        {Kind::null, Kind::inherit, Kind::null, R::log, R::elsewhere, false},
        {Kind::socket, Kind::inherit, Kind::unset, R::elsewhere, R::elsewhere, true},
        {Kind::socket, Kind::inherit, Kind::journal, R::elsewhere, R::log, false},
        {Kind::unset, Kind::journal, Kind::journal, R::log, R::log, false},
        {Kind::unset, Kind::log_file, Kind::inherit, R::file, R::file, true},
        {Kind::unset, Kind::append, Kind::log_file, R::elsewhere, R::file, false},
        {Kind::unset, Kind::null, Kind::unset, R::elsewhere, R::elsewhere, true},
        {Kind::unset, Kind::fd, Kind::truncate, R::elsewhere, R::elsewhere, false},
    };
    for (const Case& c : cases) {
        ExecContext context;
        context.standard_input.kind = c.input;
        context.standard_output.kind = c.output;
        context.standard_error.kind = c.error;
        CAPTURE(static_cast<int>(c.output));
        CAPTURE(static_cast<int>(c.error));
        const OutputRoutes routes = routes_of(context);
        CHECK(routes.output == c.first);
        CHECK(routes.error == c.second);
        CHECK(routes.joined == c.joined);
    }
}

TEST_CASE("log: lines come with their level, their process and their stream, in order") {
    World world;
    const auto log = world.logs->open("edge");
    {
        auto ends = log->begin(service(), command(), std::nullopt);
        REQUIRE(ends);
        CHECK(ends->output() == ends->error());
        ends->belong_to(42);
        write(ends->output(), "one\n<3>two\n");
        write(ends->error(), "three\nunfinished");
    }
    CHECK(world.run_until([&] { return log->streams() == 0; }));
    CHECK(world.sink->lines == Lines{"6 edge one", "3 edge two", "6 edge three", "6 edge unfinished"});
    CHECK(world.sink->raws.at(1) == "<3>two");
    auto at = log->ring().begin();
    (void)log->ring().read(at);
    const auto two = log->ring().read(at);
    CHECK(two->text == "two");
    CHECK(two->facts.priority == 3);
    CHECK(two->facts.pid == 42);
    CHECK(two->facts.stream == LogStream::both);
    CHECK(two->facts.time_usec > 1'700'000'000'000'000);
}

TEST_CASE("log: a cut line keeps its level, and the next one has its own") {
    World world;
    const auto log = world.logs->open("edge");
    Service chatty = service();
    chatty.log_ring_bytes = 1U << 20;
    auto ends = log->begin(chatty, command(), std::nullopt);
    REQUIRE(ends);
    REQUIRE(::fcntl(ends->output(), F_SETPIPE_SZ, 1 << 18) > 0);
    write(ends->output(), "<2>" + std::string(kLongestLine, 'x') + "<1>more\nnext\n");
    log->drain();
    REQUIRE(world.sink->lines.size() == 3);
    CHECK(world.sink->lines.at(1) == "2 edge xxx<1>more");
    CHECK(world.sink->lines.at(2) == "6 edge next");
}

TEST_CASE("log: streams of their own are told apart, and an identifier of its own is used") {
    World world;
    const auto log = world.logs->open("edge");
    Service split = service();
    split.standard_output.kind = split.standard_error.kind = Kind::journal;
    split.syslog_identifier = "me";
    auto ends = log->begin(split, command(), std::nullopt);
    REQUIRE(ends);
    CHECK(ends->output() != ends->error());
    write(ends->output(), "out\n");
    log->drain();
    write(ends->error(), "err\n");
    log->drain();
    CHECK(world.sink->lines == Lines{"6 me out", "6 me err"});
    auto at = log->ring().begin();
    CHECK(log->ring().read(at)->facts.stream == LogStream::output);
    CHECK(log->ring().read(at)->facts.stream == LogStream::error);
}

TEST_CASE("log: what has been written is there once it is drained, without a turn of the loop") {
    World world;
    const auto log = world.logs->open("edge");
    auto ends = log->begin(service(), command(), std::nullopt);
    REQUIRE(ends);
    write(ends->output(), "last words");
    log->drain();
    CHECK(texts_of(log->ring()) == Lines{"last words"});
    CHECK(log->streams() == 1); // somebody may still write
}

TEST_CASE("log: a sink that is behind gets all lines once it can, and only one that stays away loses some") {
    World world;
    const auto log = world.logs->open("edge");
    auto ends = log->begin(service(), command(), std::nullopt);
    REQUIRE(ends);
    world.sink->busy = true;
    write(ends->output(), "one\ntwo\n");
    const Monotonic soon = now() + 50ms; // of the second that it may be behind (kBusyPatience)
    (void)world.run_until([&] { return now() > soon; });
    CHECK(texts_of(log->ring()).empty());
    world.sink->busy = false;
    CHECK(world.run_until([&] { return world.sink->lines.size() == 2; }));
    world.sink->busy = true;
    write(ends->output(), "three\nfour\n");
    CHECK(world.run_until([&] { return texts_of(log->ring()).size() == 4; })); // the service is not held for ever
    world.sink->busy = false;
    write(ends->output(), "five\n");
    CHECK(world.run_until([&] { return world.sink->lines.size() == 3; }));
    CHECK(world.sink->lines.back() == "6 edge five");
}

TEST_CASE("log: lines that a sink loses are in the ring all the same") {
    World world;
    const auto log = world.logs->open("edge");
    auto ends = log->begin(service(), command(), std::nullopt);
    REQUIRE(ends);
    world.sink->error = ENOSPC;
    write(ends->output(), "one\ntwo\n");
    log->drain();
    CHECK(texts_of(log->ring()) == Lines{"one", "two"});
}

TEST_CASE("loss report: said at once, then counted once in an interval") {
    const Error full{"/log", ENOSPC, std::nullopt};
    LossReport report;
    Monotonic at{1h};
    CHECK_FALSE(report.due(at));
    CHECK(report.lost(full, at) == "its output cannot be written: /log: No space left on device; lines are lost");
    CHECK_FALSE(report.lost(full, at + 1s));
    CHECK_FALSE(report.due(at + 9s));
    CHECK(report.pending());
    CHECK(report.due(at + 10s) == "2 lines of its output lost: /log: No space left on device");
    CHECK_FALSE(report.pending());
    CHECK_FALSE(report.due(at + 30s));
    CHECK(report.lost(full, at + 30s) == "its output cannot be written: /log: No space left on device; lines are lost");
    CHECK(report.due(at + 40s) == "1 line of its output lost: /log: No space left on device");
    CHECK_FALSE(report.lost(full, at + 41s)); // within the interval of what was said last
    CHECK(report.lost(full, at + 51s) == "2 lines of its output lost: /log: No space left on device");
}
