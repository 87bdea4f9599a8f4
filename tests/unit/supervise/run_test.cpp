// One instance on its way up.
#include "support.h"

using namespace swathe;
using namespace swathe::test;

TEST_CASE("run: simple and exec are up as soon as the process is there, and a clean end is the end") {
    for (const ServiceType type : {ServiceType::simple, ServiceType::exec}) {
        OneRun run;
        run.service = service_of(type);
        CHECK(run.give(Begin{}) == "exec_start");
        CHECK(run.now.phase == Phase::start);
        CHECK(run.now.is_starting());
        CHECK(run.give(ProcessStarted{}).empty());
        CHECK(run.now.phase == Phase::running);
        CHECK(run.now.is_up());
        CHECK_FALSE(run.now.timer);
        run.give_all(GroupEmptied{}, MainExited{code(0)});
        CHECK(run.now.phase == Phase::ended);
        CHECK(run.now.result == ServiceResult::success);
        CHECK(run.now.main_exit == code(0));
    }
}

TEST_CASE("run: the lists come in their order, one command after another, each with the whole time") {
    Service service = service_of();
    service.exec_condition = service.exec_start_pre = service.exec_start_post = {command(), command()};
    OneRun run;
    run.service = service;
    CHECK(run.give(Begin{}) == "exec_condition");
    const char* const expected[] = {"exec_condition#1", "exec_start_pre", "exec_start_pre#1", "exec_start"};
    for (const char* const next : expected) {
        CHECK(run.ahead() == 90s);
        CHECK(run.give(ProcessStarted{}).empty());
        CHECK(run.give_after(1s, ControlExited{code(0)}) == next);
    }
    CHECK(run.give(ProcessStarted{}) == "exec_start_post");
    run.give(ProcessStarted{});
    CHECK(run.give(ControlExited{code(0)}) == "exec_start_post#1");
    run.give(ProcessStarted{});
    CHECK(run.now.phase == Phase::start_post);
    run.give(ControlExited{code(0)});
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("run: a command that fails ends the start, one with \"-\" in front does not") {
    Service service = service_of();
    service.exec_start_pre = {command(true), command()};
    service.exec_stop = service.exec_stop_post = {command()};
    OneRun run = started(service);
    CHECK(run.give(ControlExited{code(1)}) == "exec_start_pre#1");
    run.give(ProcessStarted{});
    CHECK(run.give(GroupEmptied{}).empty());
    CHECK(run.give(ControlExited{killed(SIGTERM)}) == "exec_stop_post"); // no exec_stop: it was never up
    CHECK(run.now.result == ServiceResult::signal);
}

TEST_CASE("run: a condition that says no is no failure, and exec_stop_post runs after it") {
    struct Row { Exit exit; ServiceResult result; };
    const Row rows[] = {{code(1), ServiceResult::exec_condition},   {code(254), ServiceResult::exec_condition},
                        {code(255), ServiceResult::exit_code},      {killed(SIGTERM), ServiceResult::signal},
                        {dumped(SIGSEGV), ServiceResult::core_dump}};
    for (const Row& row : rows) {
        Service service = service_of();
        service.exec_condition = service.exec_stop_post = {command()};
        OneRun run = started(service);
        run.give(GroupEmptied{});
        CHECK(run.give(ControlExited{row.exit}) == "exec_stop_post");
        CHECK(run.now.result == row.result);
    }
}

TEST_CASE("run: success_exit_status holds for conditions, of the other commands 0 alone is good") {
    Service service = service_of();
    service.success_exit_status.codes = {3};
    service.exec_condition = service.exec_start_pre = {command()};
    OneRun run = started(service);
    CHECK(run.give(ControlExited{code(3)}) == "exec_start_pre");
    run.give(ProcessStarted{});
    run.give(ControlExited{code(3)});
    CHECK(run.now.result == ServiceResult::exit_code);
}

TEST_CASE("run: what cannot be started is a failure; of what cannot be executed, the status says how") {
    OneRun run;
    run.service = service_of();
    run.give(Begin{});
    run.give(ProcessFailed{});
    CHECK(run.now.phase == Phase::ended);
    CHECK(run.now.result == ServiceResult::resources);
    CHECK_FALSE(run.now.main_exit);
    run.give(Begin{});
    run.give(ProcessFailed{203});
    CHECK(run.now.result == ServiceResult::exit_code);
    CHECK(run.now.main_exit == code(203));

    run.service.exec_start_pre = {command(true), command(true)};
    run.give(Begin{});
    CHECK(run.give(ProcessFailed{203}) == "exec_start_pre#1"); // "-"
    CHECK(run.give(ProcessFailed{}) == "exec_start");        // found missing before there was a process
    run.give(ProcessStarted{});
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("run: \"-\" in front of exec_start makes every end of the main process a clean one, wherever it comes") {
    Service service = service_of();
    service.exec_start = {command(true)};
    service.exec_start_post = service.exec_stop = {command()};
    OneRun run;
    run.service = service;
    run.give(Begin{});
    CHECK(run.give(ProcessFailed{203}) == "exec_stop");
    CHECK(run.now.result == ServiceResult::success);

    run = OneRun{}; // there was never a process
    run.service = service;
    run.give(Begin{});
    CHECK(run.give(ProcessFailed{}) == "exec_stop");
    CHECK(run.now.result == ServiceResult::success);

    run = started(service); // ends in start_post
    run.give(ProcessStarted{});
    run.give(MainExited{code(1)});
    CHECK(run.give(ControlExited{code(0)}) == "exec_stop");
    run = started(service); // ends while running
    run.give_all(ProcessStarted{}, ControlExited{code(0)});
    CHECK(run.give(MainExited{killed(SIGSEGV)}) == "exec_stop");
    CHECK(run.now.result == ServiceResult::success);
}

TEST_CASE("run: \"-\" in front of another command does not excuse the main process") {
    Service service = service_of();
    service.exec_start_post = {command(true)};
    OneRun run = started(service);
    run.give_all(ProcessStarted{}, MainExited{code(1)}, ControlExited{code(0)});
    CHECK(run.now.result == ServiceResult::exit_code);
    CHECK(run.now.phase == Phase::stop_sigterm); // others are told
}

TEST_CASE("run: notify is up with READY=1, and an end before it is a failure, a clean one of the protocol") {
    for (const ServiceType type : {ServiceType::notify, ServiceType::notify_reload}) {
        OneRun run = started(service_of(type));
        CHECK(run.now.phase == Phase::start);
        CHECK(run.ahead() == 90s);
        run.give(said_ready());
        CHECK(run.now.phase == Phase::running);
        CHECK_FALSE(run.now.timer);

        run = started(service_of(type));
        run.give_all(GroupEmptied{}, MainExited{code(0)});
        CHECK(run.now.phase == Phase::ended);
        CHECK(run.now.result == ServiceResult::protocol);
        run = started(service_of(type));
        run.give(MainExited{code(3)});
        CHECK(run.now.result == ServiceResult::exit_code);
    }
}

TEST_CASE("run: a READY=1 that overtakes the answer to the start counts") {
    OneRun run;
    run.service = service_of(ServiceType::notify);
    run.give_all(Begin{}, said_ready());
    CHECK(run.now.phase == Phase::start);
    run.give(ProcessStarted{});
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("run: a RELOADING=1 before the first READY=1 changes nothing, as haproxy sends it") {
    OneRun run = started(service_of(ServiceType::notify));
    run.give(said_reloading());
    CHECK(run.now.phase == Phase::start);
    run.give(said_ready());
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("run: what is said while exec_start_post runs is acted upon after it") {
    Service service = service_of(ServiceType::notify);
    service.exec_start_post = {command()};
    OneRun run = started(service);
    run.give_all(said_ready(), ProcessStarted{}, said_reloading());
    CHECK(run.now.phase == Phase::start_post);
    run.give(ControlExited{code(0)});
    CHECK(run.now.phase == Phase::reload_notify);
    run.give(said_ready());
    CHECK(run.now.phase == Phase::running);

    run = started(service);
    run.give_all(said_ready(), ProcessStarted{}, said_stopping(), said_ready(), ControlExited{code(0)});
    CHECK(run.now.phase == Phase::stop_by_notify); // no READY=1 takes it back
}

TEST_CASE("run: a start takes no longer than timeout_start_sec, and timeout_start_failure_mode says how it is given up") {
    struct Row { TimeoutFailure mode; const char* orders; Phase phase; Duration limit; };
    const Row rows[] = {{TimeoutFailure::terminate, "TERM:all CONT:all", Phase::stop_sigterm, 60s},
                        {TimeoutFailure::abort, "ABRT:all CONT:all", Phase::stop_watchdog, 30s},
                        {TimeoutFailure::kill, "KILL:all", Phase::stop_sigkill, 60s}};
    for (const Row& row : rows) {
        Service service = service_of(ServiceType::notify);
        service.timeout_start_failure_mode = row.mode;
        OneRun run = started(service);
        CHECK(run.fire() == row.orders);
        CHECK(run.now.phase == row.phase);
        CHECK(run.ahead() == row.limit);
        CHECK(run.now.result == ServiceResult::timeout);
        CHECK(run.give(said_ready()).empty()); // too late
        run.give_all(GroupEmptied{}, MainExited{code(0)});
        CHECK(run.now.phase == Phase::ended);
    }
}

TEST_CASE("run: an infinite timeout_start_sec sets no timer, and that of a oneshot is infinite unless it is set") {
    Service service = service_of(ServiceType::notify);
    service.timeout_start_sec = kInfinity;
    CHECK_FALSE(started(service).now.timer);
    service = service_of(ServiceType::oneshot);
    service.timeout_start_sec.reset();
    CHECK_FALSE(started(service).now.timer);
}

TEST_CASE("run: EXTEND_TIMEOUT_USEC= lengthens the time, never shortens it, and does not call back what has passed") {
    OneRun run = started(service_of(ServiceType::notify));
    run.give(Said{.extend = 10s});
    CHECK(run.ahead() == 90s);
    run.give_after(80s, Said{.extend = 60s});
    CHECK(run.ahead() == 60s);
    run.fire();
    REQUIRE(run.now.phase == Phase::stop_sigterm);
    run.give_after(50s, Said{.extend = 100s});
    CHECK(run.ahead() == 100s);
    CHECK(run.fire() == "KILL:all");
}

TEST_CASE("run: a oneshot is done when all of its commands are, and rests or ends as remain_after_exit says") {
    Service service = service_of(ServiceType::oneshot);
    service.exec_start = {command(), command(true), command()};
    service.exec_start_post = service.exec_stop = {command()};
    for (const bool remains : {false, true}) {
        service.remain_after_exit = remains;
        OneRun run = started(service);
        CHECK(run.now.phase == Phase::start);
        CHECK(run.give(MainExited{code(0)}) == "exec_start#1");
        run.give(ProcessStarted{});
        CHECK(run.give(MainExited{code(1)}) == "exec_start#2"); // "-"
        run.give(ProcessStarted{});
        CHECK(run.give(MainExited{code(0)}) == "exec_start_post");
        run.give(ProcessStarted{});
        CHECK(run.give(ControlExited{code(0)}) == (remains ? "" : "exec_stop"));
        CHECK(run.now.phase == (remains ? Phase::exited : Phase::stop));
        CHECK(run.now.result == ServiceResult::success);
        if (remains) CHECK(run.give(StopRun{}) == "exec_stop");
    }
}

TEST_CASE("run: a oneshot whose command fails, be it by TERM, runs no other one") {
    for (const Exit exit : {code(1), killed(SIGTERM)}) {
        Service service = service_of(ServiceType::oneshot);
        service.exec_start = {command(), command()};
        service.remain_after_exit = true;
        OneRun run = started(service);
        run.give_all(GroupEmptied{}, MainExited{exit});
        CHECK(run.now.phase == Phase::ended);
        CHECK(run.now.result != ServiceResult::success);
    }
}

TEST_CASE("run: a oneshot without a command is started by its other lists") {
    Service service = service_of(ServiceType::oneshot);
    service.exec_start.clear();
    service.exec_stop = {command()};
    service.remain_after_exit = true;
    OneRun run;
    run.service = service;
    run.give(Begin{});
    CHECK(run.now.phase == Phase::exited);
    CHECK(run.give(StopRun{}) == "exec_stop");
}

TEST_CASE("run: a forking service is up when its parent has ended and its main process is found") {
    Service service = service_of(ServiceType::forking);
    service.pid_file = Placed<std::string>{"/run/a.pid", {}};
    OneRun run = started(service);
    CHECK(run.now.control); // the parent is not the main process
    CHECK(run.give(ControlExited{code(0)}) == "find-main");
    CHECK(run.now.phase == Phase::start);
    CHECK(run.give(MainMissing{}).empty()); // it may still write its pid file
    CHECK(run.now.phase == Phase::start);
    run.give_after(5s, MainFound{});
    CHECK(run.now.phase == Phase::running);
    run.give(MainExited{code(1)});
    CHECK(run.now.result == ServiceResult::exit_code);

    run = started(service);
    run.give_all(ControlExited{code(0)}, MainMissing{});
    CHECK(run.fire() == "TERM:all CONT:all"); // it never does
    CHECK(run.now.result == ServiceResult::timeout);
}

TEST_CASE("run: MAINPID= before the parent's end spares the search") {
    OneRun run = started(service_of(ServiceType::forking));
    run.give(MainFound{});
    CHECK(run.now.phase == Phase::start);
    CHECK(run.give(ControlExited{code(0)}).empty());
    CHECK(run.now.phase == Phase::running);
}

TEST_CASE("run: a forking service without a main process is up while any of its processes is there") {
    for (const bool remains : {false, true}) {
        Service service = service_of(ServiceType::forking);
        service.remain_after_exit = remains;
        OneRun run = started(service);
        run.give_all(ControlExited{code(0)}, MainMissing{});
        CHECK(run.now.phase == Phase::running);
        CHECK_FALSE(run.now.main);
        run.give(GroupEmptied{});
        CHECK(run.now.phase == (remains ? Phase::exited : Phase::ended));
        CHECK(run.now.result == ServiceResult::success);
    }
}

TEST_CASE("run: a forking service fails with its parent, and if nobody is left after it") {
    OneRun run = started(service_of(ServiceType::forking));
    CHECK(run.give(ControlExited{code(1)}) == "TERM:all CONT:all");
    CHECK(run.now.result == ServiceResult::exit_code);

    run = started(service_of(ServiceType::forking));
    run.give(ControlExited{code(0)});
    run.give(GroupEmptied{}); // while it is looked for
    CHECK(run.now.phase == Phase::ended);
    CHECK(run.now.result == ServiceResult::protocol);

    run = started(service_of(ServiceType::forking));
    run.give(GroupEmptied{}); // told before the parent's end
    CHECK(run.give(ControlExited{code(0)}).empty());
    CHECK(run.now.phase == Phase::ended);
    CHECK(run.now.result == ServiceResult::protocol);
}

TEST_CASE("run: the clean statuses, and the ones that are made clean") {
    Service service = service_of();
    service.success_exit_status.codes = {7};
    service.success_exit_status.signals = {SIGKILL};
    for (const Exit exit : {code(0), code(7), killed(SIGKILL), killed(SIGHUP), killed(SIGINT), killed(SIGTERM), killed(SIGPIPE)})
        CHECK(is_clean(service, exit));
    for (const Exit exit : {code(1), code(SIGKILL), killed(SIGUSR1), dumped(SIGTERM)}) CHECK_FALSE(is_clean(service, exit));
    service.type = ServiceType::oneshot;
    CHECK_FALSE(is_clean(service, killed(SIGTERM)));
    CHECK(is_clean(service, killed(SIGKILL)));
}

TEST_CASE("run: phases and results have systemd's names") {
    CHECK(std::string(to_string(Phase::start_pre)) == "start-pre");
    CHECK(std::string(to_string(Phase::final_sigkill)) == "final-sigkill");
    CHECK(std::string(to_string(ServiceResult::start_limit_hit)) == "start-limit-hit");
    CHECK(std::string(to_string(ServiceResult::oom_kill)) == "oom-kill");
}
