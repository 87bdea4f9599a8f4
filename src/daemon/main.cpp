#include "base/log.h"
#include "daemon/daemon.h"
#include "process/descriptor_limit.h"
#include "process/low_descriptors.h"

#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <fmt/format.h>

namespace {

/// Whoever starts us with a standard descriptor closed would have our next socket take its number.
void fill_standard_descriptors() {
    for (int fd = ::open("/dev/null", O_RDWR); fd >= 0; fd = ::open("/dev/null", O_RDWR))
        if (fd > STDERR_FILENO) {
            (void)::close(fd);
            return;
        }
}

/// Large blocks come from the kernel and go back to it at once. By default glibc raises this bound with each large block that is
/// freed, and the heap of a reload with a million rules would stay with us.
void return_large_blocks() { (void)mallopt(M_MMAP_THRESHOLD, 1 << 20); }

} // namespace

int main(int argc, char** argv) {
    using namespace swathe;
    fill_standard_descriptors();
    return_large_blocks();
    open_log(LogLevel::info);
    const auto options = parse_options(argc, argv);
    if (!options) {
        fmt::print(stderr, "swathed: {}\nTry swathed --help.\n", options.error().to_string());
        return static_cast<int>(ExitStatus::usage);
    }
    if (options->help) return fmt::print("{}", usage()), static_cast<int>(ExitStatus::ok);
    if (options->version) return fmt::print("swathed {}\n", SWATHE_VERSION), static_cast<int>(ExitStatus::ok);
    if (options->check) return static_cast<int>(check_configuration(*options));

    (void)std::signal(SIGPIPE, SIG_IGN); // a reader of our log that goes away must not take us along

    raise_descriptor_limit();
    reserve_low_descriptors();

    auto loop = Loop::create();
    if (!loop) {
        log(LogLevel::error, loop.error().to_string());
        return static_cast<int>(ExitStatus::failure);
    }
    auto daemon = Daemon::start(*loop, *options);
    if (!daemon) return static_cast<int>(daemon.error());
    return static_cast<int>((*daemon)->serve());
}
