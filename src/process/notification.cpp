#include "process/notification.h"

#include "base/text.h"
#include "model/choices.h"
#include "process/spawn.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <charconv>
#include <cstring>
#include <limits>

namespace swathe {
namespace {

constexpr int kMostErrno = 4095;         // include/linux/err.h, MAX_ERRNO
constexpr pid_t kMostPid = 4 * 1024 * 1024; // include/linux/threads.h, PID_MAX_LIMIT
constexpr std::size_t kLongestErrorName = 255;

using Value = std::string_view;
using Reader = void (*)(Value, Notification&);

/// Decimal digits and nothing else.
std::optional<std::uint64_t> number_of(Value text, std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) noexcept {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number > most) return std::nullopt;
    return number;
}

/// A span; nothing for what the clock cannot reach, and so for systemd's infinity of all ones.
std::optional<Duration> span_of(Value text) noexcept {
    const auto number = number_of(text, static_cast<std::uint64_t>(std::numeric_limits<Duration::rep>::max()));
    return number ? std::optional(Duration(static_cast<Duration::rep>(*number))) : std::nullopt;
}

template <bool Notification::*Flag> void flag(Value value, Notification& out) {
    if (value == "1") out.*Flag = true;
}

void keep_without_poll(Value value, Notification& out) {
    if (value == "0") out.fd_poll = false;
}

void status(Value value, Notification& out) {
    if (is_utf8(value)) out.status = escaped(value);
}

/// A number, or the name of one: "2", "ENOENT".
void error_number(Value value, Notification& out) {
    if (const auto number = number_of(value, kMostErrno)) {
        out.errno_value = static_cast<int>(*number);
        return;
    }
    for (int i = 1; i <= kMostErrno; ++i)
        if (const char* const name = ::strerrorname_np(i); name != nullptr && value == name) out.errno_value = i;
}

void exit_status(Value value, Notification& out) {
    if (const auto number = number_of(value, 255)) out.exit_status = static_cast<int>(*number);
}

/// "org.example.Error.Busy": logged, so nothing else may be in it.
template <std::optional<std::string> Notification::*Member> void error_name(Value value, Notification& out) {
    const auto fits = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    };
    if (!value.empty() && value.size() <= kLongestErrorName && std::all_of(value.begin(), value.end(), fits)) (out.*Member).emplace(value);
}

void main_pid(Value value, Notification& out) {
    if (const auto number = number_of(value, kMostPid); number && *number > 0) out.main_pid = static_cast<pid_t>(*number);
}

void main_pidfd_id(Value value, Notification& out) { out.main_pidfd_id = number_of(value); }

void notify_access(Value value, Notification& out) {
    for (const auto& choice : kChoices<NotifyAccess>)
        if (choice.name == value) out.notify_access = choice.value;
}

void watchdog(Value value, Notification& out) {
    if (value == "1") out.watchdog = Notification::Watchdog::ping;
    if (value == "trigger") out.watchdog = Notification::Watchdog::trigger;
}

void watchdog_interval(Value value, Notification& out) {
    if (!number_of(value)) return;
    const auto span = span_of(value);
    out.watchdog_usec = span && *span > Duration::zero() ? *span : kInfinity;
}

void extend_timeout(Value value, Notification& out) {
    const auto span = span_of(value);
    if (span && *span > Duration::zero() && *span < kInfinity) out.extend_timeout_usec = span;
}

void monotonic(Value value, Notification& out) {
    if (number_of(value)) out.monotonic_usec = later(Monotonic{}, span_of(value).value_or(kInfinity));
}

void fd_name(Value value, Notification& out) {
    const auto fits = [](char c) { return c >= 0x20 && c < 0x7f && c != ':'; };
    if (!value.empty() && value.size() <= kLongestFdName && std::all_of(value.begin(), value.end(), fits)) out.fd_name.emplace(value);
}

struct Key {
    Value name;
    Reader read;
    bool flag = false; ///< counts wherever it stands; of others the first
};

constexpr std::array kKeys{
    Key{"READY", flag<&Notification::ready>, true},
    Key{"STOPPING", flag<&Notification::stopping>, true},
    Key{"RELOADING", flag<&Notification::reloading>, true},
    Key{"RESTART_RESET", flag<&Notification::restart_reset>, true},
    Key{"BARRIER", flag<&Notification::barrier>, true},
    Key{"MAINPIDFD", flag<&Notification::main_pidfd>, true},
    Key{"FDSTORE", flag<&Notification::fdstore>, true},
    Key{"FDSTOREREMOVE", flag<&Notification::fdstore_remove>, true},
    Key{"FDPOLL", keep_without_poll, true},
    Key{"FDNAME", fd_name},
    Key{"STATUS", status},
    Key{"ERRNO", error_number},
    Key{"EXIT_STATUS", exit_status},
    Key{"BUSERROR", error_name<&Notification::bus_error>},
    Key{"VARLINKERROR", error_name<&Notification::varlink_error>},
    Key{"MAINPID", main_pid},
    Key{"MAINPIDFDID", main_pidfd_id},
    Key{"NOTIFYACCESS", notify_access},
    Key{"WATCHDOG", watchdog},
    Key{"WATCHDOG_USEC", watchdog_interval},
    Key{"EXTEND_TIMEOUT_USEC", extend_timeout},
    Key{"MONOTONIC_USEC", monotonic},
};

} // namespace

Result<Notification> parse_notification(std::string_view datagram) {
    if (!datagram.empty() && datagram.back() == '\0') datagram.remove_suffix(1);
    if (datagram.find('\0') != datagram.npos) return failure("notification with a NUL character");
    Notification said;
    std::bitset<kKeys.size()> seen;
    std::size_t lines = 0;
    for (const std::string_view line : split(datagram, '\n')) {
        lines += line.empty() ? 0 : 1;
        const std::size_t equals = line.find('=');
        if (equals == line.npos) continue;
        const auto key = std::find_if(kKeys.begin(), kKeys.end(), [&](const Key& k) { return k.name == line.substr(0, equals); });
        if (key == kKeys.end()) continue;
        const auto which = static_cast<std::size_t>(key - kKeys.begin());
        if (key->flag || !seen[which]) key->read(line.substr(equals + 1), said);
        seen.set(which);
    }
    if (said.barrier && lines > 1) return failure("notification with BARRIER=1 beside other keys");
    return said;
}

} // namespace swathe
