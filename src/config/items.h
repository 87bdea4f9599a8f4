#pragma once

#include "config/value_context.h"

#include <span>

namespace swathe {

/// Where a list may stand, a single value is a list of one.
[[nodiscard]] inline std::span<const Raw> items_of(const Raw& raw) {
    const auto* list = raw.get<Raw::List>();
    return list != nullptr ? std::span<const Raw>(*list) : std::span<const Raw>(&raw, 1);
}

/// Calls `read_item(item)` for each, also after one that is wrong, so that all is told that is.
template <class F> bool each_item(const Raw& raw, F read_item) {
    bool ok = true;
    for (const Raw& item : items_of(raw)) ok = read_item(item) && ok;
    return ok;
}

/// The same where an empty list is refused.
template <class F> bool each_of_some(const Raw& raw, const ValueContext& context, F read_item) {
    return items_of(raw).empty() ? context.refuse(raw.pos, "an empty list") : each_item(raw, read_item);
}

} // namespace swathe
