#pragma once

#include <string>
#include <string_view>

namespace swathe {

/// Where a template of one instance per connection says %i and %I, its values hold these bytes until there is a connection: what the
/// instance is called is known no earlier. Neither may come from a file.
inline constexpr char kInstanceMark = '\x1e', kUnescapedInstanceMark = '\x1f';

/// systemd.unit(5), "String Escaping for Inclusion in Unit Names": "-" stands for "/", "\xHH" for a byte.
[[nodiscard]] std::string unescape_unit_name(std::string_view name);

/// Does `text` hold a mark?
[[nodiscard]] bool names_instance(std::string_view text) noexcept;

/// `text` with the name of the instance in place of each mark, escaped as systemd.unit(5) has it (`instance`), or not.
[[nodiscard]] std::string with_instance(std::string_view text, std::string_view instance);

} // namespace swathe
