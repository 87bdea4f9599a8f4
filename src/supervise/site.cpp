#include "supervise/site.h"

#include <fmt/format.h>

namespace swathe {

Result<std::shared_ptr<Site>> SiteMaker::make(NetNamespace ns) const {
    auto claimed = claim(ns);
    if (!claimed) return Failure(std::move(claimed).error());
    auto dispatcher = Dispatcher::create({ns.fd(), fmt::format("{}/{}/link", pins, ns.inode())});
    if (!dispatcher) return Failure(std::move(dispatcher).error().within(fmt::format("network namespace {}", ns.name())));
    return std::make_shared<Site>(Site{std::move(ns), std::move(*dispatcher), std::move(*claimed)});
}

} // namespace swathe
