#pragma once

#include "supervise/log_follow.h"
#include "supervise/service_logs.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include <unistd.h>

/// For tests of what services say.
namespace swathe::test {

using Lines = std::vector<std::string>;

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
        const Monotonic end = now() + std::chrono::seconds(10);
        while (!done() && now() < end) REQUIRE(loop.run_once(std::chrono::milliseconds(5)));
        return done();
    }
};

inline Command command() {
    Command one;
    one.path = "/usr/sbin/edge";
    return one;
}

inline Service service() {
    Service one;
    one.name = "edge";
    return one;
}

inline void write(int fd, std::string_view text) { REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size())); }

inline Lines texts_of(const LogRing& ring) {
    Lines texts;
    for (auto at = ring.begin(); auto line = ring.read(at);) texts.push_back(line->text);
    return texts;
}

inline LogLine line(std::string_view text, std::int64_t time = 0) {
    LogLine one;
    one.text = text;
    one.time_usec = time;
    return one;
}

inline Lines texts_of(const LogBatch& batch) {
    Lines texts;
    for (const LogLineView& one : batch.lines) texts.push_back(one.text);
    return texts;
}

inline std::string content_of(const std::string& path) {
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

inline constexpr std::size_t kHeader = 24; // bytes of a line besides its text: swathe.service(5), log_ring_bytes

} // namespace swathe::test
