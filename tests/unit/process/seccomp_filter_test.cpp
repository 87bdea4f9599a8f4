#include "model/exec_context.h"
#include "model/syscall_groups.h"
#include "base/text.h"
#include "process/seccomp_filter.h"

#include <algorithm>
#include <cerrno>
#include <set>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

const SourcePos kPlace{SourceFile("edge.toml"), 3, 9};

SystemCallFilter::Word word(std::string text) {
    const bool inverted = text.starts_with('~');
    return {text.substr(inverted ? 1 : 0), inverted, std::nullopt, kPlace};
}

SystemCallFilter filter_of(const std::vector<std::string>& words) {
    SystemCallFilter filter;
    for (const std::string& text : words) filter.words.push_back(word(text));
    return filter;
}

bool allows(const FilterRules& rules, const std::string& call) {
    const auto found = rules.rules.find(call);
    return found == rules.rules.end() ? rules.allows_rest : found->second.allowed;
}

ExecContext context_of(SystemCallFilter filter) {
    ExecContext context;
    context.system_call_filter = std::move(filter);
    return context;
}

} // namespace

TEST_CASE("filter: groups hold known names and known groups, each group once by itself, sorted") {
    const auto names = syscall_group_names();
    CHECK(std::is_sorted(names.begin(), names.end()));
    CHECK(names.size() >= 30);
    for (const std::string_view name : names) {
        CAPTURE(std::string(name));
        const auto members = syscall_group(name);
        REQUIRE(members);
        std::set<std::string_view> seen;
        for (const std::string_view member : split(*members, ' ')) {
            CAPTURE(std::string(member));
            CHECK_FALSE(member.empty());
            CHECK(seen.insert(member).second);
            if (member.starts_with('@')) CHECK(syscall_group(member));
        }
    }
    CHECK_FALSE(syscall_group("@none"));
    CHECK_FALSE(syscall_group("@"));
}

TEST_CASE("filter: the first word decides about the rest, @default is in every list of what is allowed") {
    const SystemCallFilter allow_filter = filter_of({"@file-system", "kill"});
    const FilterRules allow = resolve_filter(allow_filter);
    for (const char* call : {"openat", "kill", "execve", "exit_group"}) CHECK(allows(allow, call));
    for (const char* call : {"mount", "socket", "no_such_call"}) CHECK_FALSE(allows(allow, call));

    const SystemCallFilter deny_filter = filter_of({"~@mount", "~kill"});
    const FilterRules deny = resolve_filter(deny_filter);
    for (const char* call : {"mount", "pivot_root", "kill"}) CHECK_FALSE(allows(deny, call));
    for (const char* call : {"socket", "execve", "no_such_call"}) CHECK(allows(deny, call));
}

TEST_CASE("filter: later words take away or add, through groups of groups") {
    const SystemCallFilter less_filter = filter_of({"@system-service", "~@privileged", "~execve", "chown"});
    const FilterRules less = resolve_filter(less_filter);
    CHECK(allows(less, "openat")); // @system-service has @file-system
    CHECK_FALSE(allows(less, "setuid"));
    CHECK_FALSE(allows(less, "fchown")); // @privileged has @chown
    CHECK(allows(less, "chown"));
    CHECK_FALSE(allows(less, "execve")); // even from @default

    const SystemCallFilter more_filter = filter_of({"~@chown", "lchown"});
    const FilterRules more = resolve_filter(more_filter);
    CHECK_FALSE(allows(more, "chown"));
    CHECK(allows(more, "lchown"));
}

TEST_CASE("filter: an error number stays with what is denied, in a list of what is allowed as well") {
    SystemCallFilter filter = filter_of({"@file-system", "~chmod", "~chown"});
    filter.words[1].error_number = EACCES;
    filter.words[2].error_number = 0;
    const FilterRules rules = resolve_filter(filter);
    REQUIRE(rules.rules.count("chmod") == 1);
    CHECK_FALSE(rules.rules.at("chmod").allowed);
    CHECK(rules.rules.at("chmod").error_number == EACCES);
    CHECK(rules.rules.at("chown").error_number == 0);
}

