// swathectl top: what the counters of `status` do over time.

#include "base/text.h"
#include "ctl/answer.h"
#include "ctl/outlet.h"
#include "ctl/rates.h"
#include "ctl/remote.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

#include <cstdlib>
#include <optional>
#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

/// Answers of one daemon after the other: it may be restarted meanwhile.
class Poller {
public:
    explicit Poller(const Invocation& invocation) : invocation_(invocation) {}

    Reply<StatusView> look() {
        if (client_)
            if (auto status = client_->status("")) return status;
        auto client = connect_to_daemon(invocation_);
        if (!client) return tl::unexpected(client.error());
        client_ = std::move(*client);
        return client_->status("");
    }

private:
    const Invocation& invocation_;
    std::optional<ControlClient> client_;
};

/// The size of a terminal that understands ANSI's escapes; nothing: standard output is none.
std::optional<winsize> terminal() {
    const char* kind = std::getenv("TERM");
    winsize size{};
    if (::isatty(STDOUT_FILENO) != 1 || kind == nullptr || std::string_view(kind) == "dumb") return std::nullopt;
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0) return winsize{24, 80, 0, 0};
    return size;
}

std::string table_of(const StatusView& status, const Rates& rates, std::int64_t now_usec) {
    return fmt::format("{}  swathed {} (pid {}), generation {}, {} rules\n\n{}", calendar(now_usec), escaped(status.daemon.version),
                       status.daemon.pid, status.daemon.generation, status.daemon.rules, show_rates(rates));
}

/// On a terminal it is drawn over what was there, and stays when the command ends: no mode is changed that would have to be restored.
std::string drawn(const std::string& table, bool first) {
    const auto screen = terminal();
    if (!screen) return first ? table : "\n" + table;
    std::string text = first ? "\x1b[2J\x1b[H" : "\x1b[H";
    for (const char c : cut_to(table, screen->ws_row - 1U, screen->ws_col)) text += c == '\n' ? "\x1b[K\n" : std::string(1, c);
    return text + "\x1b[J";
}

} // namespace

Exit run_top(const Invocation& invocation) {
    Poller poller(invocation);
    auto earlier = poller.look();
    if (!earlier) return complain(earlier.error());
    Monotonic looked = now();
    const auto outlet = Outlet::open();
    if (!outlet) return complain(outlet.error().to_string()), Exit::failure;
    const std::uint64_t count = invocation.number("--count", UINT64_MAX);
    for (std::uint64_t shown = 0; shown < count; ++shown) {
        if (outlet->pause(invocation.interval()) == Outlet::Outcome::over) return Exit::ok;
        auto later = poller.look();
        if (!later) return complain(later.error());
        const Monotonic at = now();
        const auto elapsed = std::chrono::duration_cast<Duration>(at - std::exchange(looked, at));
        const Rates rates = rates_between(*earlier, *later, elapsed);
        const std::int64_t now_usec = look_of(STDOUT_FILENO).now_usec;
        const auto wrote = outlet->write(invocation.json ? rates_to_json(rates, now_usec, elapsed) + "\n"
                                                         : drawn(table_of(*later, rates, now_usec), shown == 0));
        if (!wrote) return complain(wrote.error().to_string()), Exit::failure;
        if (*wrote == Outlet::Outcome::over) return Exit::ok;
        earlier = std::move(later);
    }
    return Exit::ok;
}

} // namespace swathe::ctl
