#include "config/settings.h"

#include "model/instance_name.h"

#include <algorithm>
#include <array>
#include <map>

namespace swathe {
namespace {

/// `later` wins, key by key.
void merge(Raw::Table& into, Raw::Table later) {
    std::map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < into.size(); ++i) places.emplace(into[i].key, i);
    for (RawEntry& entry : later) {
        const auto same = places.find(entry.key);
        if (same == places.end())
            into.push_back(std::move(entry));
        else
            into[same->second] = std::move(entry);
    }
}

bool has_mark(const Raw& raw) {
    if (const auto* text = raw.get<std::string>()) return names_instance(*text);
    if (const auto* list = raw.get<Raw::List>())
        return std::any_of(list->begin(), list->end(), [](const Raw& item) { return has_mark(item); });
    const auto* table = raw.get<Raw::Table>();
    return table != nullptr && std::any_of(table->begin(), table->end(), [](const RawEntry& entry) { return has_mark(entry.value); });
}

/// May the value have marks of model/instance_name.h in it, because it is looked at once there is a connection?
bool may_name_instance(const Directive& directive) noexcept {
    constexpr std::array<std::string_view, 13> kKeys{
        "description",     "working_directory", "root_directory", "environment_file",        "runtime_directory",
        "state_directory", "cache_directory",   "logs_directory", "configuration_directory", "syslog_identifier",
        "standard_input",  "standard_output",   "standard_error"};
    const bool by_type = directive.type == ValueType::commands || directive.type == ValueType::environment;
    return by_type || std::find(kKeys.begin(), kKeys.end(), directive.toml_key) != kKeys.end();
}

} // namespace

const Setting* Block::find(std::string_view name) const noexcept {
    const auto found =
        std::find_if(settings.rbegin(), settings.rend(), [&](const Setting& s) { return s.directive->name() == name; });
    return found == settings.rend() ? nullptr : &*found;
}

void put(Block& block, Setting setting) {
    const auto is_same = [&](const Setting& s) { return s.directive == setting.directive; };
    const auto last = std::find_if(block.settings.rbegin(), block.settings.rend(), is_same);
    if (!setting.append && last != block.settings.rend()) {
        auto* earlier = std::get_if<Raw::Table>(&last->value.value);
        auto* later = std::get_if<Raw::Table>(&setting.value.value);
        if (earlier != nullptr && later != nullptr) return merge(*earlier, std::move(*later));
        if (later == nullptr || !last->append) std::erase_if(block.settings, is_same);
    }
    block.settings.push_back(std::move(setting));
}

std::string_view key_of(const Directive& directive, Format format) noexcept {
    return format == Format::unit ? directive.unit_key : directive.name();
}

bool apply(const Block& block, Scope scope, const Recipient& target, Format format, const UnitId& unit,
           Report& report) {
    std::vector<const Setting*> order;
    for (const Setting& setting : block.settings)
        if (setting.directive->scope == scope) order.push_back(&setting);
    if (format ==
        Format::toml) // where two keys set the same thing, the table has the special one behind the general one
        std::stable_sort(order.begin(), order.end(),
                         [](const Setting* a, const Setting* b) { return a->directive < b->directive; });

    bool ok = true;
    for (const Setting* setting : order) {
        const ValueContext context{report, key_of(*setting->directive, format), unit, format == Format::unit};
        const bool too_early = names_instance(unit.name) && !may_name_instance(*setting->directive) && has_mark(setting->value);
        if (too_early) ok = context.refuse(setting->value.pos, "cannot depend on the connection, as %i and its like do");
        ok = !too_early && setting->directive->set(setting->value, context, target) && ok;
    }
    return ok;
}

void report_missing(const Block& block, Scope scope, Format format, Report& report) {
    for (const Directive& directive : directives()) {
        const std::string_view key = format == Format::unit ? directive.unit_key : directive.toml_key;
        if (directive.scope == scope && directive.default_text.empty() && !key.empty() &&
            block.find(directive.name()) == nullptr)
            report.error(block.pos, key, "missing");
    }
}

} // namespace swathe