TEST_CASE("filter: programs are made once for what says the same, wherever it stands") {
    const auto first = compile_filters(context_of(filter_of({"@system-service"})));
    REQUIRE(first);
    REQUIRE((*first)->programs.size() == 1);
    CHECK((*first)->programs[0].code.size() > 100);
    SystemCallFilter elsewhere = filter_of({"@system-service"});
    elsewhere.words[0].pos.line = 99;
    CHECK(compile_filters(context_of(elsewhere)).value() == *first);
    elsewhere.error_number = EPERM;
    CHECK(compile_filters(context_of(elsewhere)).value() != *first);
    elsewhere.error_number.reset();
    elsewhere.architectures = {{"native", kPlace}};
    CHECK(compile_filters(context_of(elsewhere)).value() != *first);
}

TEST_CASE("filter: nothing asked, no program; private_devices adds one of its own before the service's") {
    CHECK(compile_filters(ExecContext{}).value()->programs.empty());
    ExecContext context = context_of(filter_of({"~kill"}));
    context.private_devices = true;
    const auto both = compile_filters(context);
    REQUIRE(both);
    REQUIRE((*both)->programs.size() == 2);
    CHECK((*both)->programs[0].key == "private_devices");
    CHECK((*both)->programs[1].key == "system_call_filter");
}

TEST_CASE("filter: a call that is not known stays denied with a warning, and cannot be denied by name") {
    const auto warned = compile_filters(context_of(filter_of({"read", "no_such_call"})));
    REQUIRE(warned);
    CHECK((*warned)->warnings == std::vector<std::string>{"system_call_filter: \"no_such_call\" is not known here, and stays denied"});
    const auto refused = compile_filters(context_of(filter_of({"~no_such_call"})));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().to_string() == "edge.toml:3:9: system_call_filter: \"no_such_call\" is not known here, and so cannot be denied");
}

TEST_CASE("filter: every group compiles, allowed and denied") {
    for (const std::string_view name : syscall_group_names())
        for (const std::string& text : {std::string(name), "~" + std::string(name)}) {
            CAPTURE(text);
            const auto compiled = compile_filters(context_of(filter_of({text})));
            REQUIRE(compiled);
            CHECK((*compiled)->warnings.empty());
            REQUIRE((*compiled)->programs.size() == 1);
            CHECK((*compiled)->programs[0].code.size() > 3);
        }
}

TEST_CASE("filter: each restriction has programs of its own, in a fixed order, before system_call_filter, which may forbid seccomp") {
    ExecContext context = context_of(filter_of({"~mount"}));
    context.protect_hostname = context.restrict_realtime = context.restrict_suid_sgid = context.lock_personality = true;
    context.restrict_address_families = AddressFamilies{false, {1, 2, 10}};
    context.restrict_namespaces = 0;
    context.memory_deny_write_execute = true;
    const auto compiled = compile_filters(context);
    REQUIRE(compiled);
    std::vector<std::string> keys;
    for (const FilterProgram& program : (*compiled)->programs) {
        CHECK_FALSE(program.code.empty());
        if (keys.empty() || keys.back() != program.key) keys.emplace_back(program.key);
    }
    CHECK(keys == std::vector<std::string>{"protect_hostname", "restrict_address_families", "restrict_namespaces", "restrict_realtime",
                                           "restrict_suid_sgid", "memory_deny_write_execute", "lock_personality", "system_call_filter"});
}

TEST_CASE("filter: what differs in a restriction alone is not shared, and what is the same is") {
    ExecContext one;
    one.restrict_address_families = AddressFamilies{false, {1}};
    ExecContext other = one;
    const auto first = compile_filters(one);
    REQUIRE(first);
    CHECK(compile_filters(other).value() == *first);
    other.restrict_address_families->denies = true;
    CHECK(compile_filters(other).value() != *first);
    other = one;
    other.restrict_namespaces = 0;
    CHECK(compile_filters(other).value() != *first);
    other = one;
    other.lock_personality = true;
    CHECK(compile_filters(other).value() != *first);
}
