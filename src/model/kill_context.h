#pragma once

#include <csignal>
#include <cstdint>

namespace swathe {

/// Whom the signals of a stop reach. systemd.kill(5), KillMode=.
enum class KillMode : std::uint8_t {
    control_group, ///< all processes
    mixed,         ///< first the main process, at last all
    process,       ///< the main process alone
    none,          ///< nobody: only the commands of exec_stop
};

/// How processes of a service are ended: systemd.kill(5).
struct KillContext {
    KillMode kill_mode = KillMode::control_group;
    int kill_signal = SIGTERM;
    int restart_kill_signal = 0; ///< 0 = kill_signal
    int final_kill_signal = SIGKILL;
    int watchdog_signal = SIGABRT;
    bool send_sigkill = true;
    bool send_sighup = false;
};

} // namespace swathe
