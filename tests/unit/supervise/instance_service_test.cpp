#include "model/instance_service.h"

#include "model/instance_name.h"

#include <doctest/doctest.h>

using namespace swathe;

namespace {

Service service() {
    Service s;
    s.name = "echo";
    s.exec_start.push_back({"/bin/echo", {"echo", "a"}, false, false, false, false, {}});
    return s;
}

std::string marked(const std::string& before) { return before + kInstanceMark; }

} // namespace

TEST_CASE("instance: a service without marks names no instance") {
    Service s = service();
    s.description = marked("told to nobody at the start ");
    CHECK_FALSE(names_instance(s));
}

TEST_CASE("instance: every text that a start reads may name it, and is given the name") {
    using Texts = std::vector<std::string*>;
    Service s = service();
    s.exec_stop_post = s.exec_start_pre = s.exec_start;
    s.environment = {{"NAME", "b"}};
    s.environment_files.push_back({"/etc/c", false, {}});
    s.user = Placed<std::string>{"d", {}};
    s.working_directory = Placed<std::string>{"/e", {}};
    s.runtime_directory.names.push_back({"f", {}});
    s.state_directory.names.push_back({"g", {}});
    s.read_only_paths.push_back({"/h", false, false, {}});
    s.banner_file = Placed<std::string>{"/i", {}};
    s.syslog_identifier = "j";
    s.standard_error.target = "/k";
    CHECK_FALSE(names_instance(s));
    const Texts texts{&s.exec_start[0].path, &s.exec_start[0].argv[1], &s.exec_start_pre[0].argv[1], &s.exec_stop_post[0].argv[0],
                      &s.environment[0].second, &s.environment_files[0].path, &s.user->value, &s.working_directory->value,
                      &s.runtime_directory.names[0].value, &s.state_directory.names[0].value, &s.read_only_paths[0].path,
                      &s.banner_file->value, &s.syslog_identifier, &s.standard_error.target, &s.banner};
    for (std::string* text : texts) {
        const std::string before = *text;
        CAPTURE(before);
        *text = marked(before);
        CHECK(names_instance(s));
        Service named = with_instance(s, "0-1-2");
        CHECK_FALSE(names_instance(named));
        *text = before;
        CHECK_FALSE(names_instance(s));
    }
    s.exec_start[0].argv[1] = std::string("x") + kInstanceMark + "y" + kUnescapedInstanceMark;
    CHECK(with_instance(s, "0-1").exec_start[0].argv[1] == "x0-1y0/1");
}

TEST_CASE("instance: only what limits or delegates needs a control group of its own") {
    Service s = service();
    s.kill_mode = KillMode::mixed;
    CHECK_FALSE(needs_own_group(s));
    s.delegate = true;
    CHECK(needs_own_group(s));
    s.delegate = false;
    s.tasks_max = Placed<CgroupAmount>{{5, {}}, {}};
    CHECK(needs_own_group(s));
}
