#include "model/capabilities.h"

#include <algorithm>
#include <charconv>

namespace swathe {
namespace {

constexpr unsigned kHighestNumber = 62; // systemd's; bit 63 is kept for a set that is no set

char upper(char c) noexcept { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

} // namespace

std::optional<unsigned> capability_of(std::string_view name) noexcept {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (!name.empty() && error == std::errc() && end == name.data() + name.size())
        return number <= kHighestNumber ? std::optional<unsigned>(number) : std::nullopt;
    const auto same = [&](std::string_view known) {
        return std::equal(known.begin(), known.end(), name.begin(), name.end(), [](char a, char b) { return a == upper(b); });
    };
    const auto found = std::find_if(kCapabilityNames.begin(), kCapabilityNames.end(), same);
    if (found == kCapabilityNames.end()) return std::nullopt;
    return static_cast<unsigned>(found - kCapabilityNames.begin());
}

std::string capability_name(unsigned capability) {
    return capability < kCapabilityNames.size() ? std::string(kCapabilityNames[capability]) : std::to_string(capability);
}

} // namespace swathe
