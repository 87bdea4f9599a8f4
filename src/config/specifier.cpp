#include "config/specifier.h"

#include "base/text.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

namespace swathe {
namespace {

std::optional<char> byte_of(std::string_view hex) noexcept {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (hex.size() != 2 || error != std::errc{} || end != hex.data() + hex.size() || value == 0) return std::nullopt;
    return static_cast<char>(value);
}

/// systemd.unit(5), "String Escaping": '-' stands for '/', \xHH for a byte.
std::string unescape(std::string_view name) {
    std::string out;
    while (!name.empty()) {
        const auto byte = name.substr(0, 2) == "\\x" ? byte_of(name.substr(2, 2)) : std::nullopt;
        out += byte ? *byte : name.front() == '-' ? '/' : name.front();
        name.remove_prefix(byte ? 4 : 1);
    }
    return out;
}

struct UnitName {
    std::string_view full, bare, prefix, instance;

    explicit UnitName(std::string_view unit) : full(unit), bare(unit.substr(0, unit.rfind('.'))) {
        const std::size_t at = bare.find('@');
        prefix = bare.substr(0, at);
        if (at != bare.npos) instance = bare.substr(at + 1);
    }

    [[nodiscard]] std::optional<std::string> value(char specifier) const {
        switch (specifier) {
        case '%': return "%";
        case 'n': return std::string(full);
        case 'N': return std::string(bare);
        case 'p': return std::string(prefix);
        case 'P': return unescape(prefix);
        case 'i': return std::string(instance);
        case 'I': return unescape(instance);
        default: return std::nullopt;
        }
    }
};

} // namespace

Result<std::string> expand_specifiers(std::string_view text, std::string_view unit) {
    const UnitName name(unit);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (++i == text.size()) return failure("a single % at the end; write %%");
        const auto value = name.value(text[i]);
        if (!value)
            return failure(fmt::format("specifier {} is not supported; a per cent sign is written %%",
                                       quoted(text.substr(i - 1, 2))));
        out += *value;
    }
    return out;
}

} // namespace swathe
