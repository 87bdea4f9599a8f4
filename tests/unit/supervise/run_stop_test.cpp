// One instance on its way down.
#include "support.h"

using namespace swathe;
using namespace swathe::test;

namespace {

Service with_stop_commands(ServiceType type = ServiceType::simple) {
    Service service = service_of(type);
    service.exec_stop = service.exec_stop_post = {command()};
    return service;
}

} // namespace

TEST_CASE("stop: exec_stop, then TERM and CONT, then exec_stop_post, and no failure of it all") {
    OneRun run = started(with_stop_commands());
    CHECK(run.give(StopRun{}) == "exec_stop");
    CHECK(run.now.is_ending());
    CHECK(run.ahead() == 60s);
    run.give(ProcessStarted{});
    CHECK(run.give(ControlExited{code(0)}) == "TERM:all CONT:all");
    CHECK(run.give(MainExited{killed(SIGTERM)}).empty()); // others are still there
    CHECK(run.give(GroupEmptied{}) == "exec_stop_post");
    run.give(ProcessStarted{});
    run.give_all(GroupEmptied{}, ControlExited{code(0)});
    CHECK(run.now.phase == Phase::ended);
    CHECK(run.now.result == ServiceResult::success);
    CHECK_FALSE(run.now.timer);
}

TEST_CASE("stop: a clean end of the main process runs exec_stop, an unclean one does not") {
    OneRun run = started(with_stop_commands());
    CHECK(run.give(MainExited{code(0)}) == "exec_stop");
    run = started(with_stop_commands());
    CHECK(run.give(MainExited{code(1)}) == "TERM:all CONT:all");
    CHECK(run.give(GroupEmptied{}) == "exec_stop_post");
}

TEST_CASE("stop: in every phase of the start it goes straight to the signals") {
    Service service = with_stop_commands(ServiceType::notify);
    service.exec_condition = service.exec_start_pre = service.exec_start_post = {command()};
    OneRun run = started(service);
    const auto stops_with = [&](const std::string& orders) {
        OneRun here = run;
        CHECK(here.give(StopRun{}) == orders);
        CHECK(here.now.phase == Phase::stop_sigterm);
        CHECK(here.now.result == ServiceResult::success);
        CHECK(here.ahead() == 60s);
    };
    stops_with("TERM:all CONT:all"); // condition
    run.give_all(ControlExited{code(0)}, ProcessStarted{});
    REQUIRE(run.now.phase == Phase::start_pre);
    stops_with("TERM:all CONT:all");
    run.give_all(ControlExited{code(0)}, ProcessStarted{});
    REQUIRE(run.now.phase == Phase::start);
    stops_with("TERM:all CONT:all");
    run.give_all(said_ready(), ProcessStarted{});
    REQUIRE(run.now.phase == Phase::start_post);
    stops_with("TERM:all CONT:all");
}

TEST_CASE("stop: one that comes before the answer to a start reaches the process when it is there") {
    for (const KillMode mode : {KillMode::control_group, KillMode::mixed, KillMode::process}) {
        Service service = with_stop_commands(ServiceType::notify);
        service.kill_mode = mode;
        OneRun run;
        run.service = service;
        run.give(Begin{});
        CHECK(run.give(StopRun{}).empty()); // nobody is there
        CHECK(run.now.phase == Phase::stop_sigterm);
        CHECK(run.give(ProcessStarted{}) == "TERM:main CONT:main");
        run.give(GroupEmptied{});
        CHECK(run.give(MainExited{killed(SIGTERM)}) == "exec_stop_post");
    }
    OneRun run;
    run.service = with_stop_commands();
    run.give_all(Begin{}, StopRun{});
    CHECK(run.give(ProcessFailed{}) == "exec_stop_post");
}

