#include "config/sources.h"

#include "base/text.h"
#include "config/loader.h"
#include "config/texts.h"
#include "scratch.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

std::vector<std::string> words_in(std::string_view text) {
    std::vector<std::string> words;
    for (const std::string_view word : split(text, ' '))
        if (!word.empty()) words.emplace_back(word);
    return words;
}

/// A search path of etc, run and lib. A tree is written "etc/foo.service lib/foo.service.d/10.conf= run/x.service>/dev/null": the path
/// below "units", "=" behind an empty file, ">" in front of what a link leads to.
class Tree {
public:
    Tree(std::string_view files, std::string_view below) : below_(below) {
        for (const std::string& file : words_in(files)) {
            const std::size_t link = file.find('>');
            if (link != file.npos)
                scratch_.link(full(file.substr(0, link)), target(file.substr(link + 1)));
            else if (file.ends_with('='))
                scratch_.write(full(file.substr(0, file.size() - 1)), "");
            else
                scratch_.write(full(file), "\n");
        }
        for (const char* root : {"etc", "run", "lib"}) path_.directories.push_back(scratch_.path(root).string());
    }

    /// The files of `name` in order: (masks) in brackets, -what is hidden behind a minus.
    [[nodiscard]] std::string order_of(std::string_view name) const {
        Texts texts;
        (void)load_config(path_, &texts);
        for (const SourceList& list : texts.sources)
            if (list.name == name) return shown(list);
        return "none";
    }

    [[nodiscard]] std::string diagnostics() const { return lines_of(load_config(path_).diagnostics, scratch_.path()); }

private:
    [[nodiscard]] std::string full(const std::string& path) const {
        const std::size_t slash = path.find('/');
        return fmt::format("{}/{}{}", path.substr(0, slash), below_, path.substr(slash));
    }
    [[nodiscard]] std::string target(const std::string& path) const {
        const bool rooted = path.starts_with("etc/") || path.starts_with("run/") || path.starts_with("lib/");
        return rooted ? scratch_.path(full(path)).string() : path;
    }
    [[nodiscard]] std::string shown(const SourceList& list) const {
        std::vector<std::string> out;
        const auto show = [&](const Source& source) {
            std::string path = source.path.substr(scratch_.path().string().size() + 1);
            path.erase(path.find('/'), below_.size() + 1);
            // TOML trees say nothing: broken by intent
            const bool applied = source.use == SourceUse::read || source.use == SourceUse::broken;
            out.push_back(source.use == SourceUse::mask ? fmt::format("({})", path) : applied ? path : "-" + path);
        };
        for (const Source& source : list.files) show(source);
        for (const Source& source : list.drop_ins) show(source);
        return fmt::format("{}", fmt::join(out, " "));
    }

    Scratch scratch_;
    std::string below_;
    SearchPath path_;
};

struct Case {
    const char* name;
    const char* files;
    const char* order;
};

} // namespace

