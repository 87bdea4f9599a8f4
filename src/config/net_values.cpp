#include "config/net_values.h"

#include "base/text.h"
#include "config/endpoint.h"
#include "config/limits.h"
#include "config/values.h"

#include <algorithm>

namespace swathe {
namespace {

/// "0.0.0.0" as an address is nobody's; who writes it means all of them.
bool is_unspecified(const AddressRange& range) noexcept {
    return range.first == range.last && range.first == Address::any(range.family());
}

bool read_address(const Raw& item, const ValueContext& context, AddressList& out) {
    const std::string* text = string_of(item, context);
    if (text == nullptr) return false;
    const auto range = parse_claim(*text);
    if (!range) return context.refuse(item.pos, range.error().message);
    out.push_back({*range, item.pos});
    return true;
}

std::optional<PortRange> port_range_of(const Raw& item, const ValueContext& context) {
    if (const auto* number = item.get<std::int64_t>()) {
        if (*number >= 1 && *number <= 65535)
            return PortRange{static_cast<std::uint16_t>(*number), static_cast<std::uint16_t>(*number)};
        context.refuse(item.pos, fmt::format("{} is not a port number in 1-65535", *number));
        return std::nullopt;
    }
    const auto* text = item.get<std::string>();
    if (text == nullptr) {
        context.refuse(item.pos, fmt::format("expected a port, \"FIRST-LAST\" or \"all\", found {}", item.kind()));
        return std::nullopt;
    }
    auto range = parse_port_range(*text);
    if (range) return *range;
    context.refuse(item.pos, fmt::format("{}: {}", quoted(*text), range.error().message));
    return std::nullopt;
}

bool read_endpoint(const Raw& item, const ValueContext& context, EndpointUse use, std::vector<Endpoint>& out) {
    const std::string* text = string_of(item, context);
    if (text == nullptr) return false;
    auto endpoint = parse_endpoint(*text, item.pos, use);
    if (!endpoint) {
        const SourcePos where =
            context.is_unit ? endpoint.error().pos.value_or(item.pos) : item.pos; // a TOML string begins with its quote
        return context.refuse(where, endpoint.error().message);
    }
    out.push_back(std::move(*endpoint));
    return true;
}

bool is_interface_name(std::string_view name) noexcept { // net/core/dev.c, dev_valid_name()
    return !name.empty() && name.size() <= limits::kInterfaceNameBytes && name != "." && name != ".." &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f && c != '/' && c != ':'; });
}

} // namespace

Endpoint& only_endpoint(std::vector<Endpoint>& endpoints, const SourcePos& where) {
    if (endpoints.empty()) endpoints.push_back({{}, {}, where});
    return endpoints.front();
}

Result<AddressRange> parse_claim(std::string_view text) {
    auto range = parse_address_range(text);
    if (!range) return Failure(std::move(range).error().within(quoted(text)));
    if (is_unspecified(*range) && text.find('/') == text.npos)
        return failure(fmt::format("{} is no host's address; all addresses are written {}/0", text, text));
    return range;
}

std::size_t prefixes_in(const AddressRange& range) {
    if (range.first == range.last) return 1;
    static thread_local std::vector<Prefix> prefixes; // kept: to allocate for each line of a long file would take as long as to read it
    prefixes.clear();
    append_prefixes(range, prefixes);
    return prefixes.size();
}

bool read_addresses(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out) {
    auto& addresses = only_endpoint(out, raw.pos).addresses;
    addresses.reserve(items_of(raw).size());
    return each_of_some(raw, context, [&](const Raw& item) { return read_address(item, context, addresses); });
}

bool read_ports(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out) {
    std::vector<PortRange>& ports = only_endpoint(out, raw.pos).ports;
    const bool ok = each_of_some(raw, context, [&](const Raw& item) {
        const auto range = port_range_of(item, context);
        if (range) ports.push_back(*range);
        return range.has_value();
    });
    if (!ok) return false;
    const auto sorted = sort_ports(ports);
    return sorted || context.refuse(raw.pos, sorted.error().message);
}

bool read_holes(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out) {
    return each_of_some(raw, context,
                     [&](const Raw& item) { return read_endpoint(item, context, EndpointUse::hole, out); });
}

bool read_listen_line(const Raw& raw, const ValueContext& context, std::vector<Endpoint>& out) {
    return each_of_some(raw, context,
                     [&](const Raw& item) { return read_endpoint(item, context, EndpointUse::listen, out); });
}

bool read_prefixes(const Raw& raw, const ValueContext& context, std::vector<Placed<Prefix>>& out) {
    return each_of_some(raw, context, [&](const Raw& item) {
        const std::string* text = string_of(item, context);
        if (text == nullptr) return false;
        const auto prefix = parse_prefix(*text);
        if (!prefix) return context.refuse(item.pos, fmt::format("{}: {}", quoted(*text), prefix.error().message));
        out.push_back({*prefix, item.pos});
        return true;
    });
}

bool read_sources(const Raw& raw, const ValueContext& context, Guard& out) { return read_prefixes(raw, context, out.from); }

bool read_excepted_sources(const Raw& raw, const ValueContext& context, Listener& out) {
    return read_prefixes(raw, context, out.guard.except_from);
}

bool read_interfaces(const Raw& raw, const ValueContext& context, Guard& out) {
    return each_of_some(raw, context, [&](const Raw& item) {
        const std::string* text = string_of(item, context);
        if (text == nullptr) return false;
        if (!is_interface_name(*text))
            return context.refuse(item.pos, fmt::format("{} is no interface name", quoted(*text)));
        out.interfaces.push_back({*text, item.pos});
        return true;
    });
}

bool read_home(const Raw& raw, const ValueContext& context, std::optional<SocketAddress>& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const auto address = parse_socket_address(*text);
    if (!address) return context.refuse(raw.pos, fmt::format("{}: {}", quoted(*text), address.error().message));
    out = *address;
    return true;
}

bool read_netns(const Raw& raw, const ValueContext& context, std::string& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const bool path = text->starts_with('/');
    const bool name = text->find('/') == text->npos && *text != "." && *text != ".."; // ip-netns(8) takes any file name
    if (text->empty() || (!path && !name) || text->size() > (path ? limits::kPathBytes : limits::kFileNameBytes))
        return context.refuse(raw.pos, fmt::format("{} is neither the name of a network namespace nor an absolute path", quoted(*text)));
    out = *text;
    return true;
}

bool read_protocols(const Raw& raw, const ValueContext& context, std::vector<Protocol>& out) {
    return each_of_some(raw, context, [&](const Raw& item) {
        Protocol protocol{};
        if (!read_choice(item, context, protocol)) return false;
        if (std::find(out.begin(), out.end(), protocol) != out.end())
            return context.refuse(item.pos, fmt::format("\"{}\" stands there twice", name_of(protocol)));
        out.push_back(protocol);
        return true;
    });
}

} // namespace swathe
