#pragma once

#include "supervise/rule_view.h"

namespace swathe::json_text {

/// Lists the fields of a view once, for writing and for reading: f(name, field), or f.nullable(name, text) where "" is null,
/// f.if_known(name, field) where a field that has no value is left out. Here those of rules.
template <class T> struct Fields {
    static constexpr bool listed = false;
};
struct Listed {
    static constexpr bool listed = true;
};

template <class V, class F> void rule_place(V& rule, F& f) {
    f("prefix", rule.prefix);
    f("ports", rule.ports);
    f.nullable("from", rule.from);
    f.nullable("interface", rule.interface);
    f("file", rule.file);
    f("line", rule.line);
    f("column", rule.column);
    f.nullable("netns", rule.netns);
}

template <class V, class F> void rule_target(V& rule, F& f) {
    f("verdict", rule.verdict);
    f.nullable("service", rule.service);
    f.nullable("listener", rule.listener);
}

template <> struct Fields<RuleView> : Listed {
    template <class V, class F> static void each(V& rule, F& f) {
        f.nullable("protocol", rule.protocol);
        rule_place(rule, f);
        rule_target(rule, f);
        f.if_known("except_from", rule.except_from);
        f.if_known("hits", rule.hits);
    }
};

} // namespace swathe::json_text
