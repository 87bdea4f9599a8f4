#include "socket/flow_inbox.h"

#include "socket/datagrams.h"

#include <iterator>
#include <utility>

namespace swathe {

/// Takes its room, or counts it as a loss.
bool FlowInbox::fits(const Payload& payload) {
    const std::size_t size = payload.size() + kOverhead_bytes;
    const bool fits = bytes_ + size <= kRoom_bytes;
    if (fits) bytes_ += size;
    else ++losses_.unfit;
    return fits;
}

void FlowInbox::put(Datagram&& datagram) {
    if (!fits(datagram.payload)) return;
    auto [found, is_new] = waiting_.try_emplace(datagram.flow);
    found->second.push_back(std::move(datagram.payload));
    if (is_new) order_.push_back(datagram.flow);
}

void FlowInbox::put_back(const UdpFlow& flow, Payloads&& payloads) {
    std::erase_if(payloads, [this](const Payload& payload) { return !fits(payload); });
    if (payloads.empty()) return;
    auto [found, is_new] = waiting_.try_emplace(flow);
    Payloads& waiting = found->second;
    waiting.insert(waiting.begin(), std::make_move_iterator(payloads.begin()), std::make_move_iterator(payloads.end()));
    if (is_new) order_.push_back(flow);
}

void FlowInbox::read(int listener) {
    read_datagrams(listener, kMostRead, [this](Datagram&& datagram) { put(std::move(datagram)); }, [this] { ++losses_.stray; });
}

std::optional<UdpFlow> FlowInbox::next() const {
    while (!order_.empty() && waiting_.find(order_.front()) == waiting_.end()) order_.pop_front();
    return order_.empty() ? std::nullopt : std::optional(order_.front());
}

std::size_t FlowInbox::datagrams() const noexcept {
    std::size_t count = 0;
    for (const auto& [flow, payloads] : waiting_) count += payloads.size();
    return count;
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
