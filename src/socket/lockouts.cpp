#include "socket/claims.h"
#include "socket/natives.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::size_t kMostNamed = 4; ///< addresses that one message names

/// The native sockets that count, each protocol, address, port and device once: a reuseport group is one listener.
struct Natives {
    std::vector<NativeSocket> exact; ///< sorted by address
    std::vector<NativeSocket> wildcards;
};

Natives sort_natives(const std::vector<NativeSocket>& all, const std::unordered_set<std::uint64_t>& ours) {
    const auto key = [](const NativeSocket& s) { return std::tuple(s.address.address, s.address.port, s.protocol, s.v6_only, s.ifindex); };
    std::vector<NativeSocket> sorted;
    std::copy_if(all.begin(), all.end(), std::back_inserter(sorted), [&](const NativeSocket& s) { return ours.count(s.inode) == 0; });
    std::stable_sort(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) { return key(a) < key(b); });
    sorted.erase(std::unique(sorted.begin(), sorted.end(), [&](const auto& a, const auto& b) { return key(a) == key(b); }), sorted.end());
    Natives natives;
    for (NativeSocket& s : sorted) (s.is_wildcard() ? natives.wildcards : natives.exact).push_back(std::move(s));
    return natives;
}

/// What a listener would take from one native socket.
struct Loss {
    SourcePos pos;                  ///< of the range that takes the first of them
    std::vector<Address> addresses; ///< at most kMostNamed
    std::size_t count = 0;
};

/// Finds the losses of one listener. Costs a binary search a range, and then only what is lost.
class LockoutSearch {
public:
    LockoutSearch(const Listener& listener, const Natives& natives, const std::vector<Address>& configured, const ClaimCheck& claims,
                  const InterfaceNumber& number_of)
        : listener_(listener), natives_(natives), configured_(configured), claims_(claims) {
        if (!number_of) return;
        for (const auto& name : listener.guard.interfaces) interfaces_.push_back(number_of(name.value));
    }

    Diagnostics run() {
        for (const Endpoint& endpoint : listener_.endpoints) visit(endpoint);
        Diagnostics out;
        for (const auto& [native, loss] : losses_) out.push_back(describe(*native, loss));
        for (const auto& [native, pos] : elsewhere_)
            if (losses_.count(native) == 0)
                out.push_back({Diagnostic::Severity::note,
                               {fmt::format("addresses: {} does not get what is sent to these addresses", native->to_string()), 0, pos}});
        return out;
    }

private:
    void visit(const Endpoint& endpoint) {
        std::array<std::optional<SourcePos>, 2> free_addresses{}; // per family: a range with addresses that no interface has
        for (const auto& range : endpoint.addresses) {
            const auto [first, last] = inside_range(natives_.exact, range.value, [](const NativeSocket& s) { return s.address.address; });
            for (auto native = first; native != last; ++native) take(endpoint, *native, native->address.address, range.pos);
            const auto [from, to] = inside_range(configured_, range.value, [](const Address& a) { return a; });
            for (auto address = from; address != to; ++address)
                for (const NativeSocket& native : natives_.wildcards) take(endpoint, native, *address, range.pos);
            std::optional<SourcePos>& free = free_addresses[range.value.family() == Family::ipv6 ? 1 : 0];
            if (!free && !all_configured(range.value, static_cast<std::size_t>(to - from))) free = range.pos;
        }
        for (const NativeSocket& native : natives_.wildcards) note(endpoint, native, free_addresses);
    }

    /// Can a packet be the listener's and, without it, the native socket's?
    [[nodiscard]] bool may_meet(const NativeSocket& native) const {
        if (native.protocol != listener_.protocol) return false;
        return native.ifindex == 0 || listener_.guard.interfaces.empty() ||
               std::find(interfaces_.begin(), interfaces_.end(), native.ifindex) != interfaces_.end();
    }

    static bool all_configured(const AddressRange& range, std::size_t configured) {
        const U128 size_less_one{0, range.last.bits.lo - range.first.bits.lo};
        return range.last.bits.hi == range.first.bits.hi && size_less_one.next() == U128{0, configured};
    }

    void take(const Endpoint& endpoint, const NativeSocket& native, const Address& address, const SourcePos& pos) {
        const SocketAddress at{address, native.address.port};
        if (!may_meet(native) || !native.takes(address) || !contains_port(endpoint.ports, at.port)) return;
        if (is_excepted(listener_, at) || (claims_ && !claims_(listener_, at))) return;
        Loss& loss = losses_[&native];
        if (loss.count == 0) loss.pos = pos;
        if (std::find(loss.addresses.begin(), loss.addresses.end(), address) != loss.addresses.end()) return;
        if (loss.addresses.size() < kMostNamed) loss.addresses.push_back(address);
        ++loss.count;
    }

    void note(const Endpoint& endpoint, const NativeSocket& native, const std::array<std::optional<SourcePos>, 2>& free_addresses) {
        if (!may_meet(native) || !contains_port(endpoint.ports, native.address.port)) return;
        std::optional<SourcePos> pos = native.takes(Address::v4(1)) ? free_addresses[0] : std::nullopt;
        if (!pos && native.address.address.family == Family::ipv6) pos = free_addresses[1];
        if (pos) elsewhere_.emplace(&native, *pos);
    }

    [[nodiscard]] Diagnostic describe(const NativeSocket& native, const Loss& loss) const {
        std::string on;
        std::string holes;
        for (const Address& address : loss.addresses) {
            on += fmt::format("{}{}", on.empty() ? " on " : ", ", address.to_string());
            holes += fmt::format("{}\"{}\"", holes.empty() ? "" : ", ", SocketAddress{address, native.address.port}.to_string());
        }
        if (loss.count > loss.addresses.size()) on += fmt::format(" and {} more", loss.count - loss.addresses.size());
        if (loss.count > loss.addresses.size()) holes += ", ...";
        if (!native.is_wildcard()) on.clear(); // the socket's own address says it
        std::string text =
            fmt::format("addresses: {} over {} from {}{}", listener_.steal ? "takes" : "would take", native.name(), native.holder(), on);
        if (listener_.steal) return {Diagnostic::Severity::note, {text, 0, loss.pos}};
        text += native.ephemeral ? " (a server? its port is one that clients get, too)" : "";
        text += fmt::format("; say steal = true, or except = [{}]", holes);
        return {native.ephemeral ? Diagnostic::Severity::warning : Diagnostic::Severity::error, {text, 0, loss.pos}};
    }

    const Listener& listener_;
    const Natives& natives_;
    const std::vector<Address>& configured_; ///< sorted
    const ClaimCheck& claims_;
    std::vector<std::uint32_t> interfaces_; ///< of the listener's guard; 0 = there is none of that name
    std::map<const NativeSocket*, Loss> losses_;
    std::map<const NativeSocket*, SourcePos> elsewhere_;
};

} // namespace

Diagnostics find_lockouts(const Config& config, const std::vector<NativeSocket>& natives, const std::vector<Address>& configured,
                          const std::unordered_set<std::uint64_t>& ours, const ClaimCheck& claims,
                          const InterfaceNumber& number_of) {
    const Natives sorted = sort_natives(natives, ours);
    std::vector<Address> addresses = configured;
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    Diagnostics all;
    for (const Service& service : config.services) {
        for (const Listener& listener : service.listeners) {
            Diagnostics found = LockoutSearch(listener, sorted, addresses, claims, number_of).run();
            all.insert(all.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
        }
    }
    sort_by_place(all);
    return all;
}

} // namespace swathe
