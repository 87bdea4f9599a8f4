#include "process/output.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace swathe {

void LineSplitter::feed(std::string_view bytes) {
    buffer_.erase(0, at_);
    searched_ -= at_;
    at_ = 0;
    buffer_ += bytes;
}

std::optional<OutputLine> LineSplitter::front(bool ended) {
    const std::string_view rest = std::string_view(buffer_).substr(at_);
    const std::size_t end = rest.substr(0, kLongestLine + 1).find('\n', searched_ - at_);
    cuts_ = false;
    if (end != std::string_view::npos) {
        taken_ = end + 1;
        return OutputLine{rest.substr(0, end), cut_};
    }
    searched_ = at_ + std::min(rest.size(), kLongestLine + 1);
    cuts_ = rest.size() > kLongestLine;
    if (!cuts_ && (!ended || rest.empty())) return std::nullopt;
    taken_ = std::min(rest.size(), kLongestLine);
    return OutputLine{rest.substr(0, taken_), cut_};
}

void LineSplitter::pop() {
    at_ += std::exchange(taken_, 0);
    searched_ = at_;
    cut_ = cuts_;
    if (at_ < buffer_.size()) return;
    std::string().swap(buffer_); // most services are silent most of the time
    at_ = searched_ = 0;
}

/// False: the sink could not take a line.
bool OutputPipe::hand_on(const Sink& sink, bool all) {
    while (const auto line = lines_.front(all)) {
        if (!sink(*line)) return false;
        lines_.pop();
    }
    return true;
}

/// Reads once. How many bytes it were; 0 = there are none now, or none to come.
std::size_t OutputPipe::fill(std::size_t most) {
    std::array<char, kOutputPerTurn> buffer; // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
    ssize_t length = 0;
    do length = ::read(fd_.get(), buffer.data(), std::min(most, buffer.size()));
    while (length < 0 && errno == EINTR);
    at_end_ = length == 0 || (length < 0 && errno != EAGAIN);
    if (length <= 0) return 0;
    lines_.feed({buffer.data(), static_cast<std::size_t>(length)});
    return static_cast<std::size_t>(length);
}

OutputPipe::State OutputPipe::read_some(const Sink& sink) {
    if (!hand_on(sink, at_end_)) return State::busy;
    if (!at_end_) (void)fill(kOutputPerTurn);
    if (!hand_on(sink, at_end_)) return State::busy;
    return at_end_ ? State::ended : State::open;
}

OutputPipe::State OutputPipe::drain(const Sink& sink) {
    int waiting = 0; // what comes later is somebody else's: a process left behind could keep us here for ever
    if (::ioctl(fd_.get(), FIONREAD, &waiting) < 0) waiting = 0;
    for (auto left = static_cast<std::size_t>(waiting); left > 0 && !at_end_;) {
        if (!hand_on(sink, false)) return State::busy;
        const std::size_t length = fill(left);
        if (length == 0) break;
        left -= length;
    }
    at_end_ = at_end_ || is_dry();
    if (!hand_on(sink, true)) return State::busy;
    return at_end_ ? State::ended : State::open;
}

bool OutputPipe::is_dry() const noexcept {
    pollfd polled{fd_.get(), POLLIN, 0};
    return ::poll(&polled, 1, 0) == 1 && polled.revents == POLLHUP;
}

Result<PipeEnds> open_output_pipe(std::optional<uid_t> owner) {
    int fds[2] = {-1, -1};
    if (::pipe2(fds, O_CLOEXEC) < 0) return system_failure("pipe");
    PipeEnds ends{UniqueFd(fds[0]), UniqueFd(fds[1])};
    if (::fcntl(ends.read.get(), F_SETFL, O_NONBLOCK) < 0) return system_failure("O_NONBLOCK");
    if (owner && ::fchown(ends.write.get(), *owner, static_cast<gid_t>(-1)) < 0) return system_failure("fchown");
    return ends;
}

} // namespace swathe
