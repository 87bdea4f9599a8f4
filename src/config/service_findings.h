#pragma once

#include "config/service_checks.h"
#include "model/choices.h"

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace swathe {

/// What is found wrong in what the keys of one service say together, told as its files would say it.
class ServiceFindings {
protected:
    ServiceFindings(Service& service, const ServiceText& text, Report& report) : service_(service), text_(text), report_(report) {}

    [[nodiscard]] bool in_unit() const noexcept { return text_.format == Format::unit; }

    /// Null = the files do not say it.
    [[nodiscard]] const Setting* find(std::string_view name) const noexcept {
        for (auto block = text_.blocks.rbegin(); block != text_.blocks.rend(); ++block)
            if (const Setting* setting = (*block)->find(name)) return setting;
        return nullptr;
    }
    [[nodiscard]] SourcePos place_of(std::string_view name) const {
        const Setting* setting = find(name);
        return setting != nullptr ? setting->pos : text_.blocks.back()->pos;
    }

    /// As the file's format has it: "restart_sec", "RestartSec".
    [[nodiscard]] std::string_view key(std::string_view name) const {
        return key_of(*find_toml_directive(Scope::service, name), text_.format);
    }
    /// `type = "oneshot"`, "Type=oneshot".
    [[nodiscard]] std::string assigned(std::string_view name, std::string_view word) const {
        return in_unit() ? fmt::format("{}={}", key(name), word) : fmt::format("{} = \"{}\"", key(name), word);
    }
    /// "accept = true", "Accept=yes".
    [[nodiscard]] std::string switched_on(std::string_view name) const {
        return fmt::format("{}{}", key(name), in_unit() ? "=yes" : " = true");
    }

    void refuse_at(const SourcePos& where, std::string_view name, std::string_view why) {
        report_.error(where, key(name), why);
        ok_ = false;
    }
    void refuse(std::string_view name, std::string_view why) { refuse_at(place_of(name), name, why); }
    void warn(std::string_view name, std::string_view why) { report_.warning(place_of(name), key(name), why); }

    Service& service_;
    const ServiceText& text_;
    Report& report_;
    bool ok_ = true;
};

} // namespace swathe
