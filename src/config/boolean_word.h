#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include <strings.h>

namespace swathe {

/// systemd's words for yes and no, in any case: systemd.syntax(7). Nothing: it is none of them.
[[nodiscard]] inline std::optional<bool> boolean_word(const std::string& text) noexcept {
    static constexpr std::array kYes{"1", "yes", "y", "true", "t", "on"};
    static constexpr std::array kNo{"0", "no", "n", "false", "f", "off"};
    const auto same = [&](const char* word) { return ::strcasecmp(word, text.c_str()) == 0; };
    if (std::any_of(kYes.begin(), kYes.end(), same)) return true;
    if (std::any_of(kNo.begin(), kNo.end(), same)) return false;
    return std::nullopt;
}

} // namespace swathe
