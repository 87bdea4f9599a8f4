#pragma once

#include "base/clock.h"
#include "model/service.h"
#include "process/exit.h"

#include <optional>
#include <variant>
#include <vector>

namespace swathe {

/// How the commands of one list are run, one after the other, each at most for so long. systemd.socket(5), ExecStartPre= and TimeoutSec=:
/// the first one that fails ends the list, unless it has a "-"; one that takes too long is asked to end (TERM), and killed when that takes
/// as long again, with whoever it has started. That is a failure in spite of a "-".
struct CommandList {
    enum class Phase : std::uint8_t { waiting, running, sigterm, sigkill, ended };
    enum class Trouble : std::uint8_t {
        none,
        command,    ///< number `index` has failed
        timeout,    ///< it took too long
        called_off, ///< nobody wants it any more
    };
    Phase phase = Phase::waiting;
    Trouble trouble = Trouble::none;
    std::size_t index = 0;          ///< of the command that runs, or ran last
    std::optional<Monotonic> timer; ///< the one timer, if it is set
    friend bool operator==(const CommandList&, const CommandList&) noexcept = default;
};

// What happens to a list.
struct BeginList {};
struct CommandRefused {};                  ///< the answer to StartCommand, if it cannot be started
struct CommandEnded { Exit exit; };        ///< of the process that was started
struct NobodyLeft {};                      ///< nor is anybody whom it has started
struct ListTimer {};
struct CallOff {};
using ListEvent = std::variant<BeginList, CommandRefused, CommandEnded, NobodyLeft, ListTimer, CallOff>;

// What is to be done about it, in this order.
struct StartCommand { std::size_t index; };
struct SignalCommand { int number; }; ///< to all processes of the list
using ListAction = std::variant<StartCommand, SignalCommand>;

struct ListStep {
    CommandList next;
    std::vector<ListAction> actions;
};

/// How long a command that is to end has for it, where no limit is set.
inline constexpr Duration kPatienceAfterTerm = std::chrono::seconds(90);

/// The transition function: pure and total. Events that mean nothing in a phase change nothing. `timeout`: kInfinity = none.
[[nodiscard]] ListStep step(const std::vector<Command>& commands, Duration timeout, const CommandList& before, const ListEvent& event,
                            Monotonic now);

} // namespace swathe
