#include "socket/hand_over.h"

#include "base/clock.h"
#include "socket/datagrams.h"

#include <algorithm>
#include <iterator>
#include <sched.h>

namespace swathe {
namespace {

/// From a socket's lookup to its queue it is a few microseconds (udp.c, __udp4_lib_rcv), while interrupts may come.
constexpr Duration kOnItsWay = std::chrono::microseconds(100);

void yield_until(Monotonic end) {
    while (now() < end) ::sched_yield();
}

void append(Payloads& to, Payloads&& more) {
    to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// Is it there? A wait for each of thousands that vanish would hold the daemon.
bool put(FlowHandling& flow, const Payload& payload, bool& vanished) {
    if (vanished) return false;
    const Injection done = flow.inject(payload);
    vanished = done == Injection::vanished;
    return done == Injection::arrived;
}

/// While the socket is hidden: `first`, then what has come to the listener since, until nothing more has.
void inject_all(FlowHandling& flow, Payloads first, HandedOver& result, bool& vanished) {
    result.injected = 0;
    for (std::size_t count = 0; !first.empty(); first = flow.drain()) {
        flow.make_room(first);
        for (const Payload& payload : first) ++(put(flow, payload, vanished) ? result.injected : result.lost);
        count += first.size();
        if (count >= kMostInjected) return;
    }
}

class RealHandling : public FlowHandling {
public:
    RealHandling(const FlowSocket& socket, const UdpFlow& flow, int listener, FlowInbox& inbox, FlowInjector& injector)
        : socket_(socket), flow_(flow), listener_(listener), inbox_(inbox), injector_(injector) {}

    Payloads drain() override {
        inbox_.read(listener_);
        return inbox_.take(flow_);
    }
    Payloads take() override { return read_payloads(socket_.fd(), FlowInbox::kMostRead); }
    Status hide() override { return socket_.hide(); }
    Status show() override { return socket_.show(); }
    void make_room(const Payloads& for_these) override { socket_.make_room(for_these); }
    void settle() override { yield_until(later(now(), kOnItsWay)); }

    /// It has come through once the socket's memory says so: sooner show() would let newer ones overtake it.
    Injection inject(const Payload& payload) override {
        const FlowActivity before = socket_.activity();
        if (!injector_.send({flow_, payload})) return Injection::refused;
        const Injection done = wait_for_change(before, later(now(), injector_.patience()));
        injector_.note(done != Injection::vanished);
        return done;
    }

private:
    [[nodiscard]] Injection wait_for_change(const FlowActivity& before, Monotonic deadline) const {
        for (;;) {
            const FlowActivity after = socket_.activity();
            if (after.unread_bytes != before.unread_bytes) return Injection::arrived;
            if (after.dropped != before.dropped) return Injection::refused;
            if (now() >= deadline) return Injection::vanished;
            ::sched_yield();
        }
    }

    const FlowSocket& socket_;
    const UdpFlow& flow_;
    const int listener_;
    FlowInbox& inbox_;
    FlowInjector& injector_;
};

} // namespace

/// While the socket shows, nothing new comes to the listener: what drain() finds then is older than all that show() has let in. What has
/// come in while it showed is taken out and put behind that again, as long as anything was found. Of a client who has sent one and waits
/// for the answer nothing can be on its way.
Result<HandedOver> hand_over(FlowHandling& flow) {
    HandedOver result;
    bool vanished = false;
    Payloads missed = flow.drain();
    bool busy = missed.size() > 1;
    if (busy) {
        flow.settle();
        append(missed, flow.drain());
    }
    for (int round = 0; round < kMostRounds; ++round) {
        if (auto hidden = flow.hide(); !hidden) return Failure(std::move(hidden).error());
        if (busy) flow.settle();
        Payloads all = flow.take();
        const auto newer = all.begin() + static_cast<std::ptrdiff_t>(std::min(result.injected, all.size()));
        all.insert(newer, std::make_move_iterator(missed.begin()), std::make_move_iterator(missed.end()));
        busy = busy || all.size() > 1;
        inject_all(flow, std::move(all), result, vanished);
        if (auto shown = flow.show(); !shown) return Failure(std::move(shown).error());
        if (busy) flow.settle();
        missed = flow.drain();
        if (missed.empty()) return result;
        busy = true;
    }
    for (const Payload& payload : missed) ++(put(flow, payload, vanished) ? result.injected : result.lost);
    result.in_order = false;
    return result;
}

Result<HandedOver> hand_over(const FlowSocket& socket, const UdpFlow& flow, int listener, FlowInbox& inbox,
                             FlowInjector& injector) {
    RealHandling handling(socket, flow, listener, inbox, injector);
    return hand_over(handling);
}

} // namespace swathe
