#include "config/socket_checks.h"

#include "base/text.h"
#include "model/choices.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr unsigned bit(SocketKind kind) noexcept { return 1U << static_cast<unsigned>(kind); }
constexpr unsigned kTcp = bit(SocketKind::tcp), kUdp = bit(SocketKind::udp), kIp = kTcp | kUdp;
constexpr unsigned kUnix = bit(SocketKind::unix_stream) | bit(SocketKind::unix_datagram) | bit(SocketKind::unix_seqpacket);

/// What a key is about that some sockets have nothing of.
enum class About { steering, node, option };

struct Applies {
    std::string_view key;
    unsigned kinds;
    About about;
};
constexpr std::array kApplies{
    Applies{"addresses", kIp, About::steering}, Applies{"addresses_file", kIp, About::steering}, Applies{"ports", kIp, About::steering},
    Applies{"except", kIp, About::steering}, Applies{"from", kIp, About::steering}, Applies{"from_file", kIp, About::steering},
    Applies{"interface", kIp, About::steering}, Applies{"home", kIp, About::steering}, Applies{"family_sockets", kIp, About::steering},
    Applies{"when_down", kIp, About::steering}, Applies{"steal", kIp, About::steering}, Applies{"local_routes", kIp, About::steering},
    Applies{"bind_to_device", kIp, About::steering}, Applies{"listener_mode", kIp, About::steering},
    Applies{"connection_rate", kIp, About::steering}, Applies{"connection_burst", kIp, About::steering},
    Applies{"source_rate", kIp, About::steering}, Applies{"source_burst", kIp, About::steering}, Applies{"blocked", kIp, About::steering},
    Applies{"blocked_file", kIp, About::steering}, Applies{"except_from", kIp, About::steering},
    Applies{"path", kUnix, About::node}, Applies{"socket_mode", kUnix, About::node}, Applies{"socket_user", kUnix, About::node},
    Applies{"socket_group", kUnix, About::node},
    Applies{"directory_mode", kUnix, About::node}, Applies{"remove_on_stop", kUnix, About::node},
    Applies{"symlinks", kUnix, About::node},
    Applies{"pass_credentials", kUnix, About::option}, Applies{"pass_pidfd", kUnix, About::option},
    Applies{"pass_security", kUnix, About::option}, Applies{"accept_file_descriptors", kUnix, About::option},
    Applies{"keep_alive", kTcp, About::option}, Applies{"keep_alive_time_sec", kTcp, About::option},
    Applies{"keep_alive_interval_sec", kTcp, About::option}, Applies{"keep_alive_probes", kTcp, About::option},
    Applies{"no_delay", kTcp, About::option}, Applies{"tcp_congestion", kTcp, About::option},
    Applies{"defer_accept_sec", kTcp, About::option},
    Applies{"broadcast", kUdp, About::option},
    Applies{"priority", kIp, About::option}, Applies{"ip_tos", kIp, About::option}, Applies{"ip_ttl", kIp, About::option},
    Applies{"mark", kIp, About::option}, Applies{"transparent", kIp, About::option}, Applies{"reuse_port", kIp, About::option},
};

std::string reason(const Applies& key) {
    if (key.about == About::steering) return "nothing is steered to a UNIX socket";
    if (key.kinds == kUnix) return "only for UNIX sockets";
    return fmt::format("only for {} sockets", key.kinds == kTcp ? "TCP" : key.kinds == kUdp ? "UDP" : "TCP and UDP");
}

/// Reports a key that none of the sockets has a use for.
bool refuse_unused(const Applies& key, const Setting& setting, Format format, Report& report) {
    const std::string_view name = key_of(*setting.directive, format);
    if (format == Format::toml || key.about == About::steering) {
        report.error(setting.pos, name, reason(key));
        return false;
    }
    if (key.about == About::option && key.kinds != kUnix) report.warning(setting.pos, name, "without effect: " + reason(key));
    return true;
}

/// Names of the keys about a socket's file that an abstract one has none of.
bool check_abstract(const Listener& listener, const Block& block, Format format, Report& report) {
    if (!listener.is_unix() || !listener.is_abstract() || format == Format::unit) return true;
    bool ok = true;
    for (const Applies& key : kApplies) {
        const Setting* setting = key.about == About::node && key.key != "path" ? block.find(key.key) : nullptr;
        if (setting == nullptr) continue;
        report.error(setting->pos, key_of(*setting->directive, format), "an abstract UNIX socket has no file");
        ok = false;
    }
    return ok;
}

