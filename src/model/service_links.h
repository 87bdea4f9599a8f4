#pragma once

#include "model/service.h"

#include <array>

namespace swathe {

/// A list of other services, with the key that sets it.
struct ServiceLink {
    std::string_view key;
    std::vector<ServiceName> Service::*list;
};

inline constexpr std::array kServiceLinks{
    ServiceLink{"after", &Service::after},         ServiceLink{"before", &Service::before},         ServiceLink{"requires", &Service::requires_},
    ServiceLink{"requisite", &Service::requisite}, ServiceLink{"wants", &Service::wants},           ServiceLink{"binds_to", &Service::binds_to},
    ServiceLink{"part_of", &Service::part_of},     ServiceLink{"conflicts", &Service::conflicts},   ServiceLink{"on_failure", &Service::on_failure},
    ServiceLink{"on_success", &Service::on_success},
};

} // namespace swathe
