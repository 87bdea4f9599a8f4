#include "config/line_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::size_t kReadBytes = 64U << 10;

} // namespace

LineSource::LineSource(int fd, std::size_t max_line_bytes, std::size_t max_file_bytes)
    : fd_(fd), max_line_bytes_(max_line_bytes), max_file_bytes_(max_file_bytes),
      buffer_(std::max(kReadBytes, 2 * max_line_bytes), '\0') {}

Result<std::optional<std::string_view>> LineSource::next() {
    for (;;) {
        const std::string_view rest(buffer_.data() + begin_, end_ - begin_);
        const std::size_t newline = rest.find('\n');
        if (std::min(newline, rest.size()) > max_line_bytes_)
            return failure(fmt::format("a line of more than {} bytes", max_line_bytes_));
        if (newline != rest.npos) {
            begin_ += newline + 1;
            return rest.substr(0, newline);
        }
        if (at_end_) {
            begin_ = end_;
            if (rest.empty()) return std::nullopt;
            return rest;
        }
        if (auto filled = fill(); !filled) return Failure(std::move(filled).error());
    }
}

Status LineSource::fill() {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    ssize_t n = 0;
    do n = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    while (n < 0 && errno == EINTR);
    if (n < 0) return system_failure("cannot be read");
    at_end_ = n == 0;
    end_ += static_cast<std::size_t>(n);
    total_ += static_cast<std::size_t>(n);
    if (total_ > max_file_bytes_) return failure(fmt::format("larger than {} bytes", max_file_bytes_)); // it grew meanwhile
    return {};
}

} // namespace swathe
