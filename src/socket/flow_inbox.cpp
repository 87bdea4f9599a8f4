#include "socket/flow_inbox.h"

#include "socket/datagrams.h"

#include <utility>

namespace swathe {

void FlowInbox::put(Datagram&& datagram) {
    const std::size_t size = datagram.payload.size() + kOverhead_bytes;
    if (bytes_ + size > kRoom_bytes) {
        ++lost_;
        return;
    }
    bytes_ += size;
    auto [found, is_new] = waiting_.try_emplace(datagram.flow);
    found->second.push_back(std::move(datagram.payload));
    if (is_new) order_.push_back(datagram.flow);
}

void FlowInbox::read(int listener) {
    read_datagrams(listener, kMostRead, [this](Datagram&& datagram) { put(std::move(datagram)); }, [this] { ++stray_; });
}

std::optional<UdpFlow> FlowInbox::next() const {
    while (!order_.empty() && waiting_.find(order_.front()) == waiting_.end()) order_.pop_front();
    return order_.empty() ? std::nullopt : std::optional(order_.front());
}

Payloads FlowInbox::take(const UdpFlow& flow) {
    const auto found = waiting_.find(flow);
    if (found == waiting_.end()) return {};
    Payloads out = std::move(found->second);
    waiting_.erase(found);
    for (const Payload& payload : out) bytes_ -= payload.size() + kOverhead_bytes;
    return out;
}

} // namespace swathe
