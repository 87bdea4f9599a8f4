#include "supervise/log_follow.h"
#include "supervise/service_logs.h"

#include <cerrno>
#include <csignal>
#include <deque>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace swathe;
using namespace std::chrono_literals;
using Kind = StandardStream::Kind;
using Lines = std::vector<std::string>;

namespace {

/// What a log is told, as "PRIORITY IDENTIFIER TEXT".
struct FakeSink final : LogSink {
    Result<bool> take(const LogSource& source, const LogLine& line, std::string_view raw) override {
        if (busy) return false;
        if (error != 0) return failure("sink", error);
        lines.push_back(std::to_string(line.priority) + " " + source.identifier + " " + std::string(line.text));
        raws.emplace_back(raw);
        return true;
    }
    bool busy = false;
    int error = 0;
    Lines lines, raws;
};

struct World {
    Loop loop = std::move(*Loop::create());
    std::shared_ptr<FakeSink> sink = std::make_shared<FakeSink>();
    std::unique_ptr<ServiceLogs> logs = std::move(*ServiceLogs::create(loop, sink));

    template <class Done> bool run_until(Done done) {
        const Monotonic end = now() + 10s;
        while (!done() && now() < end) REQUIRE(loop.run_once(5ms));
        return done();
    }
};

Command command() {
    Command one;
    one.path = "/usr/sbin/edge";
    return one;
}

Service service() {
    Service one;
    one.name = "edge";
    return one;
}

void write(int fd, std::string_view text) { REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size())); }

Lines texts_of(const LogRing& ring) {
    Lines texts;
    for (auto at = ring.begin(); auto line = ring.read(at);) texts.push_back(line->text);
    return texts;
}

LogLine line(std::string_view text, std::int64_t time = 0) {
    LogLine one;
    one.text = text;
    one.time_usec = time;
    return one;
}

Lines texts_of(const LogBatch& batch) {
    Lines texts;
    for (const LogLineView& one : batch.lines) texts.push_back(one.text);
    return texts;
}

