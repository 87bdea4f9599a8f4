#include "process/child_steps.h"

#include <fcntl.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr int kFirstPassed = 3; // SD_LISTEN_FDS_START

/// `from` becomes `to` as well, and `to` survives the exec.
long place(int from, int to) noexcept {
    return from == to ? ::syscall(SYS_fcntl, to, F_SETFD, 0) : ::syscall(SYS_dup3, from, to, 0);
}

/// No source may be overwritten before it was copied: those in the way move above all targets.
void move_above(ChildSetup& setup, InheritedFd& source, int own_target) noexcept {
    const int end = kFirstPassed + static_cast<int>(setup.fd_count);
    if (source.fd >= end || source.fd == own_target) return;
    source.fd = static_cast<int>(::syscall(SYS_fcntl, source.fd, F_DUPFD_CLOEXEC, end));
    check(setup, SpawnStep::fds, source.fd);
}

void move_out_of_the_way(ChildSetup& setup) noexcept {
    for (int i = 0; i < static_cast<int>(setup.fd_count); ++i) move_above(setup, setup.fds[i], kFirstPassed + i);
    for (StreamSetup& stream : setup.streams)
        if (stream.from == StreamSetup::From::fd) move_above(setup, stream.fd, -1);
}

void set_blocking(ChildSetup& setup, int fd, bool blocks) noexcept {
    const long flags = ::syscall(SYS_fcntl, fd, F_GETFL);
    check(setup, SpawnStep::fds, flags);
    const long wanted = blocks ? flags & ~O_NONBLOCK : flags | O_NONBLOCK;
    if (wanted != flags) check(setup, SpawnStep::fds, ::syscall(SYS_fcntl, fd, F_SETFL, wanted));
}

constexpr SpawnStep kStreamSteps[] = {SpawnStep::standard_input, SpawnStep::standard_output, SpawnStep::standard_error};

void place_null(ChildSetup& setup, int target) noexcept {
    const auto null = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC));
    check(setup, kStreamSteps[target], null);
    check(setup, kStreamSteps[target], place(null, target));
}

void place_file(ChildSetup& setup, int target) noexcept {
    constexpr mode_t kMode = 0666; // umask(2) does the rest
    const StreamSetup& stream = setup.streams[target];
    const auto file = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, stream.path, stream.flags | O_NOCTTY | O_CLOEXEC, kMode));
    check(setup, kStreamSteps[target], file);
    check(setup, kStreamSteps[target], place(file, target));
    if (file != target) (void)::syscall(SYS_close, file); // it may lie where the next stream looks for the daemon's standard error
}

void set_up_stream(ChildSetup& setup, int target) noexcept {
    const StreamSetup& stream = setup.streams[target];
    const auto copy = [&](int from) { check(setup, kStreamSteps[target], place(from, target)); };
    switch (stream.from) {
    case StreamSetup::From::null: return place_null(setup, target);
    case StreamSetup::From::path: return place_file(setup, target);
    case StreamSetup::From::fd:
        copy(stream.fd.fd);
        if (stream.fd.is_socket && !stream.fd.in_use) set_blocking(setup, target, true);
        return;
    case StreamSetup::From::input: return copy(STDIN_FILENO);
    case StreamSetup::From::output: return copy(STDOUT_FILENO);
    case StreamSetup::From::daemon:
        if (place(STDERR_FILENO, target) >= 0) return;
        if (errno != EBADF) fail(setup, kStreamSteps[target]);
        return place_null(setup, target);
    }
}

/// Output comes before error, which may be a copy of it, unless error has to keep its place from an open(2) for output.
void set_up_stdio(ChildSetup& setup) noexcept {
    const bool keeps_error = setup.streams[STDERR_FILENO].from == StreamSetup::From::daemon;
    set_up_stream(setup, STDIN_FILENO);
    if (keeps_error) set_up_stream(setup, STDERR_FILENO);
    set_up_stream(setup, STDOUT_FILENO);
    if (!keeps_error) set_up_stream(setup, STDERR_FILENO);
}

void place_passed_fds(ChildSetup& setup) noexcept {
    for (int i = 0; i < static_cast<int>(setup.fd_count); ++i) {
        const int target = kFirstPassed + i;
        check(setup, SpawnStep::fds, place(setup.fds[i].fd, target));
        if (!setup.fds[i].is_socket) continue;
        if (setup.non_blocking || !setup.fds[i].in_use) set_blocking(setup, target, !setup.non_blocking);
    }
}

/// Where close_range(2) is refused by a seccomp filter of a container.
void close_listed(ChildSetup& setup, int first) noexcept {
    struct Entry { // getdents64(2)
        std::uint64_t inode;
        std::int64_t offset;
        std::uint16_t size;
        std::uint8_t type;
        char name[1];
    };
    const auto directory = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    check(setup, SpawnStep::fds, directory);
    alignas(Entry) char buffer[2048];
    for (;;) { // entries stand in the order of their numbers, so that closing does not make the reading skip any
        const long length = ::syscall(SYS_getdents64, directory, buffer, sizeof buffer);
        check(setup, SpawnStep::fds, length);
        if (length == 0) return; // the directory closes at exec
        for (long at = 0; at < length;) {
            const auto* entry = reinterpret_cast<const Entry*>(buffer + at);
            at += entry->size;
            int fd = 0;
            const char* digit = entry->name;
            while (*digit >= '0' && *digit <= '9') fd = fd * 10 + (*digit++ - '0');
            if (digit != entry->name && fd >= first && fd != directory) (void)::syscall(SYS_close, fd);
        }
    }
}

} // namespace

void set_up_fds(ChildSetup& setup) noexcept {
    move_out_of_the_way(setup);
    set_up_stdio(setup);
    place_passed_fds(setup);
    const int rest = kFirstPassed + static_cast<int>(setup.fd_count);
    if (::syscall(SYS_close_range, rest, ~0U, 0) < 0) close_listed(setup, rest);
}

} // namespace swathe
