// One instance while it is up: reloads, the watchdog, ends that nobody asked for.
#include "support.h"

using namespace swathe;
using namespace swathe::test;

namespace {

Service with_reload_commands(ServiceType type = ServiceType::simple) {
    Service service = service_of(type);
    service.exec_reload = {command(), command()};
    service.exec_stop = {command()};
    return service;
}

OneRun up(const Service& service) {
    OneRun run = started(service);
    if (run.now.phase == Phase::start) run.give(said_ready());
    REQUIRE(run.now.phase == Phase::running);
    return run;
}

OneRun signalled_to_reload() {
    OneRun run = up(service_of(ServiceType::notify_reload));
    CHECK(run.give(ReloadRun{}) == "HUP:main");
    REQUIRE(run.now.phase == Phase::reload_signal);
    CHECK(run.ahead() == 90s);
    return run;
}

Service watched(ServiceType type = ServiceType::simple) {
    Service service = service_of(type);
    service.watchdog_sec = 10s;
    return service;
}

} // namespace

TEST_CASE("reload: the commands run one after another, and their end is its end") {
    OneRun run = up(with_reload_commands());
    CHECK(run.give(ReloadRun{}) == "exec_reload");
    CHECK(run.now.phase == Phase::reload);
    CHECK(run.now.is_up());
    run.give(ProcessStarted{});
    CHECK(run.give(ControlExited{code(0)}) == "exec_reload#1");
    run.give(ProcessStarted{});
    CHECK(run.give(ControlExited{code(0)}) == "reloaded");
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("reload: who asks while one is under way has another one made, for the service may have read its files by then") {
    OneRun run = up(with_reload_commands());
    run.service.exec_reload.pop_back();
    CHECK(run.give(ReloadRun{}) == "exec_reload");
    run.give(ProcessStarted{});
    CHECK(run.give(ReloadRun{}).empty());
    CHECK(run.give(ReloadRun{}).empty()); // one more is enough for both
    CHECK(run.give(ControlExited{code(0)}) == "exec_reload");
    run.give(ProcessStarted{});
    CHECK(run.give(ControlExited{code(0)}) == "reloaded"); // answers all three
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("reload: a command that fails ends the reload, and the service goes on") {
    OneRun run = up(with_reload_commands());
    run.give_all(ReloadRun{}, ProcessStarted{});
    CHECK(run.give(ControlExited{code(1)}) == "not-reloaded");
    CHECK(run.now.phase == Phase::running);
    CHECK(run.now.result == ServiceResult::success);
    run.give(ReloadRun{});
    CHECK(run.give(ProcessFailed{}) == "not-reloaded");
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("reload: one that cannot be is answered at once") {
    OneRun run = up(service_of()); // nothing to reload with
    CHECK(run.give(ReloadRun{}) == "not-reloaded");
    CHECK(run.now.phase == Phase::running);
    run = started(service_of(ServiceType::notify)); // nothing to reload with, and not ready
    CHECK(run.give(ReloadRun{}) == "not-reloaded");
    run = up(with_reload_commands());
    run.give(StopRun{});
    CHECK(run.give(ReloadRun{}) == "not-reloaded");
    run = OneRun{with_reload_commands(), {}, kStart};
    CHECK(run.give(ReloadRun{}) == "not-reloaded");
}

TEST_CASE("reload: who asks during a start is answered by one that follows it, or by its failure") {
    OneRun run = started(with_reload_commands(ServiceType::notify));
    CHECK(run.give(ReloadRun{}).empty());
    CHECK(run.give(ReloadRun{}).empty());
    CHECK(run.now.phase == Phase::start);
    CHECK(run.give(said_ready()) == "exec_reload");
    run.give_all(ProcessStarted{}, ControlExited{code(0)}, ProcessStarted{});
    CHECK(run.give(ControlExited{code(0)}) == "reloaded");
    CHECK(run.now.phase == Phase::running);

    run = started(with_reload_commands(ServiceType::notify));
    run.give(ReloadRun{});
    CHECK(run.give(MainExited{code(1)}).find("not-reloaded") != std::string::npos);
    run = started(with_reload_commands(ServiceType::notify));
    run.give(ReloadRun{});
    CHECK(run.give(StopRun{}).find("not-reloaded") != std::string::npos);
}

TEST_CASE("reload: a service that rests can be reloaded") {
    Service service = with_reload_commands(ServiceType::oneshot);
    service.remain_after_exit = true;
    OneRun run = started(service);
    run.give(MainExited{code(0)});
    REQUIRE(run.now.phase == Phase::exited);
    CHECK(run.give(ReloadRun{}) == "exec_reload");
    run.give_all(ProcessStarted{}, ControlExited{code(0)}, ProcessStarted{});
    CHECK(run.give(ControlExited{code(0)}) == "reloaded");
    CHECK(run.now.phase == Phase::exited);
}

TEST_CASE("reload: a command that takes too long is killed and given up, and the service goes on") {
    OneRun run = up(with_reload_commands());
    run.give_all(ReloadRun{}, ProcessStarted{});
    CHECK(run.fire() == "KILL:control not-reloaded");
    CHECK(run.now.phase == Phase::running);
    CHECK(run.give(ControlExited{killed(SIGKILL)}).empty());
    CHECK(run.give(StopRun{}) == "exec_stop");
}

TEST_CASE("reload: a start of its command that takes too long is waited for, since its answer is owed") {
    OneRun run = up(with_reload_commands());
    run.give(ReloadRun{});
    CHECK(run.fire().empty());
    CHECK(run.now.phase == Phase::reload);
    run.give(ProcessStarted{});
    CHECK(run.fire() == "KILL:control not-reloaded");
}

TEST_CASE("reload: a stop tells its command, waits for it no longer than timeout_stop_sec, and then is like any other") {
    OneRun run = up(with_reload_commands());
    run.service.timeout_start_sec = kInfinity;
    run.give_all(ReloadRun{}, ProcessStarted{});
    CHECK(run.give(StopRun{}) == "TERM:control CONT:control");
    CHECK(run.now.is_ending());
    CHECK(run.ahead() == 60s);
    CHECK(run.give_after(20s, StopRun{}).empty());
    CHECK(run.ahead() == 40s);
    OneRun late = run;
    CHECK(run.give(ControlExited{killed(SIGTERM)}) == "not-reloaded exec_stop");
    CHECK(late.fire() == "not-reloaded KILL:control exec_stop");
}

TEST_CASE("reload: a stop before its command is there reaches it") {
    OneRun run = up(with_reload_commands());
    run.give(ReloadRun{});
    CHECK(run.give(StopRun{}).empty());
    OneRun failed = run;
    CHECK(run.give(ProcessStarted{}) == "TERM:control CONT:control");
    CHECK(failed.give(ProcessFailed{203}) == "not-reloaded exec_stop");
}

TEST_CASE("reload: the end of the service is the end of its reload") {
    OneRun run = up(with_reload_commands());
    run.give_all(ReloadRun{}, ProcessStarted{});
    CHECK(run.give(MainExited{code(1)}).empty()); // what the command says is waited for
    CHECK(run.give(ControlExited{code(1)}) == "not-reloaded TERM:all CONT:all");
    run = signalled_to_reload();
    CHECK(run.give(MainExited{code(1)}) == "not-reloaded TERM:all CONT:all");
    run = signalled_to_reload();
    CHECK(run.give(StopRun{}) == "not-reloaded TERM:all CONT:all");
    run = signalled_to_reload();
    CHECK(run.give(said_stopping()) == "not-reloaded");
    CHECK(run.now.phase == Phase::stop_by_notify);
}

TEST_CASE("reload: notify-reload is signalled, and answers with RELOADING=1 and READY=1") {
    OneRun run = signalled_to_reload();
    CHECK(run.give(said_ready()).empty()); // of before
    CHECK(run.now.phase == Phase::reload_signal);
    run.give_after(1s, said_reloading(kStart));
    CHECK(run.now.phase == Phase::reload_notify);
    CHECK(run.ahead() == 90s);
    CHECK(run.give(said_ready()) == "reloaded");
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("reload: RELOADING=1 and READY=1 in one message are a reload that is done") {
    OneRun run = signalled_to_reload();
    Said both = said_reloading(run.clock);
    both.ready = true;
    CHECK(run.give(both) == "reloaded");
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("reload: a RELOADING=1 that is older than the signal, or does not say how old it is, is no answer") {
    for (const std::optional<Monotonic> at : {std::optional<Monotonic>(), std::optional(kStart - 1us)})
        for (const bool ready : {false, true}) {
            OneRun run = signalled_to_reload();
            Said stale = said_reloading(at);
            stale.ready = ready;
            CHECK(run.give(stale).empty());
            CHECK(run.now.phase == Phase::reload_signal);
            CHECK(run.fire() == "not-reloaded");
            CHECK(run.now.phase == Phase::running);
        }
}

TEST_CASE("reload: without READY=1 in time it failed, and the service runs on") {
    OneRun run = signalled_to_reload();
    run.give(said_reloading(run.clock));
    CHECK(run.fire() == "not-reloaded");
    CHECK(run.now.phase == Phase::running);
    CHECK(run.give(said_ready()).empty());
}

TEST_CASE("reload: notify-reload with commands has both, and is over when both are") {
    OneRun run = up(with_reload_commands(ServiceType::notify_reload));
    run.service.exec_reload.pop_back();
    CHECK(run.give(ReloadRun{}) == "HUP:main exec_reload");
    run.give(ProcessStarted{});
    OneRun quiet = run, quick = run;
    run.give(said_reloading(run.clock));
    CHECK(run.give(ControlExited{code(0)}).empty());
    CHECK(run.now.phase == Phase::reload_notify);
    CHECK(run.give(said_ready()) == "reloaded");
    quiet.give(ControlExited{code(0)});
    CHECK(quiet.now.phase == Phase::reload_signal);
    quick.give_all(said_reloading(quick.clock), said_ready());
    CHECK(quick.give(ControlExited{code(0)}) == "reloaded");
}

TEST_CASE("reload: one that the service begins of itself is over with READY=1, and another follows for who asks meanwhile") {
    OneRun run = up(with_reload_commands(ServiceType::notify));
    CHECK(run.give(said_reloading()).empty());
    CHECK(run.now.phase == Phase::reload_notify);
    CHECK(run.now.is_up());
    const OneRun reloading = run;
    CHECK(run.give(said_ready()).empty()); // nobody asked
    CHECK(run.now.phase == Phase::running);
    run = reloading;
    CHECK(run.give(ReloadRun{}).empty());
    CHECK(run.now.phase == Phase::reload_notify);
    CHECK(run.give(said_ready()) == "exec_reload");
    CHECK(run.now.phase == Phase::reload);
}

TEST_CASE("reload: what exec_reload sets off is waited for where the service says that it is at it") {
    OneRun run = up(with_reload_commands(ServiceType::notify));
    run.service.exec_reload.pop_back();
    run.give_all(ReloadRun{}, ProcessStarted{}, said_reloading());
    CHECK(run.give(ControlExited{code(0)}).empty());
    CHECK(run.now.phase == Phase::reload_notify);
    CHECK(run.give(said_ready()) == "reloaded");
    run.give_all(ReloadRun{}, ProcessStarted{}, said_reloading(), said_ready());
    CHECK(run.give(ControlExited{code(0)}) == "reloaded");
}

TEST_CASE("reload: of a forking service without a main process, an empty group is the end") {
    OneRun run = started(service_of(ServiceType::forking));
    run.give_all(ControlExited{code(0)}, MainMissing{}, said_reloading());
    REQUIRE(run.now.phase == Phase::reload_notify);
    run.give(GroupEmptied{});
    CHECK(run.now.phase == Phase::ended);
}

TEST_CASE("watchdog: it barks when WATCHDOG=1 is late, but not before the service is ready, nor on its way out") {
    OneRun run = started(watched(ServiceType::notify));
    CHECK(run.ahead() == 90s);
    run.give_after(20s, said_ready());
    CHECK(run.ahead() == 10s);
    run.give_after(9s, Said{.watchdog_ping = true});
    CHECK(run.ahead() == 10s);
    OneRun leaving = run;
    CHECK(run.fire() == "ABRT:all CONT:all");
    CHECK(run.now.phase == Phase::stop_watchdog);
    CHECK(run.ahead() == 30s);
    CHECK(run.fire() == "KILL:all");
    CHECK(run.now.result == ServiceResult::watchdog);
    leaving.give(StopRun{});
    CHECK(leaving.ahead() == 60s);
}

TEST_CASE("watchdog: it is on during exec_start_post and reloads") {
    Service service = watched();
    service.exec_start_post = service.exec_reload = {command()};
    OneRun run = started(service);
    CHECK(run.now.phase == Phase::start_post);
    CHECK(run.ahead() == 10s);
    run.give_all(ProcessStarted{}, ControlExited{code(0)}, ReloadRun{}, ProcessStarted{});
    CHECK(run.now.phase == Phase::reload);
    CHECK(run.fire() == "not-reloaded ABRT:all CONT:all");
}

TEST_CASE("watchdog: a process whose start was under way is told when it is there") {
    Service service = watched();
    service.exec_start_post = {command()};
    OneRun run = started(service);
    CHECK(run.fire() == "ABRT:all CONT:all");
    CHECK(run.give(ProcessStarted{}) == "ABRT:control CONT:control");
}

TEST_CASE("watchdog: the interval is changed, put off and put on by WATCHDOG_USEC=") {
    OneRun run = started(watched());
    run.give_after(5s, Said{.watchdog = Duration(40s)});
    CHECK(run.ahead() == 40s);
    run.give(Said{.watchdog = kInfinity});
    CHECK_FALSE(run.now.timer);
    run.give(Said{.watchdog_ping = true});
    CHECK_FALSE(run.now.timer);
    run.give(Said{.watchdog = Duration(3s)});
    CHECK(run.ahead() == 3s);

    run = started(service_of(ServiceType::notify)); // before it is ready
    run.give_all(Said{.watchdog = Duration(7s)}, said_ready());
    CHECK(run.ahead() == 7s);
}

TEST_CASE("watchdog: WATCHDOG=trigger works without watchdog_sec, and before READY=1") {
    for (const ServiceType type : {ServiceType::simple, ServiceType::notify}) {
        Service service = service_of(type);
        service.watchdog_signal = SIGUSR2;
        service.timeout_abort_sec.reset();
        OneRun run = started(service);
        CHECK(run.give(Said{.watchdog_trigger = true}) == "USR2:all CONT:all");
        CHECK(run.now.result == ServiceResult::watchdog);
        CHECK(run.ahead() == 60s);
        CHECK(run.give(Said{.watchdog_trigger = true}).empty());
    }
}
