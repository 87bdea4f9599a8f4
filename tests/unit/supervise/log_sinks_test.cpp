#include "log_world.h"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <sys/stat.h>

using namespace swathe;
using namespace swathe::test;
using Kind = StandardStream::Kind;

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
    CHECK(FileSink::open(directory / "open/x").error().to_string() ==
          directory / "open" + ": everyone may write to this directory: Operation not permitted");

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
        if (const ssize_t size = ::read(read_end.get(), buffer, sizeof buffer); size > 0)
            all.append(buffer, static_cast<std::size_t>(size));
        (void)sink.take({"edge", ""}, line(""), "");
    }
    CHECK(all.find(much.substr(0, 29'999)) != all.npos);
    CHECK(static_cast<std::size_t>(std::count(all.begin(), all.end(), 'x')) == taken * much.size()); // all that was taken has come

    read_end.reset();
    (void)std::signal(SIGPIPE, SIG_IGN); // as in the daemon
    CHECK(sink.take({"edge", ""}, one, one.text) == true); // nobody is left to tell: no error
}
