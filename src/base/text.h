#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// The name among `known` that `name` was most likely meant to be: fewest edits (insert, delete, replace, swap), at most
/// a third of its length. Nothing when none is that close.
[[nodiscard]] std::optional<std::string_view> nearest_name(std::string_view name, std::span<const std::string_view> known);

/// Without spaces and tabs at either end.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

/// The length of the UTF-8 sequence at the start of `text`, 0 if there is none (RFC 3629; overlong forms are none). Requires a text
/// that is not empty.
[[nodiscard]] std::size_t utf8_length(std::string_view text) noexcept;

[[nodiscard]] bool is_utf8(std::string_view text) noexcept; ///< RFC 3629

/// `text` in double quotes, control characters and bytes that are no UTF-8 written as \xHH, cut after `limit` bytes:
/// safe to put into a log line whoever wrote it.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t limit = 80);

/// `text` with control characters (C0, DEL, and C1 in UTF-8) and bytes that are no UTF-8 written as \xHH: safe on a terminal.
[[nodiscard]] std::string escaped(std::string_view text);

/// The same with tabs left as they are: for whole lines that somebody wrote to be read.
[[nodiscard]] std::string escaped_line(std::string_view text);

} // namespace swathe
