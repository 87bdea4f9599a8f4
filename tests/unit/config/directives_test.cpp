#include "config/directives.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <doctest/doctest.h>

using namespace swathe;

TEST_CASE("directives: no key stands twice where it could be meant, and each can be found") {
    std::set<std::tuple<Scope, std::string_view>> toml;
    std::set<std::pair<std::string_view, std::string_view>> unit;
    for (const Directive& d : directives()) {
        CAPTURE(std::string(d.name()));
        CHECK_FALSE(d.name().empty());
        CHECK((d.set != nullptr));
        CHECK_FALSE(d.summary.empty());
        CHECK(d.unit_key.empty() == d.unit_section.empty());
        CHECK((d.choices != nullptr) == (d.type == ValueType::choice || d.type == ValueType::protocols || d.type == ValueType::log_fields));
        if (!d.toml_key.empty()) {
            CHECK(toml.emplace(d.scope, d.toml_key).second);
            CHECK(find_toml_directive(d.scope, d.toml_key) == &d);
        }
        if (!d.unit_key.empty()) {
            CHECK(unit.emplace(d.unit_section, d.unit_key).second);
            const bool in_socket = find_unit_directive(UnitKind::socket, d.unit_section, d.unit_key) == &d;
            const bool in_service = find_unit_directive(UnitKind::service, d.unit_section, d.unit_key) == &d;
            CHECK((in_socket || in_service));
        }
    }
    CHECK(find_toml_directive(Scope::listen, "") == nullptr);
    CHECK(find_unit_directive(UnitKind::socket, "Service", "ExecStart") == nullptr);
    CHECK(find_unit_directive(UnitKind::service, "Socket", "Backlog") == nullptr);
}

TEST_CASE("directives: a default that is a word is one of the words the key takes") {
    for (const Directive& d : directives()) {
        if (d.choices == nullptr || d.default_text.empty() || d.type == ValueType::protocols || d.type == ValueType::log_fields) continue;
        CAPTURE(std::string(d.name()));
        const auto words = d.choices();
        const std::string_view word = d.default_text.substr(0, d.default_text.find(';'));
        if (word == "the daemon's own") continue;
        CHECK(std::find(words.begin(), words.end(), word) != words.end());
    }
}
