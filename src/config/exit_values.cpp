#include "config/exit_values.h"

#include "base/text.h"
#include "config/items.h"
#include "config/number.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <limits>

namespace swathe {
namespace {

struct StatusName {
    std::string_view name;
    int status;
};

/// systemd.exec(5), "Process Exit Codes": the C library's, LSB's, those of sysexits.h, systemd's own.
constexpr std::array kStatusNames{
    StatusName{"SUCCESS", 0}, StatusName{"FAILURE", 1},
    StatusName{"INVALIDARGUMENT", 2}, StatusName{"NOTIMPLEMENTED", 3}, StatusName{"NOPERMISSION", 4}, StatusName{"NOTINSTALLED", 5},
    StatusName{"NOTCONFIGURED", 6}, StatusName{"NOTRUNNING", 7},
    StatusName{"USAGE", 64}, StatusName{"DATAERR", 65}, StatusName{"NOINPUT", 66}, StatusName{"NOUSER", 67}, StatusName{"NOHOST", 68},
    StatusName{"UNAVAILABLE", 69}, StatusName{"SOFTWARE", 70}, StatusName{"OSERR", 71}, StatusName{"OSFILE", 72},
    StatusName{"CANTCREAT", 73}, StatusName{"IOERR", 74}, StatusName{"TEMPFAIL", 75}, StatusName{"PROTOCOL", 76},
    StatusName{"NOPERM", 77}, StatusName{"CONFIG", 78},
    StatusName{"CHDIR", 200}, StatusName{"NICE", 201}, StatusName{"FDS", 202}, StatusName{"EXEC", 203}, StatusName{"MEMORY", 204},
    StatusName{"LIMITS", 205}, StatusName{"OOM_ADJUST", 206}, StatusName{"SIGNAL_MASK", 207}, StatusName{"STDIN", 208},
    StatusName{"STDOUT", 209}, StatusName{"CHROOT", 210}, StatusName{"IOPRIO", 211}, StatusName{"TIMERSLACK", 212},
    StatusName{"SECUREBITS", 213}, StatusName{"SETSCHEDULER", 214}, StatusName{"CPUAFFINITY", 215}, StatusName{"GROUP", 216},
    StatusName{"USER", 217}, StatusName{"CAPABILITIES", 218}, StatusName{"CGROUP", 219}, StatusName{"SETSID", 220},
    StatusName{"CONFIRM", 221}, StatusName{"STDERR", 222}, StatusName{"PAM", 224}, StatusName{"NETWORK", 225},
    StatusName{"NAMESPACE", 226}, StatusName{"NO_NEW_PRIVILEGES", 227}, StatusName{"SECCOMP", 228}, StatusName{"SELINUX_CONTEXT", 229},
    StatusName{"PERSONALITY", 230}, StatusName{"APPARMOR", 231}, StatusName{"ADDRESS_FAMILIES", 232},
    StatusName{"RUNTIME_DIRECTORY", 233}, StatusName{"CHOWN", 235}, StatusName{"SMACK_PROCESS_LABEL", 236}, StatusName{"KEYRING", 237},
    StatusName{"STATE_DIRECTORY", 238}, StatusName{"CACHE_DIRECTORY", 239}, StatusName{"LOGS_DIRECTORY", 240},
    StatusName{"CONFIGURATION_DIRECTORY", 241}, StatusName{"NUMA_POLICY", 242}, StatusName{"CREDENTIALS", 243}, StatusName{"BPF", 244},
    StatusName{"EXCEPTION", 255},
};

std::optional<int> number_of(std::string_view text) noexcept {
    const auto value = parse_unsigned(text);
    return value && *value <= std::numeric_limits<int>::max() ? std::optional(static_cast<int>(*value)) : std::nullopt;
}

std::optional<int> status_of(std::string_view text) noexcept {
    if (const auto number = number_of(text)) return *number <= 255 ? number : std::nullopt;
    const auto found = std::find_if(kStatusNames.begin(), kStatusNames.end(), [&](const StatusName& n) { return n.name == text; });
    return found == kStatusNames.end() ? std::nullopt : std::optional(found->status);
}

/// "RTMIN", "RTMIN+N", "RTMAX-N".
std::optional<int> real_time_signal_of(std::string_view text) noexcept {
    const bool from_first = text.starts_with("RTMIN");
    if (!from_first && !text.starts_with("RTMAX")) return std::nullopt;
    text.remove_prefix(5);
    if (!text.empty() && text.front() != (from_first ? '+' : '-')) return std::nullopt;
    if (text.substr(std::min<std::size_t>(text.size(), 1)).starts_with('+')) return std::nullopt; // one sign is enough
    const auto distance = text.empty() ? 0 : number_of(text.substr(1));
    if (!distance || *distance > SIGRTMAX - SIGRTMIN) return std::nullopt;
    return from_first ? SIGRTMIN + *distance : SIGRTMAX - *distance;
}

void add(std::vector<int>& numbers, int number) {
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) numbers.push_back(number);
}

/// Numbers are exit statuses, never signals: systemd.service(5), SuccessExitStatus=.
bool add_status(const Raw& raw, const ValueContext& context, ExitStatusSet& out) {
    if (const auto* number = raw.get<std::int64_t>()) {
        if (*number < 0 || *number > 255) return context.refuse(raw.pos, "expected an exit status from 0 to 255");
        add(out.codes, static_cast<int>(*number));
        return true;
    }
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    if (const auto status = status_of(*text)) {
        add(out.codes, *status);
    } else if (const auto signal = number_of(*text) ? std::nullopt : signal_of(*text)) {
        add(out.signals, *signal);
    } else {
        return context.refuse(raw.pos, fmt::format("{} is no exit status from 0 to 255 and no name of one or of a signal", quoted(*text)));
    }
    return true;
}

} // namespace

std::optional<int> signal_of(std::string_view text) noexcept {
    if (const auto number = number_of(text)) return *number >= 1 && *number <= SIGRTMAX ? number : std::nullopt;
    if (text.starts_with("SIG")) text.remove_prefix(3);
    if (text == "IO") return SIGIO; // to the C library it is POLL
    for (int i = 1; i < SIGRTMIN; ++i)
        if (const char* const name = ::sigabbrev_np(i); name != nullptr && text == name) return i;
    return real_time_signal_of(text);
}

bool read_signal(const Raw& raw, const ValueContext& context, int& out) {
    const auto* number = raw.get<std::int64_t>();
    const std::string* text = number == nullptr ? string_of(raw, context) : nullptr;
    if (number == nullptr && text == nullptr) return false;
    const std::string name = text != nullptr ? *text : std::to_string(*number);
    const auto signal = signal_of(name);
    if (!signal) return context.refuse(raw.pos, fmt::format("{} is no signal", quoted(name)));
    out = *signal;
    return true;
}

bool read_exit_statuses(const Raw& raw, const ValueContext& context, ExitStatusSet& out) {
    return each_item(raw, [&](const Raw& item) { return add_status(item, context, out); });
}

} // namespace swathe
