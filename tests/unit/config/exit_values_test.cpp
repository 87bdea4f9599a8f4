#include "config/exit_values.h"
#include "scratch.h"

#include <csignal>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

/// What a service with this line has, or what is said about it.
struct Told {
    Service service;
    std::string problems;
};

Told with(std::string_view line) {
    const Scratch scratch;
    scratch.write("services.d/a.toml", small_service() + std::string(line) + "\n");
    Loaded loaded = scratch.load();
    Told told{{}, lines_of(loaded.diagnostics, scratch.path())};
    if (told.problems.empty()) told.service = std::move(loaded.config.services.at(0));
    return told;
}

} // namespace

TEST_CASE("signals: names with and without SIG, real-time ones, and numbers") {
    struct Case { const char* text; std::optional<int> signal; };
    const Case cases[] = {
        {"TERM", SIGTERM}, {"SIGTERM", SIGTERM}, {"IO", SIGIO}, {"POLL", SIGIO}, {"CHLD", SIGCHLD}, {"SYS", SIGSYS},
        {"1", 1}, {"64", SIGRTMAX},
        {"RTMIN", SIGRTMIN}, {"SIGRTMIN+1", SIGRTMIN + 1}, {"RTMIN+30", SIGRTMAX}, {"RTMAX", SIGRTMAX}, {"RTMAX-30", SIGRTMIN},
        {"0", {}}, {"65", {}}, {"-1", {}}, {"term", {}}, {"SIG", {}}, {"", {}}, {"SIGSIGTERM", {}}, {"RTMIN+31", {}}, {"RTMIN-1", {}},
        {"RTMAX+1", {}}, {"RTMIN+", {}}, {"RTMIN+-1", {}}, {"99999999999", {}}, {"TERM ", {}},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.text));
        CHECK(signal_of(c.text) == c.signal);
    }
    CHECK(with("kill_signal = 2").service.kill_signal == SIGINT);
    CHECK(with("kill_signal = 65").problems == "services.d/a.toml:7:15: kill_signal: \"65\" is no signal\n");
    CHECK(with("kill_signal = true").problems.find("expected a string") != std::string::npos);
}

TEST_CASE("exit statuses: a number is a status, a name one or a signal, and each counts once") {
    const Told told = with("success_exit_status = [0, 255, \"255\", \"TEMPFAIL\", 75, \"BPF\", \"KILL\", \"SIGKILL\", \"USER\"]");
    const ExitStatusSet& set = told.service.success_exit_status;
    CHECK(set.codes == std::vector<int>{0, 255, 75, 244, 217});
    CHECK(set.signals == std::vector<int>{SIGKILL});
    CHECK(with("restart_prevent_exit_status = 9").service.restart_prevent_exit_status.codes == std::vector<int>{9});
    for (const char* bad : {"256", "-1", "\"256\"", "\"-1\"", "\"EX_TEMPFAIL\"", "\"tempfail\"", "\"\"", "[1, 256]"}) {
        CAPTURE(std::string(bad));
        CHECK(with("success_exit_status = " + std::string(bad)).problems.find("exit status from 0 to 255") != std::string::npos);
    }
}
