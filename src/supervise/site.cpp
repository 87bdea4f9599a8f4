#include "supervise/site.h"

#include "socket/local_routes.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace swathe {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> names;
    std::error_code error; // a directory that is not there has none
    for (const auto& entry : fs::directory_iterator(directory, error)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

/// Of the namespaces with a name, the one that a directory of pins is for.
std::optional<NetNamespace> namespace_of(const std::string& inode) {
    for (const std::string& name : names_in(kNamedNamespaces))
        if (auto ns = NetNamespace::open(name); ns && std::to_string(ns->inode()) == inode) return std::move(*ns);
    return std::nullopt;
}

} // namespace

Result<std::shared_ptr<Site>> SiteMaker::make(NetNamespace ns) const {
    auto claimed = claim(ns);
    if (!claimed) return Failure(std::move(claimed).error());
    auto dispatcher = Dispatcher::create({ns.fd(), fmt::format("{}/{}/link", pins, ns.inode())});
    if (!dispatcher) return Failure(std::move(dispatcher).error().within(fmt::format("network namespace {}", ns.name())));
    return std::make_shared<Site>(Site{std::move(ns), std::move(*dispatcher), std::move(*claimed)});
}

std::vector<std::string> SiteMaker::remove_abandoned(const std::vector<std::shared_ptr<Site>>& in_use) const {
    std::vector<std::string> lines;
    for (const std::string& inode : names_in(pins)) {
        const auto is_it = [&](const std::shared_ptr<Site>& site) { return std::to_string(site->ns.inode()) == inode; };
        if (std::any_of(in_use.begin(), in_use.end(), is_it)) continue;
        const std::string pin = fmt::format("{}/{}/link", pins, inode);
        const std::optional<NetNamespace> ns = namespace_of(inode);
        if (!ns) {
            if (auto removed = remove_pinned(pin, -1); !removed) lines.push_back(removed.error().to_string());
            continue;
        }
        const auto claimed = claim(*ns);
        if (!claimed) continue; // another daemon's
        const auto removed = remove_pinned(pin, ns->fd());
        if (!removed) lines.push_back(removed.error().to_string());
        if (removed && *removed)
            lines.push_back(fmt::format("network namespace {}: removed the program that an earlier swathed left there", ns->name()));
        if (auto routes = sync_local_routes({}, *ns); !routes) lines.push_back(routes.error().to_string());
    }
    return lines;
}

} // namespace swathe
