#pragma once

#include "model/condition.h"

#include <string_view>

namespace swathe {

/// "PathExists": what follows Condition and Assert in the directive's name.
[[nodiscard]] std::string_view name_of(Condition::Kind kind) noexcept;

/// As a unit file has it: "ConditionPathExists=|!/etc/web".
[[nodiscard]] std::string to_string(const Condition& condition);

/// The value of a kernel_version or an os_release is a list of expressions; this stands between two.
inline constexpr char kExpressionEnd = '\n';

} // namespace swathe
