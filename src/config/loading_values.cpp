#include "config/loading_values.h"

#include "config/net_values.h"
#include "config/systemd_names.h"
#include "config/values.h"

namespace swathe {
namespace {

bool add_protection(std::string_view name, const SourcePos& where, const ValueContext& context, std::vector<std::string>& out) {
    if (is_protection(name)) {
        out.emplace_back(name);
        return true;
    }
    const auto nearest = nearest_name(name, protections());
    return context.refuse(where, fmt::format("{} is no directive of systemd's that protects{}", quoted(name),
                                             nearest ? fmt::format("; did you mean \"{}\"?", *nearest) : std::string()));
}

} // namespace

bool read_protections(const Raw& raw, const ValueContext& context, std::vector<std::string>& out) {
    return each_of_some(raw, context, [&](const Raw& item) {
        const std::string* text = string_of(item, context);
        if (text == nullptr) return false;
        bool ok = true;
        for (const std::string_view name : context.is_unit ? split(*text, ' ') : std::vector{std::string_view(*text)})
            if (!name.empty() || !context.is_unit) ok = add_protection(name, item.pos, context, out) && ok;
        return ok;
    });
}

} // namespace swathe
