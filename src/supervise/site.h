#pragma once

#include "dispatch/dispatcher.h"
#include "socket/net_namespace.h"

#include <functional>
#include <memory>
#include <vector>

namespace swathe {

/// One network namespace in which we steer. Its dispatcher is the loop's, but for Dispatcher::prepare().
struct Site {
    NetNamespace ns;
    Dispatcher dispatcher;
    std::shared_ptr<void> claim; ///< while it lives, nobody else steers there
    bool has_routes = false;     ///< local routes of ours may be there; the loop's alone
};

/// How a site comes into being. Called in any thread.
struct SiteMaker {
    std::string pins; ///< directory of a BPF file system: the link is pinned at INODE/link below
    std::function<Result<std::shared_ptr<void>>(const NetNamespace&)> claim;

    /// Attaches nothing yet. Errors: another daemon steers there.
    [[nodiscard]] Result<std::shared_ptr<Site>> make(NetNamespace ns) const;

    /// A daemon that was killed leaves programs attached, and local routes. Removes those in namespaces with names of ip-netns(8) that are
    /// not `in_use` by us and in which nobody else steers. What was done, and what could not be, a line each.
    [[nodiscard]] std::vector<std::string> remove_abandoned(const std::vector<std::shared_ptr<Site>>& in_use) const;
};

} // namespace swathe
