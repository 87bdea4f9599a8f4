// Datagrams to $NOTIFY_SOCKET: whatever comes, what is taken from it is in its range and can be shown, and saying it again means the same.

#include "check.h"
#include "process/notification.h"
#include "process/spawn.h"

using namespace swathe;

namespace {

void check_ranges(const Notification& said) {
    FUZZ_CHECK(!said.status || escaped(*said.status) == *said.status, "{}", *said.status);
    FUZZ_CHECK(!said.errno_value || (*said.errno_value >= 0 && *said.errno_value <= 4095), "{}", *said.errno_value);
    FUZZ_CHECK(!said.exit_status || (*said.exit_status >= 0 && *said.exit_status <= 255), "{}", *said.exit_status);
    FUZZ_CHECK(!said.main_pid || *said.main_pid > 0, "{}", *said.main_pid);
    FUZZ_CHECK(!said.watchdog_usec || *said.watchdog_usec > Duration::zero(), "{}", said.watchdog_usec->count());
    FUZZ_CHECK(!said.extend_timeout_usec || (*said.extend_timeout_usec > Duration::zero() && *said.extend_timeout_usec < kInfinity), "{}",
               said.extend_timeout_usec->count());
    FUZZ_CHECK(!said.monotonic_usec || *said.monotonic_usec >= Monotonic{}, "{}", said.monotonic_usec->time_since_epoch().count());
    const std::string name = said.stored_name();
    FUZZ_CHECK(!name.empty() && name.size() <= kLongestFdName && name.find(':') == name.npos && escaped(name) == name, "{}", name);
    for (const auto& error : {said.bus_error, said.varlink_error})
        FUZZ_CHECK(!error || (!error->empty() && escaped(*error) == *error), "{}", *error);
}

/// Lines that nobody knows, around it, and the order of two flags: neither may change what was said.
void check_neighbours(std::string_view text, const Notification& said) {
    const auto again = parse_notification(fmt::format("X_FUZZ=READY=1\n{}\nREADY=0", text));
    FUZZ_CHECK(again.has_value() != said.barrier, "{}", text);
    if (!again) return;
    FUZZ_CHECK(again->ready == said.ready && again->stopping == said.stopping && again->reloading == said.reloading, "{}", text);
    FUZZ_CHECK(again->status == said.status && again->main_pid == said.main_pid && again->fd_name == said.fd_name, "{}", text);
    FUZZ_CHECK(again->watchdog == said.watchdog && again->watchdog_usec == said.watchdog_usec, "{}", text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    const auto said = parse_notification(text);
    if (!said) {
        fuzz::check_message(said.error().message);
        return 0;
    }
    check_ranges(*said);
    if (text.find('\0') == text.npos) check_neighbours(text, *said);
    return 0;
}