TEST_CASE("stop: an answer that comes after KILL was sent is killed, and is waited for as long as it takes") {
    OneRun run;
    run.service = with_stop_commands();
    run.give_all(Begin{}, StopRun{});
    CHECK(run.fire().empty());
    REQUIRE(run.now.phase == Phase::stop_sigkill);
    CHECK(run.fire().empty());
    CHECK(run.now.phase == Phase::stop_sigkill);
    CHECK(run.give(ProcessStarted{}) == "KILL:main");
    run.give(GroupEmptied{});
    CHECK(run.give(MainExited{killed(SIGKILL)}) == "exec_stop_post");
}

TEST_CASE("stop: with kill_mode = none an answer is waited for, and nobody is signalled") {
    Service service = with_stop_commands();
    service.kill_mode = KillMode::none;
    OneRun run;
    run.service = service;
    run.give(Begin{});
    CHECK(run.give(StopRun{}).empty());
    CHECK(run.give(ProcessStarted{}) == "exec_stop_post");
    run.give_all(ProcessStarted{}, ControlExited{code(0)});
    CHECK(run.now.phase == Phase::ended);

    run = started(service);
    CHECK(run.give(StopRun{}) == "exec_stop");
    run.give(ProcessStarted{});
    CHECK(run.give(ControlExited{code(0)}) == "exec_stop_post");
}

TEST_CASE("stop: the ways of the kill modes, from TERM to KILL, with a child that outlives its parent") {
    struct Row { KillMode mode; const char* polite; const char* main_gone; Phase then; };
    const Row rows[] = {{KillMode::control_group, "TERM:all CONT:all", "", Phase::stop_sigterm},
                        {KillMode::mixed, "TERM:both CONT:both", "KILL:all", Phase::stop_sigkill},
                        {KillMode::process, "TERM:both CONT:both", "", Phase::ended}};
    for (const Row& row : rows) {
        Service service = service_of();
        service.kill_mode = row.mode;
        OneRun run = started(service);
        CHECK(run.give(StopRun{}) == row.polite);
        CHECK(run.give(MainExited{killed(SIGTERM)}) == row.main_gone);
        CHECK(run.now.phase == row.then);
        run.give(GroupEmptied{});
        CHECK(run.now.phase == Phase::ended);

        run = started(service);
        run.give(StopRun{});
        CHECK(run.fire() == (row.mode == KillMode::process ? "KILL:both" : "KILL:all"));
        CHECK(run.now.result == ServiceResult::timeout);
    }
}

TEST_CASE("stop: mixed kills the rest at once where the main process was gone before") {
    Service service = service_of();
    service.kill_mode = KillMode::mixed;
    OneRun run = started(service);
    CHECK(run.give(MainExited{code(0)}) == "KILL:all");
    service.send_sigkill = false; // nobody may be killed, so nobody is waited for
    run = started(service);
    CHECK(run.give(MainExited{code(0)}).empty());
    CHECK(run.now.phase == Phase::ended);
}

TEST_CASE("stop: without send_sigkill whoever does not obey is left behind") {
    Service service = with_stop_commands();
    service.send_sigkill = false;
    OneRun run = started(service);
    run.give_all(StopRun{}, ProcessStarted{}, ControlExited{code(0)});
    CHECK(run.fire() == "exec_stop_post");
    run.give(ProcessStarted{});
    CHECK(run.give(ControlExited{code(0)}) == "TERM:all CONT:all");
    CHECK(run.now.phase == Phase::final_sigterm);
    run.fire();
    CHECK(run.now.phase == Phase::ended);
    CHECK_FALSE(run.now.main);
}

TEST_CASE("stop: a process that no signal ends is left behind in the end") {
    OneRun run = started(with_stop_commands());
    CHECK(run.give(StopRun{}) == "exec_stop");
    run.give(ProcessStarted{});
    CHECK(run.fire() == "TERM:all CONT:all"); // exec_stop took too long
    CHECK(run.fire() == "KILL:all");
    CHECK(run.fire() == "exec_stop_post"); // in place of the one that hangs
    CHECK_FALSE(run.now.control);
    run.give(ProcessStarted{});
    CHECK(run.fire() == "TERM:all CONT:all");
    CHECK(run.fire() == "KILL:all");
    run.fire();
    CHECK(run.now.phase == Phase::ended);
    CHECK(run.now.result == ServiceResult::timeout);
}

