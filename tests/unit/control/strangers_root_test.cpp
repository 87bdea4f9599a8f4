// Only root can be somebody else. Fails, and does not skip, without.

#include "fixture.h"

#include "control/access.h"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;

namespace {

/// Runs `visit` in a child that is user 65534 with these supplementary groups; its result is the child's exit status.
template <class F> int as_stranger(const std::vector<gid_t>& groups, F visit) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::setgroups(groups.size(), groups.data()) < 0 || ::setgid(65534) < 0 || ::setuid(65534) < 0) ::_exit(100);
        ::_exit(visit());
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

TEST_CASE("control: members of the group look and do not act, strangers do not even connect") {
    REQUIRE(::geteuid() == 0);
    const auto group = find_group("daemon").value();
    REQUIRE(group);
    const TempDir dir;
    RunningServer server(dir / "control", "daemon");
    const auto member = [&] {
        auto client = ControlClient::connect(dir / "control");
        if (!client) return 1;
        if (!client->status("edge") || !client->rules() || !client->version()) return 2;
        if (!client->explain({"tcp", "192.0.2.9", "443", "", "", false})) return 3;
        for (const auto& outcome : {client->start("edge"), client->stop("edge"), client->restart("edge", true),
                                    client->reload_service("edge"), client->pause("edge", kInfinity), client->resume("edge")})
            if (outcome || outcome.error().kind != Trouble::denied) return 4;
        if (client->trace({}).error().kind != Trouble::denied) return 6; // it shows addresses of clients
        if (client->logs({}).error().kind != Trouble::denied) return 7; // it shows what services say
        const auto reloaded = client->reload();
        return reloaded || reloaded.error().kind != Trouble::denied ? 5 : 0;
    };
    CHECK(as_stranger({*group}, member) == 0);
    const auto stranger = [&] {
        const auto client = ControlClient::connect(dir / "control");
        return client || client.error().kind != Trouble::denied ? 1 : 0;
    };
    CHECK(as_stranger({}, stranger) == 0);
    REQUIRE(::chmod((dir / "control").c_str(), 0666) == 0); // somebody meant it well
    CHECK(as_stranger({}, stranger) == 0);
    CHECK(server.inside([&] { return server.backend.acts.empty() && server.backend.reloads == 0; }));
}
