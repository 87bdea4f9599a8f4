#pragma once

#include "model/service.h"
#include "process/plan.h"
#include "process/private_tmp.h"
#include "support.h"

/// For tests of what confines real processes. Need root.
namespace swathe::test {

inline const SourcePos kPlace{SourceFile("edge.toml"), 3, 9};

/// A service of which each command is a shell script.
inline Service service_of() {
    REQUIRE(::geteuid() == 0);
    Service service;
    service.name = "edge";
    service.pos = {SourceFile("edge.toml"), 0, 0};
    return service;
}

inline Command script(const std::string& text) {
    Command command;
    command.path = "/bin/sh";
    command.argv = {"sh", "-c", text};
    command.pos = kPlace;
    return command;
}

inline SpawnPlan must_plan(const Service& service, const Command& command, const RunFacts& facts = {}) {
    auto plan = plan_spawn(service, command, "exec_start", facts);
    if (!plan) FAIL(plan.error().to_string());
    return std::move(*plan);
}

inline RunFacts facts_of(const PrivateTmp& tmp) {
    RunFacts facts;
    facts.tmp = tmp.tmp();
    facts.var_tmp = tmp.var_tmp();
    return facts;
}

inline Exit end_of(const Service& service, const Command& command, const RunFacts& facts = {}) {
    const Child child = must_spawn(must_plan(service, command, facts));
    auto exit = reap(child);
    REQUIRE(exit);
    return *exit;
}

/// Does the script succeed as a command of the service?
inline bool succeeds(const Service& service, const std::string& text, const RunFacts& facts = {}) {
    return end_of(service, script(text), facts) == Exit{Exit::Kind::code, 0};
}

/// "STEP: message" of a start that fails.
inline std::string refusal(const Service& service, const RunFacts& facts = {}) {
    auto child = spawn(must_plan(service, script("true"), facts));
    if (child) {
        (void)reap(*child);
        return "";
    }
    CHECK(no_children());
    return std::string(to_string(child.error().step)) + ": " + child.error().error.to_string();
}

inline SandboxPath path(const std::string& text, bool optional = false, bool in_root = false) { return {text, optional, in_root, kPlace}; }

inline SystemCallFilter::Word word(std::string text, std::optional<int> error = std::nullopt) {
    const bool inverted = text.starts_with('~');
    return {text.substr(inverted ? 1 : 0), inverted, error, kPlace};
}

inline Exit killed_by(int signal) { return {Exit::Kind::signal, signal}; }
inline constexpr Exit kSuccess{Exit::Kind::code, 0};

} // namespace swathe::test
