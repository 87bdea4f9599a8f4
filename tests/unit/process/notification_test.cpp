#include "process/notification.h"
#include "process/spawn.h"

#include <cerrno>
#include <string>

#include <doctest/doctest.h>

using namespace swathe;
using namespace std::chrono_literals;

namespace {

Notification must_parse(std::string_view text) {
    auto said = parse_notification(text);
    REQUIRE(said);
    return std::move(*said);
}

} // namespace

TEST_CASE("notification: the keys that are known count, whatever else stands beside them") {
    CHECK(must_parse("READY=1").ready);
    CHECK(must_parse("READY=1\n").ready);
    CHECK(must_parse(std::string("READY=1\0", 8)).ready);
    CHECK_FALSE(must_parse("READY=0").ready);
    CHECK_FALSE(must_parse("READY=12").ready);
    CHECK_FALSE(must_parse("READY").ready);
    CHECK_FALSE(must_parse("XREADY=1").ready);
    CHECK_FALSE(must_parse(" READY=1").ready);
    const Notification all = must_parse("X_OWN=\xff\nSTATUS=up and \xc3\xbcp\nSTOPPING=1\nRELOADING=1\nREADY=1\nMAINPID=1");
    CHECK(all.ready); // STOPPING=1 wins over the others, but RELOADING=1 with READY=1 says something of its own
    CHECK(all.stopping);
    CHECK(all.reloading);
    CHECK(all.status == "up and \xc3\xbcp");
    CHECK(all.main_pid == 1);
    CHECK(must_parse("RESTART_RESET=1").restart_reset);
}

TEST_CASE("notification: what says nothing changes nothing") {
    for (const char* text : {"", "\n\n", "X=1", "=1", "=", "READY=\nSTOPPING=yes\nWATCHDOG=0\nFDPOLL=1"}) {
        CAPTURE(text);
        const Notification said = must_parse(text);
        CHECK_FALSE((said.ready || said.stopping || said.reloading || said.restart_reset || said.barrier));
        CHECK_FALSE((said.status || said.errno_value || said.exit_status || said.bus_error || said.varlink_error));
        CHECK_FALSE((said.main_pid || said.main_pidfd_id || said.main_pidfd || said.notify_access));
        CHECK_FALSE((said.watchdog_usec || said.extend_timeout_usec || said.monotonic_usec));
        CHECK_FALSE((said.fdstore || said.fdstore_remove || said.fd_name));
        CHECK(said.fd_poll);
        CHECK(said.watchdog == Notification::Watchdog::none);
    }
}

TEST_CASE("notification: flags count wherever they stand, of other keys the first") {
    CHECK(must_parse("READY=0\nREADY=1").ready);
    CHECK_FALSE(must_parse("FDPOLL=1\nFDPOLL=0").fd_poll);
    CHECK(must_parse("MAINPID=7\nMAINPID=8").main_pid == 7);
    CHECK_FALSE(must_parse("MAINPID=x\nMAINPID=8").main_pid); // nor does the second stand in for the first
    CHECK(must_parse("STATUS=a\nSTATUS=b").status == "a");
    CHECK(must_parse("WATCHDOG=trigger\nWATCHDOG=1").watchdog == Notification::Watchdog::trigger);
}

TEST_CASE("notification: an empty STATUS clears, one that is not UTF-8 does not") {
    CHECK(must_parse("STATUS=").status == "");
    CHECK(must_parse("STATUS=a=b").status == "a=b");
    for (const char* bad : {"STATUS=\xff", "STATUS=a\xc3", "STATUS=\xc0\xaf", "STATUS=\xed\xa0\x80", "STATUS=\xf4\x90\x80\x80"}) {
        CAPTURE(bad);
        const Notification said = must_parse(std::string(bad) + "\nREADY=1");
        CHECK_FALSE(said.status);
        CHECK(said.ready); // the rest counts
    }
}

TEST_CASE("notification: a STATUS cannot drive a terminal") {
    CHECK(must_parse("STATUS=\x1b[2Jgone\tx\x7f").status == "\\x1b[2Jgone\\x09x\\x7f");
    CHECK(must_parse("STATUS=\xc2\x9b"
                     "31m")
              .status == "\\xc2\\x9b31m"); // CSI of C1
    CHECK(must_parse("STATUS=\xc2\xa0").status == "\xc2\xa0");
}

TEST_CASE("notification: numbers are decimal digits in their range, or are not there") {
    CHECK(must_parse("MAINPID=4194304").main_pid == 4194304);
    for (const char* bad : {"0", "-1", "+1", " 1", "1 ", "0x10", "1.5", "", "4194305", "18446744073709551616", "99999999999999999999999"}) {
        CAPTURE(bad);
        CHECK_FALSE(must_parse(std::string("MAINPID=") + bad).main_pid);
    }
    CHECK(must_parse("MAINPIDFDID=18446744073709551615").main_pidfd_id == 18446744073709551615U);
    CHECK_FALSE(must_parse("MAINPIDFDID=18446744073709551616").main_pidfd_id);
    CHECK(must_parse("EXIT_STATUS=255").exit_status == 255);
    CHECK_FALSE(must_parse("EXIT_STATUS=256").exit_status);
}

