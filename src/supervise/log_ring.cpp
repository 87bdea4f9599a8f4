#include "supervise/log_ring.h"

#include <algorithm>
#include <cstring>

namespace swathe {
namespace {

constexpr std::size_t kSmallest = 1024; // bytes that the first line asks for

} // namespace

/// What stands before each text.
struct LogRing::Header {
    std::int64_t time_usec;
    std::uint32_t size;
    pid_t pid;
    LogStream stream;
    std::uint8_t priority;
};

const char* to_string(LogStream stream) noexcept {
    switch (stream) {
    case LogStream::output: return "stdout";
    case LogStream::error: return "stderr";
    case LogStream::both: return "both";
    }
    return "both";
}

void LogRing::put(std::uint64_t at, const void* data, std::size_t size) {
    const auto start = static_cast<std::size_t>(at % bytes_.size());
    const std::size_t first = std::min(size, bytes_.size() - start);
    std::memcpy(bytes_.data() + start, data, first);
    if (first < size) std::memcpy(bytes_.data(), static_cast<const char*>(data) + first, size - first);
}

void LogRing::get(std::uint64_t at, void* data, std::size_t size) const {
    const auto start = static_cast<std::size_t>(at % bytes_.size());
    const std::size_t first = std::min(size, bytes_.size() - start);
    std::memcpy(data, bytes_.data() + start, first);
    if (first < size) std::memcpy(static_cast<char*>(data) + first, bytes_.data(), size - first);
}

LogRing::Header LogRing::header_at(std::uint64_t at) const {
    Header header{};
    get(at, &header, sizeof header);
    return header;
}

/// Drops the oldest lines until no more than `fits` bytes are used.
void LogRing::drop_until(std::size_t fits) {
    while (used() > fits) {
        begin_.at += sizeof(Header) + header_at(begin_.at).size;
        ++begin_.number;
    }
}

/// Gives the ring another size, in which what it holds must fit.
void LogRing::move_to(std::size_t size) {
    std::string kept(used(), '\0');
    if (!kept.empty()) get(begin_.at, kept.data(), kept.size());
    std::vector<char>(size).swap(bytes_);
    if (!kept.empty()) put(begin_.at, kept.data(), kept.size());
}

void LogRing::resize(std::size_t capacity) {
    capacity_ = capacity;
    drop_until(capacity);
    if (bytes_.size() > capacity) move_to(capacity);
}

void LogRing::push(const LogLine& line) {
    if (capacity_ <= sizeof(Header)) return;
    const std::size_t size = std::min(line.text.size(), capacity_ - sizeof(Header));
    const std::size_t needed = sizeof(Header) + size;
    drop_until(capacity_ - needed);
    if (used() + needed > bytes_.size()) move_to(std::min(capacity_, std::max({2 * bytes_.size(), used() + needed, kSmallest})));
    const Header header{line.time_usec, static_cast<std::uint32_t>(size), line.pid, line.stream, line.priority};
    put(end_.at, &header, sizeof header);
    if (size > 0) put(end_.at + sizeof header, line.text.data(), size);
    end_ = {end_.at + needed, end_.number + 1};
}

std::uint64_t LogRing::catch_up(Cursor& cursor) const noexcept {
    if (cursor.number >= begin_.number) return 0;
    const std::uint64_t missed = begin_.number - cursor.number;
    cursor = begin_;
    return missed;
}

std::optional<LogRing::Line> LogRing::read(Cursor& cursor) const {
    if (cursor == end_) return std::nullopt;
    const Header header = header_at(cursor.at);
    Line read{{header.time_usec, header.pid, header.stream, header.priority, {}}, std::string(header.size, '\0')};
    if (header.size > 0) get(cursor.at + sizeof header, read.text.data(), header.size);
    cursor = {cursor.at + sizeof header + header.size, cursor.number + 1};
    return read;
}

std::optional<std::int64_t> LogRing::read_time(Cursor& cursor) const {
    if (cursor == end_) return std::nullopt;
    const Header header = header_at(cursor.at);
    cursor = {cursor.at + sizeof header + header.size, cursor.number + 1};
    return header.time_usec;
}

} // namespace swathe
