#include "../config/scratch.h"
#include "ctl/draft.h"

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::ctl;

namespace {

struct Edited {
    Scratch files;
    SearchPath path{{files.path("etc").string(), files.path("lib").string()}, false};

    [[nodiscard]] std::string target(std::string_view name, const std::string& drop_in = "override",
                                     bool full = false) const {
        const Seen seen = look_at(path);
        const auto target = edit_target(seen, path, name, drop_in, full);
        return target ? target->path.substr(files.path().string().size() + 1) : "error: " + target.error().message;
    }
};

} // namespace

TEST_CASE("draft: a drop-in is made in the first directory, for the TOML file, the service or the unit that is named") {
    Edited edited;
    edited.files.write("lib/services.d/web.toml", small_service());
    edited.files.write("lib/units/dns.socket", "[Socket]\nListenStream=192.0.2.2:53\n");
    edited.files.write("lib/units/dns.service", "[Service]\nExecStart=/bin/dns\n");
    CHECK(edited.target("web") == "etc/services.d/web.toml.d/override.toml");
    CHECK(edited.target("web", "10-site") == "etc/services.d/web.toml.d/10-site.toml");
    CHECK(edited.target("web", "10-site.toml") == "etc/services.d/web.toml.d/10-site.toml");
    CHECK(edited.target("web", "override", true) == "etc/services.d/web.toml");
    CHECK(edited.target("dns") == "etc/units/dns.service.d/override.conf");
    CHECK(edited.target("dns.socket") == "etc/units/dns.socket.d/override.conf");
    CHECK(edited.target("dns.socket", "override", true) == "etc/units/dns.socket");
}

TEST_CASE("draft: no name leads out of the directory") {
    Edited edited;
    edited.files.write("lib/services.d/web.toml", small_service());
    for (const char* name : {"../x", "a/b", "/etc/passwd", ".hidden", "..", "", "a b", "x\n"}) {
        CAPTURE(name);
        CHECK(edited.target("web", name).find("is no name of a drop-in") != std::string::npos);
    }
    for (const char* name : {"../web", "we", "", "/etc/passwd"}) {
        CAPTURE(name);
        CHECK(edited.target(name).find("error: there is no service") == 0);
    }
}

TEST_CASE("draft: the editor shows the other files as comments, and none of that is kept") {
    Edited edited;
    edited.files.write("lib/services.d/web.toml", small_service());
    const Seen seen = look_at(edited.path);
    const auto target = edit_target(seen, edited.path, "web", "override", false);
    REQUIRE(target.has_value());
    const std::string draft = draft_of(*target, "description = \"old\"\n");
    CHECK(draft.find("description = \"old\"\n\n# ----") == 0);
    CHECK(draft.find("\n# " + edited.files.path("lib/services.d/web.toml").string() + "\n# [[listen]]\n") !=
          draft.npos);
    CHECK(kept_of(draft) == "description = \"old\"\n");
    CHECK(kept_of(draft_of(*target, "")).empty());
    CHECK(kept_of("\n\na = 1\n  b = 2  \n\n") == "a = 1\n  b = 2\n");
    CHECK(kept_of(" \n\t\n").empty());
}
