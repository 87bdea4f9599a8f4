#pragma once

#include "classify/tables.h"
#include "supervise/site.h"

#include <algorithm>
#include <set>
#include <vector>

namespace swathe {

/// What is in force in one network namespace: the rules cut from the configuration, and the tables of the running generation.
struct Part {
    std::shared_ptr<Site> site;
    std::set<std::string> names; ///< what the configuration calls the namespace; "" = the daemon's own
    RuleSet rules;
    Tables tables;
    std::vector<Prefix> routes; ///< local ones that listeners ask for

    [[nodiscard]] bool is_own() const { return names.contains(""); }
    [[nodiscard]] std::string name() const { return is_own() ? "" : *names.begin(); }
};

/// What is in force. Shared by the threads, and never changed.
struct World {
    Config config;
    std::vector<Part> parts; ///< the daemon's own namespace first

    [[nodiscard]] std::size_t rules() const noexcept { ///< their number, of all parts
        std::size_t count = 0;
        for (const Part& part : parts) count += part.rules.rules.size();
        return count;
    }

    /// nullptr = no such namespace
    [[nodiscard]] const Part* part_of(const std::string& netns) const {
        const auto found = std::find_if(parts.begin(), parts.end(), [&](const Part& part) { return part.names.contains(netns); });
        return found == parts.end() ? nullptr : &*found;
    }
};

} // namespace swathe
