#include "systemd/unit_properties.h"

#include "systemd/bus.h"

namespace swathe {
namespace {

Failure unexpected(int result) { return failure("what systemd says is not understood", result < 0 ? -result : 0); }

/// Where a property goes: a string or a number.
struct Property {
    std::string_view name;
    std::string* text = nullptr;
    std::uint64_t* number = nullptr;
};

int read_value(sd_bus_message* message, const Property& property) {
    if (property.text == nullptr) return sd_bus_message_read(message, "v", "t", property.number);
    const char* text = nullptr;
    const int r = sd_bus_message_read(message, "v", "s", &text);
    if (r > 0) *property.text = text;
    return r;
}

/// "a{sv}": takes those of `wanted`, passes over the others.
int read_dictionary(sd_bus_message* message, const std::vector<Property>& wanted, std::size_t& found) {
    int r = sd_bus_message_enter_container(message, 'a', "{sv}");
    while (r >= 0 && (r = sd_bus_message_enter_container(message, 'e', "sv")) > 0) {
        const char* name = nullptr;
        r = sd_bus_message_read(message, "s", &name);
        if (r < 0) break;
        const Property* property = nullptr;
        for (const Property& one : wanted)
            if (one.name == name) property = &one;
        if (property != nullptr) ++found;
        r = property != nullptr ? read_value(message, *property) : sd_bus_message_skip(message, "v");
        if (r >= 0) r = sd_bus_message_exit_container(message);
    }
    return r < 0 ? r : sd_bus_message_exit_container(message);
}

} // namespace

Status read_unit_properties(sd_bus_message* message, UnitState& state, UnitMark& mark) {
    const std::vector<Property> wanted{{"LoadState", &state.load_state},
                                       {"ActiveState", &state.active_state},
                                       {"SubState", &state.sub_state},
                                       {"StateChangeTimestamp", nullptr, &state.since_usec},
                                       {"ActiveEnterTimestampMonotonic", nullptr, &mark.active_since}};
    std::size_t found = 0;
    const int r = read_dictionary(message, wanted, found);
    if (r < 0 || found != wanted.size()) return unexpected(r);
    mark.active_state = state.active_state;
    mark.sub_state = state.sub_state;
    return {};
}

Result<std::vector<UnitSocket>> read_listen_property(sd_bus_message* reply) {
    std::vector<UnitSocket> sockets;
    int r = sd_bus_message_enter_container(reply, 'v', "a(ss)");
    if (r >= 0) r = sd_bus_message_enter_container(reply, 'a', "(ss)");
    const char *kind = nullptr, *address = nullptr;
    while (r >= 0 && (r = sd_bus_message_read(reply, "(ss)", &kind, &address)) > 0) {
        if (sockets.size() >= kMostUnitSockets) return unexpected(-E2BIG);
        if (auto socket = parse_unit_socket(kind, address)) sockets.push_back(*socket);
    }
    if (r < 0) return unexpected(r);
    return sockets;
}

Result<std::optional<UnitMark>> read_changed_mark(sd_bus_message* signal) {
    const char* interface = nullptr;
    int r = sd_bus_message_read(signal, "s", &interface);
    if (r < 0) return unexpected(r);
    if (std::string_view(interface) != "org.freedesktop.systemd1.Unit") return std::optional<UnitMark>{};
    UnitMark mark;
    const std::vector<Property> wanted{{"ActiveState", &mark.active_state},
                                       {"SubState", &mark.sub_state},
                                       {"ActiveEnterTimestampMonotonic", nullptr, &mark.active_since}};
    std::size_t found = 0;
    r = read_dictionary(signal, wanted, found);
    if (r < 0) return unexpected(r);
    if (found != wanted.size()) return std::optional<UnitMark>{};
    return std::optional(std::move(mark));
}

} // namespace swathe