TEST_CASE("sources: which files have a say in a unit, and in which order, as systemd.unit(5) has it") {
    const Case cases[] = {
        // the file itself
        {"a.service", "lib/a.service", "lib/a.service"},
        {"a.service", "etc/a.service lib/a.service", "etc/a.service -lib/a.service"},
        {"a.service", "run/a.service lib/a.service", "run/a.service -lib/a.service"},
        {"a.service", "etc/a.service run/a.service lib/a.service", "etc/a.service -run/a.service -lib/a.service"},
        {"a.service", "etc/b.service", "none"},
        {"a.service", "etc/.a.service", "none"},
        {"a.service", "etc/a.service.ignore", "none"},
        {"a.service", "etc/a.service~", "none"},
        {"a.service", "etc/a.servicex", "none"},
        {"a.service", "etc/a.service.d/1.conf", "none"},
        // masks
        {"a.service", "etc/a.service= lib/a.service", "(etc/a.service) -lib/a.service"},
        {"a.service", "etc/a.service>/dev/null lib/a.service", "(etc/a.service) -lib/a.service"},
        {"a.service", "run/a.service= lib/a.service lib/a.service.d/1.conf", "(run/a.service) -lib/a.service -lib/a.service.d/1.conf"},
        {"a.service", "etc/a.service run/a.service=", "etc/a.service -run/a.service"},
        {"a.service", "lib/a.service etc/a.service.d/1.conf= lib/a.service.d/1.conf",
         "lib/a.service (etc/a.service.d/1.conf) -lib/a.service.d/1.conf"},
        {"a.service", "lib/a.service etc/a.service.d/1.conf>/dev/null lib/a.service.d/1.conf lib/a.service.d/2.conf",
         "lib/a.service (etc/a.service.d/1.conf) -lib/a.service.d/1.conf lib/a.service.d/2.conf"},
        {"a.service", "lib/a.service etc/a.service.d/1.conf lib/a.service.d/1.conf=",
         "lib/a.service etc/a.service.d/1.conf -lib/a.service.d/1.conf"},
        {"a.service", "lib/a.service etc/service.d/1.conf= etc/a.service.d/1.conf",
         "lib/a.service etc/a.service.d/1.conf -etc/service.d/1.conf"},
        // drop-ins are sorted by their own names
        {"a.service", "lib/a.service etc/a.service.d/20.conf lib/a.service.d/10.conf",
         "lib/a.service lib/a.service.d/10.conf etc/a.service.d/20.conf"},
        {"a.service", "lib/a.service lib/a.service.d/b.conf lib/a.service.d/a.conf lib/a.service.d/B.conf",
         "lib/a.service lib/a.service.d/B.conf lib/a.service.d/a.conf lib/a.service.d/b.conf"},
        {"a.service", "lib/a.service lib/a.service.d/9.conf lib/a.service.d/10.conf",
         "lib/a.service lib/a.service.d/10.conf lib/a.service.d/9.conf"},
        {"a.service", "lib/a.service lib/a.service.d/a.conf lib/a.service.d/a-b.conf",
         "lib/a.service lib/a.service.d/a-b.conf lib/a.service.d/a.conf"},
        {"a.service", "etc/a.service run/a.service.d/1.conf", "etc/a.service run/a.service.d/1.conf"},
        {"a.service", "lib/a.service lib/a.service.d/.1.conf", "lib/a.service"},
        {"a.service", "lib/a.service lib/a.service.d/1.conf.ignore lib/a.service.d/1.conf~ lib/a.service.d/README lib/a.service.d/1.cfg",
         "lib/a.service"},
        {"a.service", "lib/a.service lib/a.service.d.ignore/1.conf lib/.a.service.d/1.conf", "lib/a.service"},
        {"a.service", "lib/a.service lib/b.service.d/1.conf lib/a.socket.d/1.conf", "lib/a.service"},
        {"a.socket", "lib/a.socket lib/a.service.d/1.conf lib/a.socket.d/1.conf", "lib/a.socket lib/a.socket.d/1.conf"},
        // of the same name the first directory wins
        {"a.service", "lib/a.service etc/a.service.d/1.conf run/a.service.d/1.conf lib/a.service.d/1.conf",
         "lib/a.service etc/a.service.d/1.conf -run/a.service.d/1.conf -lib/a.service.d/1.conf"},
        {"a.service", "lib/a.service run/a.service.d/1.conf lib/a.service.d/1.conf",
         "lib/a.service run/a.service.d/1.conf -lib/a.service.d/1.conf"},
        // shorter prefixes
        {"a-b.service", "lib/a-b.service lib/a-.service.d/1.conf", "lib/a-b.service lib/a-.service.d/1.conf"},
        {"a-b-c.service", "lib/a-b-c.service lib/a-.service.d/1.conf lib/a-b-.service.d/1.conf",
         "lib/a-b-c.service lib/a-b-.service.d/1.conf -lib/a-.service.d/1.conf"},
        {"a-b-c.service", "lib/a-b-c.service lib/a-.service.d/1.conf lib/a-b-.service.d/2.conf lib/a-b-c.service.d/3.conf",
         "lib/a-b-c.service lib/a-.service.d/1.conf lib/a-b-.service.d/2.conf lib/a-b-c.service.d/3.conf"},
        {"a-b-c.service", "lib/a-b-c.service lib/a-.service.d/x.conf lib/a-b-.service.d/x.conf lib/a-b-c.service.d/x.conf",
         "lib/a-b-c.service lib/a-b-c.service.d/x.conf -lib/a-b-.service.d/x.conf -lib/a-.service.d/x.conf"},
        {"a-b.service", "lib/a-b.service etc/a-.service.d/1.conf lib/a-b.service.d/1.conf",
         "lib/a-b.service etc/a-.service.d/1.conf -lib/a-b.service.d/1.conf"}, // the directory comes before how specific it is
        {"a-b.service", "lib/a-b.service lib/a.service.d/1.conf lib/-.service.d/1.conf", "lib/a-b.service"},
        {"ab.service", "lib/ab.service lib/a-.service.d/1.conf", "lib/ab.service"},
        {"a-.service", "lib/a-.service lib/a-.service.d/1.conf", "lib/a-.service lib/a-.service.d/1.conf"},
        {"-a.service", "lib/-a.service lib/-.service.d/1.conf", "lib/-a.service"},
        {"a-b.socket", "lib/a-b.socket lib/a-.service.d/1.conf lib/a-.socket.d/1.conf", "lib/a-b.socket lib/a-.socket.d/1.conf"},
        // the type
        {"a.service", "lib/a.service lib/service.d/1.conf", "lib/a.service lib/service.d/1.conf"},
        {"a.socket", "lib/a.socket lib/service.d/1.conf lib/socket.d/2.conf", "lib/a.socket lib/socket.d/2.conf"},
        {"a.service", "lib/a.service etc/service.d/1.conf lib/a.service.d/1.conf",
         "lib/a.service lib/a.service.d/1.conf -etc/service.d/1.conf"},
        {"a-b.service", "lib/a-b.service etc/service.d/1.conf lib/a-.service.d/1.conf",
         "lib/a-b.service lib/a-.service.d/1.conf -etc/service.d/1.conf"},
        {"a.service", "lib/a.service etc/service.d/1.conf lib/service.d/1.conf",
         "lib/a.service etc/service.d/1.conf -lib/service.d/1.conf"},
        {"a.service", "lib/a.service lib/service.d/1.conf lib/a.service.d/2.conf",
         "lib/a.service lib/service.d/1.conf lib/a.service.d/2.conf"},
        {"a.service", "lib/a.service lib/service.d/3.conf lib/a.service.d/2.conf",
         "lib/a.service lib/a.service.d/2.conf lib/service.d/3.conf"},
        // templates and instances
        {"a@.service", "lib/a@.service", "none"},
        {"a@x.service", "lib/a@.service", "none"},
        {"a@x.service", "lib/a@.service etc/a@x.service>a@.service", "etc/a@x.service -lib/a@.service"},
        {"a@x.service", "lib/a@.service etc/a@x.service>lib/a@.service", "etc/a@x.service -lib/a@.service"},
        {"a@x.service", "lib/a@.service etc/a@x.service", "etc/a@x.service -lib/a@.service"},
        {"a@x.service", "lib/a@.service etc/a@x.service lib/a@x.service", "etc/a@x.service -lib/a@x.service -lib/a@.service"},
        {"a@x.service", "etc/a@x.service etc/a@.service.d/1.conf", "etc/a@x.service etc/a@.service.d/1.conf"},
        {"a@x.service", "etc/a@x.service etc/a@.service.d/1.conf lib/a@x.service.d/1.conf",
         "etc/a@x.service etc/a@.service.d/1.conf -lib/a@x.service.d/1.conf"},
        {"a@x.service", "etc/a@x.service lib/a@.service.d/1.conf lib/a@x.service.d/1.conf",
         "etc/a@x.service lib/a@x.service.d/1.conf -lib/a@.service.d/1.conf"},
        {"a@x.service", "etc/a@x.service lib/a@y.service.d/1.conf lib/a.service.d/1.conf", "etc/a@x.service"},
        {"a-b@x.service", "etc/a-b@x.service lib/a-.service.d/1.conf lib/a-@x.service.d/2.conf lib/a-@.service.d/3.conf",
         "etc/a-b@x.service lib/a-.service.d/1.conf lib/a-@x.service.d/2.conf lib/a-@.service.d/3.conf"},
        {"a-b@x.service", "etc/a-b@x.service lib/a-.service.d/1.conf lib/a-@x.service.d/1.conf lib/a-@.service.d/1.conf lib/a-b@.service.d/1.conf",
         "etc/a-b@x.service lib/a-b@.service.d/1.conf -lib/a-.service.d/1.conf -lib/a-@x.service.d/1.conf -lib/a-@.service.d/1.conf"},
        {"a@x-y.service", "etc/a@x-y.service lib/a@x-.service.d/1.conf", "etc/a@x-y.service"},
        {"a@x.socket", "lib/a@.socket etc/a@x.socket>a@.socket lib/a@.service lib/socket.d/1.conf",
         "etc/a@x.socket -lib/a@.socket lib/socket.d/1.conf"},
        {"a@x.service", "lib/a@.socket etc/a@x.socket>a@.socket lib/a@.service", "lib/a@.service"}, // the socket asks for it
        {"a@x.service", "lib/a@.socket etc/a@x.socket>a@.socket lib/a@.service etc/a@.service", "etc/a@.service -lib/a@.service"},
        {"a@x.service", "lib/a@.socket etc/a@x.socket>a@.socket lib/a@.service= lib/a@x.service.d/1.conf",
         "(lib/a@.service) -lib/a@x.service.d/1.conf"},
        // aliases
        {"a.service", "lib/a.service lib/b.service>a.service lib/b.service.d/1.conf", "lib/a.service lib/b.service.d/1.conf"},
        {"b.service", "lib/a.service lib/b.service>a.service", "none"},
        {"a.service", "lib/a.service etc/b.service>lib/a.service lib/a.service.d/1.conf etc/b.service.d/1.conf",
         "lib/a.service lib/a.service.d/1.conf -etc/b.service.d/1.conf"}, // its own name first, in all directories
        {"a.service", "lib/a.service lib/b.service>a.service lib/c.service>b.service lib/c.service.d/1.conf lib/b.service.d/2.conf",
         "lib/a.service lib/c.service.d/1.conf lib/b.service.d/2.conf"},
        {"a.service", "lib/a.service lib/b.service>a.service etc/a.service", "etc/a.service -lib/a.service"},
        {"a.service", "lib/a.service lib/b-c.service>a.service lib/b-.service.d/1.conf", "lib/a.service lib/b-.service.d/1.conf"},
        {"a.service", "lib/a.service lib/b.service>a.service lib/service.d/1.conf lib/b.service.d/1.conf",
         "lib/a.service lib/b.service.d/1.conf -lib/service.d/1.conf"},
        // a file of its own comes first
        {"b.service", "lib/a.service lib/b.service>a.service etc/b.service", "etc/b.service -lib/b.service"},
        {"a.service", "etc/a.service>lib/a.service lib/a.service", "etc/a.service -lib/a.service"},         // the same name: no alias
        {"a@x.service", "lib/a@.service lib/b@.service>a@.service lib/a@x.service>a@.service lib/b@x.service.d/1.conf lib/b@.service.d/2.conf",
         "lib/a@x.service -lib/a@.service lib/b@x.service.d/1.conf lib/b@.service.d/2.conf"},
        {"a@x.service", "lib/a@.service etc/b@x.service>a@.service etc/b@x.service.d/1.conf", "lib/a@.service etc/b@x.service.d/1.conf"},
        {"a.service", "lib/a.service etc/b.socket>lib/a.service", "lib/a.service"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.name));
        CAPTURE(std::string(c.files));
        CHECK(Tree(c.files, "units").order_of(c.name) == c.order);
    }
}

