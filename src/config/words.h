#pragma once

#include "base/error.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// One word of a line that was split by systemd's quoting rules.
struct Word {
    std::string text;            ///< without quotes, escapes resolved
    std::size_t offset = 0;      ///< where it begins in the line
    bool bare = true;            ///< no quote and no backslash in it
    bool unknown_escape = false; ///< has a backslash sequence that means nothing; it was kept as it is
};

/// Splits at white space; '...' and "..." hold white space together; C escapes count inside and outside of quotes
/// (systemd.syntax(7), "Quoting"). Errors: a quote that is not closed, a
/// backslash at the end, an escape for NUL or for no code point.
[[nodiscard]] Result<std::vector<Word>> split_words(std::string_view line);

/// `word` as split_words() reads it back: in double quotes with escapes where it needs them. The marks of
/// model/instance_name.h stay as they are.
[[nodiscard]] std::string quote_word(std::string_view word);

/// The text that expand_specifiers() turns into `text`.
[[nodiscard]] std::string escape_specifiers(std::string_view text);

/// `text` with "%i" and "%I" for the marks of model/instance_name.h.
[[nodiscard]] std::string with_instance_specifiers(std::string_view text);

/// The bytes of a code point in UTF-8. Requires a scalar value: below 0x110000 and no surrogate.
[[nodiscard]] std::string utf8_of(char32_t code_point);

} // namespace swathe
