#include "config/service_name.h"

#include "base/text.h"
#include "config/limits.h"
#include "model/instance_name.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

bool is_name_character(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(":-_.\\@").find(c) != std::string_view::npos;
}

} // namespace

Status check_service_name(std::string_view name) {
    if (name.size() > limits::kServiceNameBytes)
        return failure(fmt::format("the service's name is longer than {} bytes", limits::kServiceNameBytes));
    if (name.empty() || !std::all_of(name.begin(), name.end(), is_name_character))
        return failure(
            fmt::format("{} is no name for a service: ASCII letters, digits and \":-_.\\@\" only", quoted(name)));
    if (name.front() == '@' || name.back() == '@')
        return failure(fmt::format("{} is a template, and no service; an instance has a name on either side of the \"@\"",
                                   quoted(name)));
    return {};
}

std::string connection_unit(std::string_view service) { return fmt::format("{}@{}.service", service, kInstanceMark); }

std::string_view service_of_unit(std::string_view unit) noexcept {
    const std::string_view stem = unit.substr(0, unit.rfind('.'));
    return stem.ends_with(kInstanceMark) ? stem.substr(0, stem.rfind('@')) : stem;
}

std::string shown_unit(std::string_view unit) {
    std::string name(unit);
    std::erase(name, kInstanceMark);
    return name;
}

} // namespace swathe