TEST_CASE("sources: TOML files have the same, with toml.d for all of them") {
    const Case cases[] = {
        {"a.toml", "lib/a.toml etc/a.toml", "etc/a.toml -lib/a.toml"},
        {"a.toml", "lib/a.toml lib/a.toml.d/2.toml etc/a.toml.d/1.toml", "lib/a.toml etc/a.toml.d/1.toml lib/a.toml.d/2.toml"},
        {"a.toml", "lib/a.toml lib/a.toml.d/1.conf lib/a.toml.d/.1.toml", "lib/a.toml"},
        {"a.toml", "lib/a.toml etc/toml.d/1.toml lib/a.toml.d/1.toml", "lib/a.toml lib/a.toml.d/1.toml -etc/toml.d/1.toml"},
        {"a-b.toml", "lib/a-b.toml lib/a-.toml.d/1.toml lib/toml.d/2.toml", "lib/a-b.toml lib/a-.toml.d/1.toml lib/toml.d/2.toml"},
        {"a@x.toml", "lib/a@.toml etc/a@x.toml>a@.toml lib/a@.toml.d/1.toml", "etc/a@x.toml -lib/a@.toml lib/a@.toml.d/1.toml"},
        {"a@x.toml", "lib/a@.toml", "none"},
        {"a.toml", "lib/a.toml lib/b.toml>a.toml lib/b.toml.d/1.toml", "lib/a.toml lib/b.toml.d/1.toml"},
        {"a.toml", "etc/a.toml= lib/a.toml", "(etc/a.toml) -lib/a.toml"},
        {"toml.toml", "lib/toml.toml lib/toml.d/1.toml", "lib/toml.toml lib/toml.d/1.toml"},
    };
    for (const Case& c : cases) {
        CAPTURE(std::string(c.name));
        CAPTURE(std::string(c.files));
        CHECK(Tree(c.files, "services.d").order_of(c.name) == c.order);
    }
}

