#include "model/instance_name.h"

#include <charconv>
#include <optional>

namespace swathe {
namespace {

constexpr char kMarks[] = {kInstanceMark, kUnescapedInstanceMark};

std::optional<char> byte_of(std::string_view hex) noexcept {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
    if (hex.size() != 2 || error != std::errc{} || end != hex.data() + hex.size() || value == 0) return std::nullopt;
    return static_cast<char>(value);
}

} // namespace

std::string unescape_unit_name(std::string_view name) {
    std::string out;
    while (!name.empty()) {
        const auto byte = name.substr(0, 2) == "\\x" ? byte_of(name.substr(2, 2)) : std::nullopt;
        out += byte ? *byte : name.front() == '-' ? '/' : name.front();
        name.remove_prefix(byte ? 4 : 1);
    }
    return out;
}

bool names_instance(std::string_view text) noexcept { return text.find_first_of({kMarks, sizeof kMarks}) != std::string_view::npos; }

std::string with_instance(std::string_view text, std::string_view instance) {
    std::string out;
    out.reserve(text.size() + instance.size());
    for (const char c : text) {
        if (c == kInstanceMark)
            out += instance;
        else if (c == kUnescapedInstanceMark)
            out += unescape_unit_name(instance);
        else
            out += c;
    }
    return out;
}

} // namespace swathe