TEST_CASE("stop: timeout_stop_failure_mode says what comes after a stop that takes too long") {
    struct Row { TimeoutFailure mode; const char* after_exec_stop; const char* after_term; const char* after_stop_post; };
    const Row rows[] = {{TimeoutFailure::terminate, "TERM:all CONT:all", "KILL:all", "TERM:all CONT:all"},
                        {TimeoutFailure::abort, "ABRT:all CONT:all", "ABRT:all CONT:all", "TERM:all CONT:all"},
                        {TimeoutFailure::kill, "KILL:all", "KILL:all", "KILL:all"}};
    for (const Row& row : rows) {
        Service service = with_stop_commands();
        service.timeout_stop_failure_mode = row.mode;
        OneRun run = started(service);
        run.give_all(StopRun{}, ProcessStarted{});
        CHECK(run.fire() == row.after_exec_stop);
        run = started(service);
        run.give_all(StopRun{}, ProcessStarted{}, ControlExited{code(0)});
        CHECK(run.fire() == row.after_term);
        run.give_all(MainExited{killed(SIGKILL)}, GroupEmptied{}, ProcessStarted{});
        REQUIRE(run.now.phase == Phase::stop_post);
        CHECK(run.fire() == row.after_stop_post);
    }
}

TEST_CASE("stop: signals are the configured ones, HUP follows where asked for, and a restart has its own") {
    Service service = service_of();
    service.kill_signal = SIGQUIT;
    service.restart_kill_signal = SIGUSR1;
    service.final_kill_signal = SIGABRT;
    service.send_sighup = true;
    OneRun run = started(service);
    CHECK(run.give(StopRun{}) == "QUIT:all CONT:all HUP:all");
    CHECK(run.fire() == "ABRT:all CONT:all");
    run = started(service);
    CHECK(run.give(StopRun{.restart = true}) == "USR1:all CONT:all HUP:all");
    CHECK(run.give(StopRun{}).empty()); // no second one
}

TEST_CASE("stop: exec_stop that fails ends its list and is a failure, and so is exec_stop_post") {
    Service service = with_stop_commands();
    service.exec_stop = {command(true), command(), command()};
    OneRun run = started(service);
    run.give_all(StopRun{}, ProcessStarted{});
    CHECK(run.give(ControlExited{code(1)}) == "exec_stop#1");
    run.give(ProcessStarted{});
    CHECK(run.give(ControlExited{code(2)}) == "TERM:all CONT:all");
    CHECK(run.now.result == ServiceResult::exit_code);
    run.give_all(MainExited{code(0)}, GroupEmptied{});
    CHECK(run.give(ProcessFailed{}).empty());
    CHECK(run.now.phase == Phase::ended);
    CHECK(run.now.result == ServiceResult::exit_code); // the first failure stays
}

TEST_CASE("stop: a drain has its own time, even an endless one, and a stop by hand ends its patience") {
    OneRun run = started(service_of());
    run.give(StopRun{.patience = Duration(1h)});
    CHECK(run.ahead() == 1h);
    CHECK(run.give_after(1min, StopRun{.patience = Duration(2h)}).empty());
    CHECK(run.ahead() == 59min);
    CHECK(run.give(StopRun{}).empty());
    CHECK(run.ahead() == 60s);
    CHECK(run.give_after(10s, StopRun{}).empty());
    CHECK(run.ahead() == 50s);

    run = started(service_of());
    run.give(StopRun{.patience = kInfinity});
    CHECK_FALSE(run.now.timer);
    run.give(StopRun{});
    CHECK(run.ahead() == 60s);
}