std::string content_of(const std::string& path) {
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

struct Directory {
    std::string path;
    Directory() {
        std::string name = (std::filesystem::temp_directory_path() / "swathe-log-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    ~Directory() { std::filesystem::remove_all(path); }
    std::string operator/(const char* name) const { return path + "/" + name; }
};

constexpr std::size_t kHeader = 24; // bytes of a line besides its text: swathe.service(5), log_ring_bytes

} // namespace

TEST_CASE("log ring: it has the last lines that fit, whatever its size") {
    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (const std::size_t capacity : {std::size_t{0}, kHeader, kHeader + 1, std::size_t{100}, std::size_t{1023}, std::size_t{5000}}) {
        CAPTURE(capacity);
        LogRing ring;
        ring.resize(capacity);
        std::deque<std::string> expected;
        std::size_t used = 0;
        for (int i = 0; i < 2000; ++i) {
            std::string text(random() % 8 == 0 ? random() % 3000 : random() % 60, static_cast<char>('a' + i % 26));
            ring.push(line(text));
            if (capacity <= kHeader) continue;
            text.resize(std::min(text.size(), capacity - kHeader));
            used += kHeader + text.size();
            expected.push_back(std::move(text));
            for (; used > capacity; expected.pop_front()) used -= kHeader + expected.front().size();
            REQUIRE(texts_of(ring) == Lines(expected.begin(), expected.end()));
            REQUIRE(ring.memory() <= capacity);
        }
        CHECK(ring.end().number == (capacity <= kHeader ? 0U : 2000U));
    }
}

TEST_CASE("log ring: memory comes with the lines and goes with the size") {
    LogRing ring;
    ring.resize(1U << 20);
    CHECK(ring.memory() == 0);
    ring.push(line("one"));
    CHECK(ring.memory() <= 1024);
    for (int i = 0; i < 100'000; ++i) ring.push(line("0123456789"));
    CHECK(ring.memory() == 1U << 20);
    const auto before = texts_of(ring).size();
    CHECK(before == (1U << 20) / (kHeader + 10));
    ring.resize(kHeader + 10);
    CHECK(texts_of(ring) == Lines{"0123456789"});
    CHECK(ring.memory() == kHeader + 10);
    ring.resize(0);
    CHECK(texts_of(ring).empty());
    CHECK(ring.memory() == 0);
    ring.resize(100);
    ring.push(line("again"));
    CHECK(texts_of(ring) == Lines{"again"});
}

TEST_CASE("log ring: who is overtaken is told how many lines it has missed") {
    LogRing ring;
    ring.resize(3 * (kHeader + 1));
    LogRing::Cursor cursor = ring.begin();
    for (const char* text : {"a", "b", "c"}) ring.push(line(text));
    CHECK(ring.catch_up(cursor) == 0);
    CHECK(ring.read(cursor)->text == "a");
    for (const char* text : {"d", "e", "f"}) ring.push(line(text));
    CHECK(ring.catch_up(cursor) == 2); // b and c
    CHECK(ring.read(cursor)->text == "d");
}

TEST_CASE("log: a level in front of a line, and what only looks like one") {
    struct Case { std::string_view text; std::optional<std::uint8_t> level; std::string_view rest; };
    const Case cases[] = {{"<3>bad", 3, "bad"}, {"<0>", 0, ""},   {"<7> x", 7, " x"}, {"<8>x", std::nullopt, "<8>x"},  {"<a>x", std::nullopt, "<a>x"},
                          {"<3", std::nullopt, "<3"}, {"", std::nullopt, ""}, {"<13>x", std::nullopt, "<13>x"}, {"x<3>", std::nullopt, "x<3>"}};
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
    const Monotonic soon = now() + 200ms;
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

TEST_CASE("log file: lines are added as they were written, and after a move to a new file") {
    const Directory directory;
    World world;
    const auto log = world.logs->open("edge");
    Service filed = service();
    filed.standard_output.kind = Kind::log_file;
    filed.standard_output.target = directory / "edge.log";
    auto ends = log->begin(filed, command(), std::nullopt);
    REQUIRE(ends);
    write(ends->output(), std::string_view("<3>one\nt\0wo\n", 12));
    log->drain();
    CHECK(content_of(directory / "edge.log") == std::string("<3>one\nt\0wo\n", 12));
    struct stat status {};
    REQUIRE(::stat((directory / "edge.log").c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0640);

    std::filesystem::rename(directory / "edge.log", directory / "edge.log.1");
    write(ends->output(), "three\n");
    log->drain();
    world.logs->reopen();
    write(ends->output(), "four\n");
    log->drain();
    CHECK(content_of(directory / "edge.log.1") == std::string("<3>one\nt\0wo\nthree\n", 18));
    CHECK(content_of(directory / "edge.log") == "four\n");

    auto next = log->begin(filed, command(), std::nullopt); // two processes, one file
    REQUIRE(next);
    write(next->output(), "five\n");
    log->drain();
    write(ends->output(), "six\n");
    log->drain();
    CHECK(content_of(directory / "edge.log") == "four\nfive\nsix\n");
    CHECK(world.sink->lines.empty());
    CHECK(texts_of(log->ring()).size() == 6);
}

TEST_CASE("log file: what others could choose is refused, and a refusal at a reopening keeps the old file") {
    const Directory directory;
    const std::string plain = directory / "plain", link = directory / "link", twin = directory / "twin", pipe = directory / "fifo";
    std::ofstream(plain).put('\n');
    std::filesystem::create_symlink(plain, link);
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    std::filesystem::create_directory(directory / "open");
    std::filesystem::permissions(directory / "open", std::filesystem::perms::all);
    CHECK(FileSink::open(plain).has_value());
    CHECK(FileSink::open(link).error().to_string() == link + " is a symbolic link: Too many levels of symbolic links");
    CHECK_FALSE(FileSink::open(pipe).has_value());
    CHECK(FileSink::open(directory / "open").error().errno_value == EISDIR);
    CHECK(FileSink::open(directory / "none/x").error().errno_value == ENOENT);
    CHECK(FileSink::open(directory / "open/x").error().to_string() == directory / "open" + ": everyone may write to this directory: Operation not permitted");

    const auto sink = FileSink::open(plain);
    REQUIRE(sink);
    std::filesystem::create_hard_link(plain, twin);
    CHECK((*sink)->reopen().error().to_string() == plain + " has more than one name");
    CHECK((*sink)->take({}, {}, "still here") == true);
    CHECK(content_of(plain) == "\nstill here\n");
}

TEST_CASE("log stream: lines say whose they are, and a reader that stops does not stop us") {
    int fds[2];
    REQUIRE(::pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    UniqueFd read_end(fds[0]), write_end(fds[1]);
    REQUIRE(::fcntl(write_end.get(), F_SETFL, 0) == 0); // blocks, as standard error does
    StreamSink sink(write_end.get());
    LogLine one = line("a\tb\x1b[0m");
    one.pid = 7;
    CHECK(sink.take({"edge", ""}, one, one.text) == true);
    char buffer[1U << 17];
    CHECK(std::string(buffer, static_cast<std::size_t>(::read(read_end.get(), buffer, sizeof buffer))) == "edge[7]: a\tb\\x1b[0m\n");

    const std::string much(30'000, 'x');
    std::size_t taken = 0;
    for (;; ++taken) {
        REQUIRE(taken < 10);
        const auto took = sink.take({"edge", ""}, line(much), much);
        REQUIRE(took);
        if (!*took) break;
    }
    std::string all;
    for (int i = 0; i < 10; ++i) { // a reader that goes on
        if (const ssize_t size = ::read(read_end.get(), buffer, sizeof buffer); size > 0) all.append(buffer, static_cast<std::size_t>(size));
        (void)sink.take({"edge", ""}, line(""), "");
    }
    CHECK(all.find(much.substr(0, 29'999)) != all.npos);
    CHECK(static_cast<std::size_t>(std::count(all.begin(), all.end(), 'x')) == taken * much.size()); // all that was taken has come

    read_end.reset();
    (void)std::signal(SIGPIPE, SIG_IGN); // as in the daemon
    CHECK(sink.take({"edge", ""}, one, one.text) == true); // nobody is left to tell: no error
}

TEST_CASE("log reader: lines of several services come in order of time, the last of all together") {
    World world;
    const auto edge = world.logs->open("edge"), dns = world.logs->open("dns"), none = world.logs->open("none");
    Service size = service();
    for (const auto& log : {edge, dns, none}) log->configure(size);
    const LogReader::Logs all{edge, dns, none};
    auto put = [](const std::shared_ptr<ServiceLog>& log, std::string_view text, std::int64_t time) {
        const_cast<LogRing&>(log->ring()).push(line(text, time)); // as if it had been read at `time`
    };
    for (std::int64_t time = 1; time <= 8; ++time) put(time % 3 == 0 ? dns : edge, std::to_string(time), time);

    const auto told = [&](const LogQuery& query) {
        LogReader reader(query);
        reader.begin(all);
        return reader.next(all);
    };
    CHECK(texts_of(told({})) == Lines{"1", "2", "3", "4", "5", "6", "7", "8"});
    CHECK(told({}).complete);
    CHECK(texts_of(told({{"dns"}, UINT32_MAX, false})) == Lines{"3", "6"});
    CHECK(texts_of(told({{}, 4, false})) == Lines{"5", "6", "7", "8"});
    CHECK(texts_of(told({{"edge", "none"}, 2, false})) == Lines{"7", "8"});
    CHECK(told({{}, 0, false}).lines.empty());
    CHECK(told({{"none"}, UINT32_MAX, false}).complete);

    LogReader follower({{}, 1, true});
    follower.begin(all);
    CHECK(texts_of(follower.next(all)) == Lines{"8"});
    CHECK_FALSE(follower.next(all).complete);
    put(dns, "9", 9);
    const auto late = world.logs->open("late");
    late->configure(size);
    put(late, "10", 10);
    CHECK(texts_of(follower.next({edge, dns, none, late})) == Lines{"9", "10"});
    LogReader once({});
    once.begin(all);
    put(edge, "11", 11);
    CHECK(texts_of(once.next({edge, dns, none, late})).back() == "9"); // what comes later is not asked for
}

TEST_CASE("log reader: batches are bounded, and what was overwritten is counted") {
    World world;
    const auto log = world.logs->open("edge");
    Service chatty = service();
    chatty.log_ring_bytes = 4U << 20;
    log->configure(chatty);
    auto& ring = const_cast<LogRing&>(log->ring());
    LogReader reader({{}, UINT32_MAX, true});
    reader.begin({log});
    for (int i = 0; i < 2500; ++i) ring.push(line("short"));
    for (const std::size_t expected : {kMostLinesPerBatch, kMostLinesPerBatch, std::size_t{500}, std::size_t{0}}) CHECK(reader.next({log}).lines.size() == expected);
    const std::string longest(kLongestLine, 'x');
    for (int i = 0; i < 10; ++i) ring.push(line(longest));
    CHECK(reader.next({log}).lines.size() == kMostBytesPerBatch / kLongestLine + 1);
    CHECK(reader.next({log}).lines.size() == 10 - (kMostBytesPerBatch / kLongestLine + 1));
    chatty.log_ring_bytes = 2 * (kHeader + 1);
    log->configure(chatty);
    for (int i = 0; i < 10; ++i) ring.push(line("x"));
    const LogBatch batch = reader.next({log});
    CHECK(batch.lost == 8);
    CHECK(batch.lines.size() == 2);
}

TEST_CASE("log followers: each has its own pace, and their number is limited") {
    World world;
    const auto log = world.logs->open("edge");
    auto ends = log->begin(service(), command(), std::nullopt);
    REQUIRE(ends);
    struct Reader {
        Lines got;
        std::string ended;
        bool reads = true;
        bool complete = false;
    };
    Reader quick, slow, once;
    const auto feed = [](Reader& reader) {
        return [&reader](const LogBatch& batch) {
            if (!reader.reads) return false;
            for (const LogLineView& one : batch.lines) reader.got.push_back(one.text);
            if (!batch.ended.empty()) reader.ended = batch.ended;
            reader.complete = batch.complete;
            return true;
        };
    };
    slow.reads = false;
    auto first = world.logs->followers().begin({{}, 10, true}, feed(quick));
    auto second = world.logs->followers().begin({{"edge"}, 10, true}, feed(slow));
    REQUIRE(first);
    REQUIRE(second);
    write(ends->output(), "one\ntwo\n");
    CHECK(world.run_until([&] { return quick.got.size() == 2; }));
    auto third = world.logs->followers().begin({{}, 1, false}, feed(once));
    CHECK(world.run_until([&] { return once.complete; }));
    CHECK(once.got == Lines{"two"});
    write(ends->output(), "three\n");
    CHECK(world.run_until([&] { return quick.got.size() == 3; }));
    CHECK(once.got.size() == 1);
    slow.reads = true;
    CHECK(world.run_until([&] { return slow.got == quick.got; }));

    first->reset(); // who leaves is told nothing more
    write(ends->output(), "four\n");
    CHECK(world.run_until([&] { return slow.got.size() == 4; }));
    CHECK(quick.got.size() == 3);

    std::vector<Result<LogHandle>> many;
    for (std::size_t i = 0; i < kMostFollowers - 2; ++i) CHECK(many.emplace_back(world.logs->followers().begin({{}, 0, true}, feed(once))).has_value());
    CHECK(world.logs->followers().begin({{}, 0, true}, feed(once)).error().to_string() == "16 clients read logs already");
    many.clear();
    CHECK(world.logs->followers().begin({{}, 0, true}, feed(once)).has_value());

    write(ends->output(), "five\n");
    log->drain();
    world.logs->followers().stop("the end");
    CHECK(slow.got.back() == "five"); // the last lines come before
    CHECK(slow.ended == "the end");
    CHECK(world.logs->knows("edge"));
    CHECK_FALSE(world.logs->knows("edg"));
}
