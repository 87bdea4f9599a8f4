#include "config/connection_checks.h"

#include "config/service_findings.h"
#include "model/instance_name.h"
#include "model/socket_stage.h"

#include <algorithm>
#include <array>

namespace swathe {
namespace {

constexpr std::array<std::string_view, 13> kNeedAccept{"max_connections",
                                                       "max_connections_hit",
                                                       "max_connections_per_source",
                                                       "max_connections_per_source_hit",
                                                       "max_load",
                                                       "access_times",
                                                       "flow_idle_sec",
                                                       "environment_style",
                                                       "banner",
                                                       "banner_file",
                                                       "log_on_success",
                                                       "log_on_failure",
                                                       "log_addresses"};
constexpr std::array<std::string_view, 3> kYield{"restart", "remain_after_exit", "file_descriptor_store_max"};

bool has(std::span<const std::string_view> keys, std::string_view key) noexcept {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

class Checks : ServiceFindings {
public:
    Checks(Service& service, const ServiceText& text, Report& report) : ServiceFindings(service, text, report) {}

    bool run() {
        if (!service_.accept) {
            drop_needless();
            check_wait();
            return ok_;
        }
        check_name();
        check_listeners();
        check_instances();
        check_overruled();
        check_limits();
        check_banner();
        check_socket_commands();
        return ok_;
    }

private:
    [[nodiscard]] const Listener* find_listener(bool (*matches)(const Listener&)) const {
        const auto found = std::find_if(service_.listeners.begin(), service_.listeners.end(), matches);
        return found == service_.listeners.end() ? nullptr : &*found;
    }

    /// What is said for nothing.
    void drop_needless() {
        const std::string needs = fmt::format("needs {}", switched_on("accept"));
        for (const std::string_view name : kNeedAccept) {
            const Setting* setting = find(name);
            if (setting == nullptr) continue;
            if (!in_unit())
                refuse(name, needs);
            else if (setting->directive->unit_section == "X-Swathe")
                warn(name, "without effect: " + needs);
        }
        ConnectionContext unused;
        unused.source_prefix_ipv4 = service_.source_prefix_ipv4;
        unused.source_prefix_ipv6 = service_.source_prefix_ipv6;
        static_cast<ConnectionContext&>(service_) = unused;
    }

    /// The socket itself as standard input: inetd(8), "wait".
    void check_wait() {
        if (service_.standard_input.kind == StandardStream::Kind::socket && service_.listeners.size() > 1)
            refuse("standard_input",
                   fmt::format("\"socket\" is the one socket that the service has; it has {} listeners", service_.listeners.size()));
    }

    void check_name() {
        if (service_.name.find('@') != service_.name.npos) refuse("accept", "an instance of a template cannot have instances of its own");
    }

    void check_listeners() {
        for (const Listener& listener : service_.listeners) {
            const std::string where = listener.pos.to_string();
            if (listener.kind() == SocketKind::unix_datagram)
                refuse("accept", fmt::format("the UNIX datagram socket at {} has neither connections nor flows", where));
            if (listener.listener_mode == ListenerMode::reuseport)
                refuse("accept", fmt::format("the sockets of the listener at {} are workers', and there are none", where));
        }
        if (find("flow_idle_sec") != nullptr && find_listener([](const Listener& l) { return l.kind() == SocketKind::udp; }) == nullptr)
            refuse("flow_idle_sec", "only for UDP");
    }

    /// An instance lives and ends with its connection.
    void check_instances() {
        const std::string why = fmt::format("does not go with {}", switched_on("accept"));
        if (service_.type == ServiceType::forking) refuse("type", fmt::format("\"forking\" {}", why));
        if (service_.activation == Activation::eager) refuse("activation", fmt::format("\"eager\" {}", why));
        if (service_.workers > 1) refuse("workers", why);
        if (service_.restart_mode != RestartMode::normal)
            refuse("restart_mode", fmt::format("\"{}\" {}", name_of(service_.restart_mode), why));
        if (service_.drain_timeout_sec) refuse("drain_timeout_sec", why);
        if (service_.idle_stop_sec != kInfinity) refuse("idle_stop_sec", why);
    }

    /// Nobody is there any more for whom it could be started again, or stay.
    void check_overruled() {
        overrule("restart", service_.restart, RestartPolicy::no);
        overrule("remain_after_exit", service_.remain_after_exit, false);
        overrule("file_descriptor_store_max", service_.file_descriptor_store_max, std::uint32_t{0});
    }

    template <class T> void overrule(std::string_view name, T& value, T unset) {
        if (value == unset) return;
        const std::string why = fmt::format("with {}", switched_on("accept"));
        if (!in_unit()) return refuse(name, fmt::format("has no meaning {}", why));
        warn(name, fmt::format("without effect {}", why));
        value = unset;
    }

    void check_limits() {
        const Listener* const unsteered = find_listener([](const Listener& l) { return l.is_unix(); });
        const auto check = [&](std::string_view name, OverLimit hit) {
            if (hit != OverLimit::drop || unsteered == nullptr) return;
            refuse(name,
                   fmt::format("\"drop\" is up to the kernel, which steers nothing to the UNIX socket at {}", unsteered->pos.to_string()));
        };
        check("max_connections_hit", service_.max_connections_hit);
        check("max_connections_per_source_hit", service_.max_connections_per_source_hit);
    }

    /// They are run before anybody has come, and when everybody has gone.
    void check_socket_commands() {
        for (const auto& [name, commands] : socket_commands_of(service_))
            for (const Command& command : *commands)
                if (std::any_of(command.argv.begin(), command.argv.end(), [](const std::string& word) { return names_instance(word); }) ||
                    names_instance(command.path))
                    refuse_at(command.pos, name, "is not run for an instance, and has no specifiers that tell of one");
    }

    void check_banner() {
        if (!service_.banner.empty() && service_.banner_file) refuse("banner_file", fmt::format("excludes {}", key("banner")));
        const bool greets = !service_.banner.empty() || service_.banner_file;
        const Listener* const flows = find_listener([](const Listener& l) { return l.kind() == SocketKind::udp; });
        if (greets && flows != nullptr)
            refuse(service_.banner_file ? "banner_file" : "banner",
                   fmt::format("a flow of the UDP listener at {} begins with a datagram of the other side", flows->pos.to_string()));
    }
};

} // namespace

bool needs_accept(std::string_view key) noexcept { return has(kNeedAccept, key); }

bool yields_to_accept(std::string_view key) noexcept { return has(kYield, key); }

bool counts_as_systemd(const std::vector<const Block*>& blocks) noexcept {
    return std::any_of(blocks.begin(), blocks.end(),
                       [](const Block* block) { return block->find("max_connections_per_source") != nullptr; });
}

bool check_connections(Service& service, const ServiceText& text, Report& report) { return Checks(service, text, report).run(); }

} // namespace swathe
