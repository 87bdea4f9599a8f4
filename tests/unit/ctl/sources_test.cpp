#include "../config/scratch.h"
#include "ctl/unit_sources.h"

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::ctl;

namespace {

/// Two directories of a search path, one over the other.
struct Two {
    Scratch files;
    [[nodiscard]] Seen inspect() const {
        return look_at({{files.path("etc").string(), files.path("lib").string()}, false});
    }
};

std::vector<std::string> names_of(const std::vector<const SourceList*>& lists) {
    std::vector<std::string> names;
    for (const SourceList* list : lists) names.push_back(list->name);
    return names;
}

} // namespace

TEST_CASE("sources: a service has all its units, a unit's name means that unit, an alias its unit") {
    Two two;
    two.files.write("lib/units/web.socket", "[Socket]\nListenStream=192.0.2.1:80\n");
    two.files.write("lib/units/web.service", "[Service]\nExecStart=/bin/web\n");
    two.files.link("lib/units/www.service", "web.service");
    const Seen seen = two.inspect();
    using Names = std::vector<std::string>;
    CHECK(names_of(sources_called(seen, "web")) == Names{"web.socket", "web.service"});
    CHECK(names_of(sources_called(seen, "web.socket")) == Names{"web.socket"});
    CHECK(names_of(sources_called(seen, "www")) == Names{"web.service"});
    CHECK(sources_called(seen, "we").empty());
    CHECK(service_called(seen, "www.service") == "web");
    CHECK(service_called(seen, "web.socket") == "web");
    CHECK(service_called(seen, "nobody").empty());
    CHECK(no_such_service(seen, "wen") == "there is no service \"wen\"; did you mean web?");
}

TEST_CASE("sources: of a unit that systemd supervises the files are shown that have a word for us") {
    const Scratch files;
    files.write("systemd/web.socket", "[Socket]\nListenStream=80\n");
    files.write("systemd/web.socket.d/10-theirs.conf", "[Socket]\nBacklog=5\n");
    files.write("systemd/web.socket.d/20-ours.conf", "[X-Swathe]\nListen=192.0.2.0/24:80\n");
    files.write("systemd/own.socket", "[Socket]\nListenStream=81\n[X-Swathe]\nListen=what\n");
    files.write("systemd/other.socket", "[Socket]\nListenStream=82\n");
    const Seen seen = look_at(SearchPath::only(files.path().string()));
    const auto lists = shown_sources(seen, "web.socket");
    REQUIRE(lists.size() == 1);
    CHECK(lists.front()->files.empty());
    REQUIRE(lists.front()->drop_ins.size() == 1);
    CHECK(lists.front()->drop_ins.front().path == files.path("systemd/web.socket.d/20-ours.conf").string());
    REQUIRE(shown_sources(seen, "own.socket").size() == 1); // though it is wrong
    CHECK(shown_sources(seen, "own.socket").front()->files.size() == 1);
    CHECK(shown_sources(seen, "other.socket").empty());
    CHECK(sources_called(seen, "web.socket").empty());
    CHECK(no_such_service(seen, "web.socket") == "web.socket is systemd's: systemctl edit web.socket is for its files");
}

TEST_CASE("sources: files that do not count stand there with why") {
    Two two;
    two.files.write("lib/services.d/web.toml", small_service());
    two.files.write("etc/services.d/web.toml", small_service());
    two.files.write("lib/services.d/web.toml.d/10.toml", "description = \"x\"\n");
    two.files.link("etc/services.d/web.toml.d/10.toml", "/dev/null");
    const Seen seen = two.inspect();
    std::vector<SourceText> files;
    for (const SourceList* list : sources_called(seen, "web"))
        for (const auto* sources : {&list->files, &list->drop_ins})
            for (const Source& source : *sources)
                files.push_back({list->name, &source, source.use == SourceUse::read ? "text\n" : ""});
    const std::string root = two.files.path().string();
    CHECK(sources_text(files) ==
          "# " + root + "/etc/services.d/web.toml\ntext\n\n" + "# " + root + "/lib/services.d/web.toml (hidden by " +
              root + "/etc/services.d/web.toml)\n\n" + "# " + root +
              "/etc/services.d/web.toml.d/10.toml (a mask: says nothing, and hides those of its name)\n\n" + "# " +
              root + "/lib/services.d/web.toml.d/10.toml (hidden by " + root + "/etc/services.d/web.toml.d/10.toml)\n");
    const std::string json = sources_json(files);
    CHECK(json.find(R"("use":"mask","hidden_by":null,"text":null)") != json.npos);
    CHECK(json.find(R"("use":"read","hidden_by":null,"text":"text\n")") != json.npos);
}