bool check_symlinks(std::span<const Listener> listeners, const Block& block, Format format, Report& report) {
    const Setting* symlinks = block.find("symlinks");
    const auto paths = std::count_if(listeners.begin(), listeners.end(), [](const Listener& l) { return l.is_unix() && !l.is_abstract(); });
    if (format == Format::toml || symlinks == nullptr || paths == 1) return true; // in TOML it is no matter of numbers
    report.error(symlinks->pos, key_of(*symlinks->directive, format), "needs exactly one UNIX socket with a path");
    return false;
}

/// reuse_port lets others bind the same address; they would be members of the group.
bool check_group(const Listener& listener, const Block& block, Format format, Report& report) {
    if (listener.listener_mode != ListenerMode::reuseport || !listener.reuse_port) return true;
    const Setting& reuse = *block.find("reuse_port");
    report.error(reuse.pos, key_of(*reuse.directive, format),
                 fmt::format("does not go with a {} of reuseport, whose group of sockets is the workers' alone",
                             format == Format::toml ? "listener_mode" : "ListenerMode"));
    return false;
}

/// A burst of a rate that there is none of.
bool check_rates(const Listener& listener, const Block& block, Format format, Report& report) {
    const auto check = [&](std::string_view burst, std::string_view rate, const ConnectionRate& limit) {
        const Setting* setting = block.find(burst);
        if (setting == nullptr || limit.count > 0) return true;
        const std::string_view needed = key_of(*find_toml_directive(Scope::listen, rate), format);
        report.error(setting->pos, key_of(*setting->directive, format), fmt::format("needs {}", needed));
        return false;
    };
    const bool all = check("connection_burst", "connection_rate", listener.connection_rate);
    return check("source_burst", "source_rate", listener.source_rate) && all;
}

} // namespace

bool check_kinds(std::span<const Listener> listeners, const Block& block, Format format, Report& report) {
    unsigned kinds = 0;
    for (const Listener& listener : listeners) kinds |= bit(listener.kind());
    bool ok = true;
    for (const Applies& key : kApplies)
        if (const Setting* setting = block.find(key.key); setting != nullptr && (key.kinds & kinds) == 0)
            ok = refuse_unused(key, *setting, format, report) && ok;
    for (const Listener& listener : listeners)
        ok = check_abstract(listener, block, format, report) && check_group(listener, block, format, report) && ok;
    if (!listeners.empty()) ok = check_rates(listeners.front(), block, format, report) && ok;
    return check_symlinks(listeners, block, format, report) && ok;
}

bool is_for(std::string_view key, SocketKind kind) noexcept {
    const auto known = std::find_if(kApplies.begin(), kApplies.end(), [&](const Applies& a) { return a.key == key; });
    return known == kApplies.end() || (known->kinds & bit(kind)) != 0;
}

bool guard_device(Listener& listener, const Block& block, Format format, Report& report) {
    if (listener.bind_to_device.empty() || listener.is_unix()) return true;
    const Setting& device = *block.find("bind_to_device");
    std::vector<Placed<std::string>>& names = listener.guard.interfaces;
    if (names.empty()) names.push_back({listener.bind_to_device, device.value.pos});
    const auto other = std::find_if(names.begin(), names.end(), [&](const auto& name) { return name.value != listener.bind_to_device; });
    if (other == names.end()) return true;
    report.error(device.value.pos, key_of(*device.directive, format),
                 fmt::format("what comes in through {} could not be answered", swathe::quoted(other->value)));
    return false;
}

void check_unix_paths(const Config& config, Report& report) {
    std::map<std::pair<std::string, std::string>, SourcePos> seen; // an abstract name belongs to a network namespace
    for (const Service& service : config.services)
        for (const Listener& listener : service.listeners) {
            if (!listener.is_unix()) continue;
            const bool abstract = listener.is_abstract();
            const std::string name = abstract ? listener.path : std::filesystem::path(listener.path).lexically_normal().string();
            const auto [same, fresh] = seen.emplace(std::pair(name, abstract ? listener.netns : ""), listener.pos);
            if (fresh) continue;
            report.error(listener.pos, "",
                         fmt::format("{} is already the socket of the listener at {}", swathe::quoted(listener.path),
                                     same->second.to_string()));
        }
}

} // namespace swathe
