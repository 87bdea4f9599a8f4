#include "process/output.h"

#include <algorithm>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace swathe;

namespace {

struct Got {
    std::string text;
    bool continues = false;
    friend bool operator==(const Got&, const Got&) = default;
};
std::ostream& operator<<(std::ostream& out, const Got& got) { return out << got.text.substr(0, 40) << (got.continues ? "+" : ""); }

void take_all(LineSplitter& lines, bool ended, std::vector<Got>& got) {
    while (const auto line = lines.front(ended)) {
        got.push_back({std::string(line->text), line->continues});
        lines.pop();
    }
}

/// What the lines of `text` are: cut at line feeds, and then into pieces, with nothing behind the last line feed.
std::vector<Got> expected_of(const std::string& text) {
    std::vector<Got> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        std::size_t from = at;
        do {
            const std::size_t size = std::min(kLongestLine, end - from);
            lines.push_back({text.substr(from, size), from != at});
            from += size;
        } while (from < end);
        at = end + 1;
    }
    return lines;
}

std::string random_output(std::mt19937& random) {
    std::string text;
    const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
    for (std::size_t parts = below(40); parts > 0; --parts) {
        const std::size_t kinds[] = {0, 1, below(100), kLongestLine - 1, kLongestLine, kLongestLine + 1, 2 * kLongestLine, below(200'000)};
        std::string part(kinds[below(std::size(kinds))], '\0');
        for (char& c : part)
            if (c = static_cast<char>(below(256)); c == '\n') c = '\0';
        text += part;
        if (below(8) != 0) text += '\n';
    }
    return text;
}

PipeEnds must_open_pipe() {
    auto ends = open_output_pipe(std::nullopt);
    REQUIRE(ends);
    return std::move(*ends);
}

struct Pipe {
    PipeEnds ends = must_open_pipe();
    void write(std::string_view text) const {
        REQUIRE(::write(ends.write.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    }
};

/// Collects lines, as long as there is room.
struct Collector {
    std::vector<std::string> lines;
    std::size_t room = SIZE_MAX;
    bool operator()(const OutputLine& line) {
        if (lines.size() >= room) return false;
        lines.emplace_back(line.text);
        return true;
    }
};

} // namespace

TEST_CASE("output: however a stream comes in, its lines are the same") {
    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (int round = 0; round < 40; ++round) {
        const std::string text = random_output(random);
        std::vector<Got> got;
        LineSplitter lines;
        for (std::size_t at = 0; at < text.size();) {
            const std::size_t size = std::uniform_int_distribution<std::size_t>(1, random() % 4 == 0 ? 5 : kOutputPerTurn)(random);
            lines.feed(std::string_view(text).substr(at, size));
            at += size;
            if (random() % 3 != 0) take_all(lines, false, got); // who cannot take lines at once gets them later
        }
        take_all(lines, true, got);
        CHECK(got == expected_of(text));
        CHECK_FALSE(lines.front(true));
    }
}

TEST_CASE("output: a line as long as is allowed is one, and a longer one is cut") {
    for (const std::size_t size : {kLongestLine - 1, kLongestLine, kLongestLine + 1, 2 * kLongestLine + 1}) {
        CAPTURE(size);
        LineSplitter lines;
        std::vector<Got> got;
        lines.feed(std::string(size, 'x') + "\nnext\n");
        take_all(lines, false, got);
        REQUIRE(got.size() == (size + kLongestLine - 1) / kLongestLine + 1);
        CHECK(got.back() == Got{"next", false});
        CHECK(got.at(got.size() - 2).continues == (size > kLongestLine));
    }
}

TEST_CASE("output: a pipe hands on whole lines, and the rest at its end") {
    Pipe pipe;
    OutputPipe output(std::move(pipe.ends.read));
    Collector got;
    CHECK(output.read_some(std::ref(got)) == OutputPipe::State::open); // nothing there: does not wait
    pipe.write("one\n\ntw");
    CHECK(output.read_some(std::ref(got)) == OutputPipe::State::open);
    CHECK(got.lines == std::vector<std::string>{"one", ""});
    pipe.write(std::string("o\nwith \0 in it\nunfinished", 25));
    pipe.ends.write.reset();
    CHECK(output.read_some(std::ref(got)) == OutputPipe::State::open);
    CHECK(output.read_some(std::ref(got)) == OutputPipe::State::ended);
    CHECK(got.lines == std::vector<std::string>{"one", "", "two", std::string("with \0 in it", 12), "unfinished"});
}

TEST_CASE("output: a sink that cannot take a line gets it again, and nothing is read meanwhile") {
    Pipe pipe;
    OutputPipe output(std::move(pipe.ends.read));
    Collector got{{}, 1};
    pipe.write("one\ntwo\nthree\n");
    CHECK(output.read_some(std::ref(got)) == OutputPipe::State::busy);
    pipe.write("four\n");
    pipe.ends.write.reset();
    CHECK(output.read_some(std::ref(got)) == OutputPipe::State::busy);
    CHECK(got.lines == std::vector<std::string>{"one"});
    got.room = 3;
    CHECK(output.read_some(std::ref(got)) == OutputPipe::State::busy);
    got.room = SIZE_MAX;
    CHECK(output.read_some(std::ref(got)) == OutputPipe::State::ended);
    CHECK(got.lines == std::vector<std::string>{"one", "two", "three", "four"});
}

TEST_CASE("output: draining takes all that has been written, the unfinished line too, but does not wait for those who go on") {
    Pipe pipe;
    REQUIRE(::fcntl(pipe.ends.write.get(), F_SETPIPE_SZ, 1 << 20) >= 1 << 20);
    OutputPipe output(std::move(pipe.ends.read));
    std::string much;
    for (int i = 0; i < 50'000; ++i) much += "0123456789\n";
    pipe.write(much + "last words");
    std::size_t lines = 0;
    std::string last;
    const auto state = output.drain([&](const OutputLine& line) {
        if (++lines < 50'000) pipe.write("x\n"); // somebody who never stops
        last = line.text;
        return true;
    });
    CHECK(state == OutputPipe::State::open);
    CHECK(lines == 50'001);
    CHECK(last == "last words");
}

TEST_CASE("output: draining sees the end of a pipe that nobody writes to any more, read to its end or not") {
    for (const bool read_before : {false, true}) {
        Pipe pipe;
        OutputPipe output(std::move(pipe.ends.read));
        Collector got;
        pipe.write("one\n");
        if (read_before) CHECK(output.read_some(std::ref(got)) == OutputPipe::State::open);
        CHECK_FALSE(output.is_dry());
        pipe.ends.write.reset();
        CHECK(output.is_dry() == read_before);
        CHECK(output.drain(std::ref(got)) == OutputPipe::State::ended);
        CHECK(got.lines == std::vector<std::string>{"one"});
    }
}

TEST_CASE("output: one turn reads no more than its share") {
    Pipe pipe;
    REQUIRE(::fcntl(pipe.ends.write.get(), F_SETPIPE_SZ, 1 << 20) >= 1 << 20);
    OutputPipe output(std::move(pipe.ends.read));
    pipe.write(std::string(kOutputPerTurn * 4, '\n'));
    std::size_t lines = 0;
    CHECK(output.read_some([&](const OutputLine&) { return ++lines, true; }) == OutputPipe::State::open);
    CHECK(lines <= kOutputPerTurn);
}

TEST_CASE("output: the end that a program gets blocks, ours does not, and neither survives an exec by itself") {
    const auto ends = open_output_pipe(::geteuid());
    REQUIRE(ends);
    CHECK((::fcntl(ends->write.get(), F_GETFL) & O_NONBLOCK) == 0);
    CHECK((::fcntl(ends->read.get(), F_GETFL) & O_NONBLOCK) != 0);
    for (const int fd : {ends->read.get(), ends->write.get()}) CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
}