TEST_CASE("stop: STOPPING=1 is an announcement, and its end is waited for like that of a stop") {
    OneRun run = started(with_stop_commands());
    CHECK(run.give(said_stopping()).empty());
    CHECK(run.now.phase == Phase::stop_by_notify);
    CHECK(run.now.is_ending());
    CHECK(run.ahead() == 60s);
    const OneRun announced = run;
    CHECK(run.give(MainExited{code(0)}) == "TERM:all CONT:all");
    CHECK(run.give(GroupEmptied{}) == "exec_stop_post");
    run = announced;
    CHECK(run.fire() == "TERM:all CONT:all");
    CHECK(run.now.result == ServiceResult::timeout);
    run = announced;
    CHECK(run.give(StopRun{}) == "TERM:all CONT:all"); // now it is meant
    CHECK(run.now.result == ServiceResult::success);
}

TEST_CASE("stop: STOPPING=1 of a service without a main process is followed by the end of its group") {
    OneRun run = started(service_of(ServiceType::forking));
    run.give_all(ControlExited{code(0)}, MainMissing{}, said_stopping());
    REQUIRE(run.now.phase == Phase::stop_by_notify);
    run.give(GroupEmptied{});
    CHECK(run.now.phase == Phase::ended);
}

TEST_CASE("stop: runtime_max_sec counts from when it is up, and is a time-out that exec_stop follows") {
    Service service = with_stop_commands(ServiceType::notify);
    service.runtime_max_sec = 10s;
    OneRun run = started(service);
    run.give_after(50s, said_ready());
    CHECK(run.ahead() == 10s);
    run.give_after(5s, Said{.extend = 7s});
    CHECK(run.ahead() == 7s);
    CHECK(run.fire() == "exec_stop");
    CHECK(run.now.result == ServiceResult::timeout);
}

TEST_CASE("stop: a main process that is found while the end is under way is signalled, too") {
    Service service = service_of(ServiceType::forking);
    service.kill_mode = KillMode::process;
    service.exec_stop_post = {command()};
    OneRun run = started(service);
    run.give(StopRun{});
    CHECK(run.give(MainFound{}) == "TERM:main CONT:main");
    run.give(ControlExited{killed(SIGTERM)});
    CHECK(run.now.phase == Phase::stop_sigterm);
    CHECK(run.give(MainExited{killed(SIGTERM)}) == "exec_stop_post");
}

TEST_CASE("stop: without send_sigkill who was there is told again, before the answer that is owed") {
    Service service = with_stop_commands();
    service.send_sigkill = false;
    service.timeout_stop_failure_mode = TimeoutFailure::kill;
    OneRun run = started(service);
    CHECK(run.give(StopRun{}) == "exec_stop");
    CHECK(run.fire() == "TERM:all CONT:all");
    CHECK(run.now.phase == Phase::stop_sigterm);
    CHECK(run.give(ProcessStarted{}) == "TERM:control CONT:control");
}

TEST_CASE("stop: while a main process is about to be there, no other one is believed") {
    OneRun run;
    run.service = service_of(ServiceType::notify);
    run.give_all(Begin{}, MainFound{});
    CHECK_FALSE(run.now.main);
    run.give(said_ready());
    CHECK(run.now.phase == Phase::start);
    run.give(ProcessStarted{});
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("stop: whatever happens to what has ended, nothing comes of it") {
    const OneRun ended{service_of(), {}, kStart};
    for (const RunEvent& event : {RunEvent(ProcessStarted{}), RunEvent(ProcessFailed{}), RunEvent(MainExited{}), RunEvent(ControlExited{}),
                                  RunEvent(MainFound{}), RunEvent(MainMissing{}), RunEvent(GroupEmptied{}), RunEvent(StopRun{}),
                                  RunEvent(RunTimer{}), RunEvent(said_ready()), RunEvent(said_stopping())}) {
        OneRun run = ended;
        CHECK(run.give(event).empty());
        CHECK(run.now == ended.now);
    }
}
