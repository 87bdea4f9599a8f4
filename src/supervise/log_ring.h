#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace swathe {

/// Which stream a line was written to; `both` where standard output and error are one pipe.
enum class LogStream : std::uint8_t { output, error, both };
[[nodiscard]] const char* to_string(LogStream stream) noexcept; ///< "stdout", "stderr", "both"

/// A line of output with what is known of it.
struct LogLine {
    std::int64_t time_usec = 0; ///< CLOCK_REALTIME, when it was read
    pid_t pid = 0;              ///< of the process that was started; who inherited its output from it writes under its number
    LogStream stream = LogStream::both;
    std::uint8_t priority = 6;  ///< syslog(3)
    std::string_view text;
};

/// The last lines of one service, in at most `capacity` bytes, each with a few bytes of its own. Memory grows with what is in it.
class LogRing {
public:
    /// Where in the stream of all lines somebody stands.
    struct Cursor {
        std::uint64_t at = 0;     ///< byte
        std::uint64_t number = 0; ///< line
        friend bool operator==(const Cursor&, const Cursor&) noexcept = default;
    };
    struct Line {
        LogLine facts; ///< without its text
        std::string text;
    };

    void resize(std::size_t capacity); ///< 0 = keeps nothing. The oldest lines go, and unused memory.
    /// The oldest lines make room. Of a line longer than the whole ring the beginning is kept.
    void push(const LogLine& line);

    [[nodiscard]] Cursor begin() const noexcept { return begin_; } ///< of the oldest line that is there
    [[nodiscard]] Cursor end() const noexcept { return end_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::size_t memory() const noexcept { return bytes_.capacity(); }

    /// Moves a cursor whose line has gone to the oldest one. How many lines it has missed.
    std::uint64_t catch_up(Cursor& cursor) const noexcept;
    // The line at `cursor`, which moves on to the next one. Nothing: there is none yet. Requires a cursor that has caught up.
    [[nodiscard]] std::optional<Line> read(Cursor& cursor) const;
    [[nodiscard]] std::optional<std::int64_t> read_time(Cursor& cursor) const; ///< only its time

private:
    struct Header;
    [[nodiscard]] Header header_at(std::uint64_t at) const;
    void put(std::uint64_t at, const void* data, std::size_t size);
    void get(std::uint64_t at, void* data, std::size_t size) const;
    void drop_until(std::size_t fits);
    void move_to(std::size_t size);
    [[nodiscard]] std::size_t used() const noexcept { return static_cast<std::size_t>(end_.at - begin_.at); }

    std::size_t capacity_ = 0;
    std::vector<char> bytes_; ///< byte N of the stream stands at N modulo its size
    Cursor begin_, end_;
};

} // namespace swathe
