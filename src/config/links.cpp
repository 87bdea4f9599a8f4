#include "config/links.h"

#include "base/text.h"
#include "config/directives.h"
#include "model/order.h"
#include "model/service_links.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

using Names = std::vector<ServiceName>;

bool is_there(const std::vector<Service>& services, std::string_view name) {
    const auto before = [](const Service& s, std::string_view n) { return s.name < n; };
    const auto found = std::lower_bound(services.begin(), services.end(), name, before);
    return found != services.end() && found->name == name;
}

std::string hint_for(const std::vector<Service>& services, std::string_view name) {
    constexpr std::string_view kSuffix = ".service";
    if (name.ends_with(kSuffix) && is_there(services, name.substr(0, name.size() - kSuffix.size())))
        return fmt::format("; did you mean {}?", quoted(name.substr(0, name.size() - kSuffix.size())));
    std::vector<std::string_view> known;
    for (const Service& service : services) known.push_back(service.name);
    const auto nearest = nearest_name(name, known);
    return nearest ? fmt::format("; did you mean {}?", quoted(*nearest)) : std::string();
}

void report_strangers(const std::vector<Service>& services, std::string_view key, const Names& names, Report& report) {
    for (const ServiceName& name : names)
        if (!is_there(services, name.value))
            report.error(name.pos, key, fmt::format("there is no service {}{}", quoted(name.value), hint_for(services, name.value)));
}

/// It would end who is to run.
void report_contradictions(const Service& service, Report& report) {
    const auto wants = [&](const ServiceName& name) {
        const auto is_it = [&](const ServiceName& other) { return other.value == name.value; };
        for (const Names* list : {&service.requires_, &service.requisite, &service.binds_to, &service.wants})
            if (std::any_of(list->begin(), list->end(), is_it)) return true;
        return name.value == service.name;
    };
    for (const ServiceName& name : service.conflicts)
        if (wants(name))
            report.error(name.pos, "conflicts",
                         fmt::format("{} is one that {} cannot do without or asks for", quoted(name.value), service.name));
}

} // namespace

void link_services(std::vector<Service>& services, const std::function<bool(const Service&)>& is_unit, Report& report) {
    const bool all_are_there = !report.has_errors(); // one with errors of its own is not
    for (Service& service : services) {
        for (const ServiceLink& link : kServiceLinks) {
            Names& names = service.*link.list;
            if (is_unit(service))
                std::erase_if(names, [&](const ServiceName& n) { return n.value == service.name || !is_there(services, n.value); });
            else if (all_are_there)
                report_strangers(services, link.key, names, report);
        }
        report_contradictions(service, report);
    }
    if (const auto order = start_order(services); !order) report.error(*order.error().pos, "", order.error().message);
}

} // namespace swathe
