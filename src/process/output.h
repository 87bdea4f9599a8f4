#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace swathe {

inline constexpr std::size_t kLongestLine = std::size_t{48} * 1024;    ///< bytes of one line of output; systemd's LineMax=
/// bytes of one stream that are read before the loop goes on: they may be as many lines
inline constexpr std::size_t kOutputPerTurn = 4096;

/// One line that a process has written, without its line feed. Any bytes.
struct OutputLine {
    std::string_view text;
    bool continues = false; ///< the line before was longer than kLongestLine, and this is more of it
};

/// Cuts a stream of bytes into lines. Pure.
class LineSplitter {
public:
    void feed(std::string_view bytes);
    /// The next whole line, or the next kLongestLine bytes of a longer one; with `ended` also what stands behind the last line feed.
    /// Valid until feed() or pop(). Nothing: more must come first.
    [[nodiscard]] std::optional<OutputLine> front(bool ended = false);
    void pop(); ///< takes away what front() has returned

private:
    std::string buffer_;
    std::size_t at_ = 0;       ///< what stands before has been taken
    std::size_t searched_ = 0; ///< no line feed stands between `at_` and here
    std::size_t taken_ = 0;    ///< by pop(): bytes of the front, with its line feed
    bool cut_ = false;         ///< the front is more of a line that was cut
    bool cuts_ = false;        ///< and what follows will be
};

/// The end of a pipe from which this process reads what others write. Reading never blocks.
class OutputPipe {
public:
    /// Takes one line. False: it cannot now; the same line will be offered again.
    using Sink = std::function<bool(const OutputLine&)>;
    enum class State {
        open,
        busy, ///< the sink could not take a line: call again later
        ended ///< nobody can write any more, and all has been handed on
    };

    explicit OutputPipe(UniqueFd read_end) noexcept : fd_(std::move(read_end)) {}
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }

    /// Hands on what has been read, then reads at most kOutputPerTurn bytes and hands these on.
    [[nodiscard]] State read_some(const Sink& sink);
    /// Hands on all that was written before the call, a last line without its line feed, too.
    [[nodiscard]] State drain(const Sink& sink);
    /// Nobody can write any more, and all that was written has been read. What has been read may not have been handed on yet.
    [[nodiscard]] bool is_dry() const noexcept;

private:
    [[nodiscard]] bool hand_on(const Sink& sink, bool all);
    [[nodiscard]] std::size_t fill(std::size_t most);

    UniqueFd fd_;
    LineSplitter lines_;
    bool at_end_ = false;
};

struct PipeEnds {
    UniqueFd read;  ///< does not block
    UniqueFd write; ///< blocks, as programs expect
};

/// Both ends of a pipe for output. `owner` may open it anew: programs are told to log to /dev/stderr.
[[nodiscard]] Result<PipeEnds> open_output_pipe(std::optional<uid_t> owner);

} // namespace swathe