TEST_CASE("sources: drop-ins that change nothing are warned of where somebody may have mistaken a name") {
    CHECK(Tree("lib/gone.service.d/1.conf", "units").diagnostics() ==
          "lib/units/gone.service.d/1.conf: warning: a drop-in, but there is no \"gone.service\"\n");
    CHECK(Tree("lib/a@.service lib/a@x.service.d/1.conf", "units").diagnostics() ==
          "lib/units/a@x.service.d/1.conf: warning: a drop-in, but \"a@x.service\" is not asked for; make it a link to a@.service\n");
    CHECK(Tree("lib/a-.service.d/1.conf lib/a@.service.d/1.conf lib/service.d/1.conf lib/gone.service.d/README", "units").diagnostics() ==
          "");
    CHECK(Tree("lib/a.service lib/b@x.service>a.service", "units")
              .diagnostics()
              .find("b@x.service: warning: a link to a.service, which it cannot be an alias of") != std::string::npos);
}

TEST_CASE("sources: the directories of a name, best first") {
    using Names = std::vector<std::string>;
    CHECK(drop_in_directories("a.service") == Names{"a.service.d"});
    CHECK(drop_in_directories("a-b-c.socket") == Names{"a-b-c.socket.d", "a-b-.socket.d", "a-.socket.d"});
    CHECK(drop_in_directories("a-b@c-d.service") ==
          Names{"a-b@c-d.service.d", "a-b@.service.d", "a-.service.d", "a-@c-d.service.d", "a-@.service.d"});
    CHECK(template_of("a@b.service") == "a@.service");
    CHECK(template_of("a@.service") == "");
    CHECK(template_of("a.service") == "");
    CHECK(template_of("@b.service") == "");
    CHECK(is_template("a@.service"));
    CHECK_FALSE(is_template("a@b.service"));
}
