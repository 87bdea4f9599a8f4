#include "config/specifier.h"

#include "base/text.h"
#include "config/limits.h"
#include "config/machine.h"
#include "model/instance_name.h"

#include <map>
#include <optional>

#include <fmt/format.h>

namespace swathe {
namespace {

/// What a name stands for that was made of a path: "-" is the root, and what begins with no slash gets one.
std::string unescape_path(std::string_view name) { return name == "-" ? "/" : "/" + unescape_unit_name(name); }

/// Behind the last dash; all of it where there is none.
std::string_view last_part(std::string_view prefix) noexcept { return prefix.substr(prefix.rfind('-') + 1); }

/// Directories of the system's services: file-hierarchy(7).
std::optional<std::string_view> directory(char specifier) noexcept {
    switch (specifier) {
    case 't': return "/run";
    case 'S': return "/var/lib";
    case 'C': return "/var/cache";
    case 'L': return "/var/log";
    case 'E': return "/etc";
    case 'D': return "/usr/share";
    default: return std::nullopt;
    }
}

/// What an instance of a connection is called in the name of its unit until there is one.
constexpr std::string_view kConnection(&kInstanceMark, 1);

struct UnitName {
    std::string_view full, bare, prefix, instance;

    explicit UnitName(std::string_view unit) : full(unit), bare(unit.substr(0, unit.rfind('.'))) {
        const std::size_t at = bare.find('@');
        prefix = bare.substr(0, at);
        if (at != bare.npos) instance = bare.substr(at + 1);
    }

    [[nodiscard]] std::string unescaped_instance() const {
        return instance == kConnection ? std::string{kUnescapedInstanceMark} : unescape_unit_name(instance);
    }
    [[nodiscard]] std::string path() const {
        return instance == kConnection ? std::string{'/', kUnescapedInstanceMark} : unescape_path(instance.empty() ? prefix : instance);
    }

    [[nodiscard]] std::optional<std::string> value(char specifier) const {
        switch (specifier) {
        case '%': return "%";
        case 'n': return std::string(full);
        case 'N': return std::string(bare);
        case 'p': return std::string(prefix);
        case 'P': return unescape_unit_name(prefix);
        case 'i': return std::string(instance);
        case 'I': return unescaped_instance();
        case 'j': return std::string(last_part(prefix));
        case 'J': return unescape_unit_name(last_part(prefix));
        case 'f': return path();
        case 'd': return "/run/credentials/" + std::string(full);
        default: return std::nullopt;
        }
    }
};

Result<std::string> of_fragment(char specifier, std::string_view path) {
    if (path.empty()) return failure(fmt::format("%{}: there is no unit file", specifier));
    return std::string(specifier == 'y' ? path : path.substr(0, path.rfind('/')));
}

constexpr std::string_view kOfInstance = "iIfnNd";
constexpr std::string_view kMarkInText = "control character 0x1e or 0x1f, which stands for the name of an instance with Accept=yes";

Result<std::string> value_of(char specifier, const UnitId& unit, MachineDoor machine) {
    constexpr std::string_view kMachine = "HlmbvqaABMowWuUgGhsTV";
    if (auto own = UnitName(unit.name).value(specifier)) return std::move(*own);
    if (const auto fixed = directory(specifier)) return std::string(*fixed);
    if (specifier == 'y' || specifier == 'Y') return of_fragment(specifier, unit.fragment);
    if (kMachine.find(specifier) == kMachine.npos)
        return failure(fmt::format("{} is no specifier; a per cent sign is written %%", quoted(std::string{'%', specifier})));
    auto found = machine(specifier);
    if (!found) return Failure(std::move(found).error().within(fmt::format("%{}", specifier)));
    return found;
}

} // namespace

Result<std::string> expand_specifiers(std::string_view text, const UnitId& unit) { return expand_specifiers(text, unit, &machine_value); }

Result<std::string> expand_specifiers(std::string_view text, const UnitId& unit, MachineDoor machine) {
    const bool of_connection = names_instance(unit.name);
    if (of_connection && names_instance(text)) return failure(std::string(kMarkInText));
    std::string out;
    std::map<char, std::string> known;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
        } else if (++i == text.size()) {
            out += '%'; // as systemd has it: "--limit 50%"
        } else {
            const auto [value, is_new] = known.try_emplace(text[i]);
            if (is_new) {
                auto found = value_of(text[i], unit, machine);
                if (!found) return found;
                if (of_connection && kOfInstance.find(text[i]) == kOfInstance.npos && names_instance(*found))
                    return failure(fmt::format("%{}: {}", text[i], kMarkInText));
                value->second = std::move(*found);
            }
            out += value->second;
        }
        if (out.size() > limits::kLineBytes)
            return failure(fmt::format("longer than {} bytes with its specifiers replaced", limits::kLineBytes));
    }
    return out;
}

} // namespace swathe
