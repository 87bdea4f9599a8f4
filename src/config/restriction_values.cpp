#include "config/restriction_values.h"

#include "config/boolean_word.h"
#include "config/each_word.h"

#include <array>

#include <sched.h>
#include <sys/socket.h>

namespace swathe {
namespace {

#ifndef CLONE_NEWTIME // linux/sched.h, since Linux 5.6
constexpr std::uint32_t CLONE_NEWTIME = 0x80;
#endif

struct Name {
    std::string_view name;
    int value;
};
constexpr auto kFamilies = std::to_array<Name>({ // of address_families(7)
    {"AF_UNIX", AF_UNIX}, {"AF_LOCAL", AF_LOCAL}, {"AF_INET", AF_INET}, {"AF_AX25", AF_AX25}, {"AF_IPX", AF_IPX},
    {"AF_APPLETALK", AF_APPLETALK}, {"AF_NETROM", AF_NETROM}, {"AF_BRIDGE", AF_BRIDGE}, {"AF_ATMPVC", AF_ATMPVC}, {"AF_X25", AF_X25},
    {"AF_INET6", AF_INET6}, {"AF_ROSE", AF_ROSE}, {"AF_NETBEUI", AF_NETBEUI}, {"AF_SECURITY", AF_SECURITY}, {"AF_KEY", AF_KEY},
    {"AF_NETLINK", AF_NETLINK}, {"AF_ROUTE", AF_ROUTE}, {"AF_PACKET", AF_PACKET}, {"AF_ASH", AF_ASH}, {"AF_ECONET", AF_ECONET},
    {"AF_ATMSVC", AF_ATMSVC}, {"AF_RDS", AF_RDS}, {"AF_SNA", AF_SNA}, {"AF_IRDA", AF_IRDA}, {"AF_PPPOX", AF_PPPOX},
    {"AF_WANPIPE", AF_WANPIPE}, {"AF_LLC", AF_LLC}, {"AF_IB", AF_IB}, {"AF_MPLS", AF_MPLS}, {"AF_CAN", AF_CAN}, {"AF_TIPC", AF_TIPC},
    {"AF_BLUETOOTH", AF_BLUETOOTH}, {"AF_IUCV", AF_IUCV}, {"AF_RXRPC", AF_RXRPC}, {"AF_ISDN", AF_ISDN}, {"AF_PHONET", AF_PHONET},
    {"AF_IEEE802154", AF_IEEE802154}, {"AF_CAIF", AF_CAIF}, {"AF_ALG", AF_ALG}, {"AF_NFC", AF_NFC}, {"AF_VSOCK", AF_VSOCK},
    {"AF_KCM", AF_KCM}, {"AF_QIPCRTR", AF_QIPCRTR}, {"AF_SMC", AF_SMC}, {"AF_XDP", AF_XDP}, {"AF_MCTP", AF_MCTP}});
constexpr auto kNamespaces = std::to_array<Name>(
    {{"cgroup", CLONE_NEWCGROUP}, {"ipc", CLONE_NEWIPC}, {"mnt", CLONE_NEWNS}, {"net", CLONE_NEWNET}, {"pid", CLONE_NEWPID},
     {"time", CLONE_NEWTIME}, {"user", CLONE_NEWUSER}, {"uts", CLONE_NEWUTS}});

template <std::size_t N> std::vector<std::string_view> names_of(const std::array<Name, N>& table) {
    std::vector<std::string_view> names;
    for (const Name& entry : table) names.push_back(entry.name);
    return names;
}

/// Reports what is not in the table.
template <std::size_t N>
const Name* find(const std::array<Name, N>& table, std::string_view what, std::string_view word, const SourcePos& where,
                 const ValueContext& context) {
    for (const Name& entry : table)
        if (entry.name == word) return &entry;
    const auto nearest = nearest_name(word, names_of(table));
    const std::string hint = nearest ? fmt::format("; did you mean \"{}\"?", *nearest) : std::string();
    (void)context.refuse(where, fmt::format("{} is no {}{}", quoted(word), what, hint));
    return nullptr;
}

/// Gives `take` each word without the "~" of its line, and whether that is there.
template <class Take> bool each_listed(const Raw& raw, const ValueContext& context, Take take) {
    bool inverted = false;
    return each_word(raw, context, [&](std::string_view word, bool first, const SourcePos& where) {
        if (first) inverted = word.starts_with('~');
        if (first && inverted) word.remove_prefix(1);
        return (word.empty() && inverted) || take(word, inverted, where);
    });
}

/// One value of a key that is a boolean or a list.
bool read_namespace_line(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out) {
    static constexpr std::uint32_t kAll = [] {
        std::uint32_t all = 0;
        for (const Name& kind : kNamespaces) all |= static_cast<std::uint32_t>(kind.value);
        return all;
    }();
    const std::string* text = raw.get<std::string>();
    if (text == nullptr || (context.is_unit && boolean_word(*text))) {
        bool none = false;
        if (!read_boolean(raw, context, none)) return false;
        out = none ? std::optional<std::uint32_t>(0) : std::nullopt;
        return true;
    }
    return each_listed(raw, context, [&](std::string_view word, bool inverted, const SourcePos& where) {
        const Name* kind = find(kNamespaces, "kind of namespace", word, where, context);
        if (kind == nullptr) return false;
        const auto flag = static_cast<std::uint32_t>(kind->value);
        if (!out) out = inverted ? kAll : 0;
        *out = inverted ? *out & ~flag : *out | flag;
        return true;
    });
}

} // namespace

bool read_address_families(const Raw& raw, const ValueContext& context, std::optional<AddressFamilies>& out) {
    return each_listed(raw, context, [&](std::string_view word, bool inverted, const SourcePos& where) {
        if (word == "none" && !inverted) {
            out = AddressFamilies{};
            return true;
        }
        const Name* family = find(kFamilies, "address family", word, where, context);
        if (family == nullptr) return false;
        if (!out) out = AddressFamilies{inverted, {}};
        if (inverted == out->denies)
            out->families.insert(family->value);
        else
            out->families.erase(family->value);
        return true;
    });
}

bool read_namespaces(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out) {
    return each_item(raw, [&](const Raw& item) { return read_namespace_line(item, context, out); });
}

} // namespace swathe