TEST_CASE("notification: ERRNO is a number or a name") {
    CHECK(must_parse("ERRNO=2").errno_value == ENOENT);
    CHECK(must_parse("ERRNO=ENOENT").errno_value == ENOENT);
    CHECK(must_parse("ERRNO=0").errno_value == 0);
    CHECK(must_parse("ERRNO=4095").errno_value == 4095);
    for (const char* bad : {"4096", "-2", "ENONSENSE", "enoent", ""}) {
        CAPTURE(bad);
        CHECK_FALSE(must_parse(std::string("ERRNO=") + bad).errno_value);
    }
    CHECK(must_parse("BUSERROR=org.example.Error.Too_Many2").bus_error == "org.example.Error.Too_Many2");
    CHECK(must_parse("VARLINKERROR=io.example.Busy").varlink_error == "io.example.Busy");
    CHECK(must_parse("BUSERROR=" + std::string(255, 'a')).bus_error);
    for (const std::string& bad : {std::string(), std::string("a b"), std::string("\x1b[m"), std::string(256, 'a')}) {
        CAPTURE(bad);
        CHECK_FALSE(must_parse("BUSERROR=" + bad).bus_error);
    }
}

TEST_CASE("notification: spans have their edges") {
    CHECK(must_parse("WATCHDOG_USEC=1500000").watchdog_usec == 1500ms);
    CHECK(must_parse("WATCHDOG_USEC=0").watchdog_usec == kInfinity);
    CHECK(must_parse("WATCHDOG_USEC=18446744073709551615").watchdog_usec == kInfinity);
    CHECK(must_parse("WATCHDOG_USEC=9223372036854775806").watchdog_usec == kInfinity - 1us);
    CHECK_FALSE(must_parse("WATCHDOG_USEC=1s").watchdog_usec);
    CHECK(must_parse("EXTEND_TIMEOUT_USEC=1").extend_timeout_usec == 1us);
    for (const char* none : {"0", "9223372036854775807", "18446744073709551615", "-1", "x"}) {
        CAPTURE(none);
        CHECK_FALSE(must_parse(std::string("EXTEND_TIMEOUT_USEC=") + none).extend_timeout_usec);
    }
    CHECK(must_parse("MONOTONIC_USEC=5").monotonic_usec == Monotonic{} + 5us);
    CHECK(must_parse("MONOTONIC_USEC=18446744073709551615").monotonic_usec == Monotonic::max());
    CHECK_FALSE(must_parse("MONOTONIC_USEC=now").monotonic_usec);
}

TEST_CASE("notification: whose word counts and what the watchdog hears") {
    CHECK(must_parse("NOTIFYACCESS=none").notify_access == NotifyAccess::none);
    CHECK(must_parse("NOTIFYACCESS=exec").notify_access == NotifyAccess::exec);
    CHECK_FALSE(must_parse("NOTIFYACCESS=everybody").notify_access);
    CHECK(must_parse("WATCHDOG=1").watchdog == Notification::Watchdog::ping);
    CHECK(must_parse("WATCHDOG=trigger").watchdog == Notification::Watchdog::trigger);
    CHECK(must_parse("MAINPIDFD=1").main_pidfd);
}

TEST_CASE("notification: the name of what is stored is one for LISTEN_FDNAMES, or it is \"stored\"") {
    const Notification said = must_parse("FDSTORE=1\nFDNAME=my fd\nFDPOLL=0");
    CHECK(said.fdstore);
    CHECK_FALSE(said.fd_poll);
    CHECK(said.stored_name() == "my fd");
    CHECK(must_parse("FDSTORE=1").stored_name() == "stored");
    CHECK(must_parse("FDNAME=" + std::string(kLongestFdName, 'a')).fd_name);
    for (const std::string& bad : {std::string(), std::string("a:b"), std::string("a\tb"), std::string("\xc3\xbc"), std::string("\x7f"),
                                   std::string(kLongestFdName + 1, 'a')}) {
        CAPTURE(bad);
        const Notification removed = must_parse("FDSTOREREMOVE=1\nFDNAME=" + bad);
        CHECK(removed.fdstore_remove);
        CHECK_FALSE(removed.fd_name); // nothing is removed then
        CHECK(removed.stored_name() == "stored");
    }
}

TEST_CASE("notification: a barrier stands alone") {
    CHECK(must_parse("BARRIER=1").barrier);
    CHECK(must_parse("BARRIER=1\n").barrier);
    CHECK_FALSE(parse_notification("BARRIER=1\nREADY=1"));
    CHECK_FALSE(parse_notification("X_OWN=1\nBARRIER=1"));
    CHECK_FALSE(parse_notification("BARRIER=1\nBARRIER=1"));
    CHECK(must_parse("BARRIER=0\nREADY=1").ready);
}

TEST_CASE("notification: a NUL inside is refused, one at the end is not, two are") {
    CHECK_FALSE(parse_notification(std::string_view("READY=1\0\nSTATUS=x", 17)));
    CHECK_FALSE(parse_notification(std::string_view("READY=1\0\0", 9)));
    CHECK(parse_notification(std::string_view("\0", 1)));
}
