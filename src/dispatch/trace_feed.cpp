#include "dispatch/trace_feed.h"

#include "dispatch/generation.h"

#include <algorithm>
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <cstring>

namespace swathe {
namespace {

constexpr std::size_t kAll = SIZE_MAX;
constexpr unsigned kReadsToForget = 2;    // after these no program can still be about to report
constexpr std::size_t kMostEarlier = 4;   // generations whose events wait: each may hold tables of a million rules

dispatch_share share_of(const TraceShare& share) {
    dispatch_share record{};
    record.of[SK_DROP] = std::max(share.all, share.drops);
    record.of[SK_PASS] = share.all;
    return record;
}

Address address_of(const __u32 (&words)[4], bool is_ipv6) {
    if (!is_ipv6) return Address::v4(ntohl(words[3]));
    std::uint8_t bytes[16];
    std::memcpy(bytes, words, sizeof bytes);
    return Address::from_v6_bytes(bytes);
}

/// What became of a packet whose rule says `verdict`. Where a program before ours had chosen, its choice stands.
Verdict outcome_of(Verdict verdict, const dispatch_event& event) {
    if (verdict != Verdict::steer || event.error == 0) return verdict;
    return event.verdict == SK_PASS || event.error == EEXIST ? Verdict::pass : Verdict::drop;
}

} // namespace

std::vector<dispatch_share> shares_of(const TraceWish& wish, std::uint32_t slots) {
    std::vector<dispatch_share> shares(DISPATCH_STEER + slots, share_of(wish.everything));
    for (const auto& [slot, wanted] : wish.of_slot) {
        if (slot >= slots) break;
        const dispatch_share more = share_of(wanted);
        dispatch_share& share = shares[DISPATCH_STEER + slot];
        for (const int verdict : {SK_DROP, SK_PASS}) share.of[verdict] = std::max(share.of[verdict], more.of[verdict]);
    }
    return shares;
}

TracedDecision decision_of_event(const dispatch_event& event, const Tables& spoken) {
    const bool is_ipv6 = event.plane >= DISPATCH_PLANE(true, false);
    TracedDecision traced;
    traced.time_ns = event.time;
    traced.flow.protocol = event.plane == DISPATCH_PLANE(is_ipv6, true) ? Protocol::udp : Protocol::tcp;
    traced.flow.local = {address_of(event.local_ip, is_ipv6), event.local_port};
    traced.flow.remote = {address_of(event.remote_ip, is_ipv6), event.remote_port};
    traced.flow.ifindex = event.ifindex;
    const Decision decision = decision_of(spoken, event.choice, traced.flow);
    traced.verdict = outcome_of(decision.verdict, event);
    traced.rule = decision.rule;
    if (event.error > DISPATCH_REFUSED) traced.refusal = static_cast<DropReason>(event.error - DISPATCH_REFUSED - DISPATCH_BY_BLOCK);
    else traced.error = event.error;
    traced.random = event.random;
    traced.generation = event.generation;
    return traced;
}

void TraceFeed::Free::operator()(ring_buffer* ring) const noexcept { ring_buffer__free(ring); }

TraceFeed::~TraceFeed() = default;

Result<std::unique_ptr<TraceFeed>> TraceFeed::open(TraceWish wish) {
    std::unique_ptr<TraceFeed> feed(new TraceFeed(std::move(wish)));
    feed->events_.reset(bpf_map_create(BPF_MAP_TYPE_RINGBUF, "swathe_events", 0, 0, DISPATCH_EVENTS_BYTES, nullptr));
    if (!feed->events_) return system_failure("create ring buffer for the trace");
    feed->lost_.reset(bpf_map_create(BPF_MAP_TYPE_ARRAY, "swathe_lost", sizeof(std::uint32_t), sizeof(std::uint64_t), 1, nullptr));
    if (!feed->lost_) return system_failure("create counter of the trace");
    feed->ring_.reset(ring_buffer__new(feed->events_.get(), take, feed.get(), nullptr));
    if (!feed->ring_) return system_failure("map ring buffer of the trace");
    return feed;
}

Status TraceFeed::join(Generation& generation, std::uint64_t number) {
    auto loaded =
        generation.load_twin({events_.get(), lost_.get(), static_cast<std::uint32_t>(number)}, shares_of(wish_, generation.slots()));
    if (!loaded) broken_ = loaded.error();
    return loaded;
}

Status TraceFeed::change(TraceWish wish, Generation& current) {
    wish_ = std::move(wish);
    return current.set_shares(shares_of(wish_, current.slots()));
}

/// Negative: libbpf stops here.
int TraceFeed::take(void* feed, void* data, std::size_t size) noexcept {
    auto& self = *static_cast<TraceFeed*>(feed);
    dispatch_event event{};
    std::memcpy(&event, data, std::min(size, sizeof event));
    self.taken_.push_back(event);
    return --self.room_ == 0 ? -ECANCELED : 0;
}

void TraceFeed::drain(std::size_t most) {
    room_ = most;
    if (most > 0) (void)ring_buffer__consume(ring_.get());
}

void TraceFeed::retire(std::uint64_t number, Tables spoken) {
    drain(kAll);
    earlier_.push_back({number, std::move(spoken), std::exchange(taken_, {}), 0});
    if (earlier_.size() <= kMostEarlier) return;
    forgotten_ += earlier_.front().events.size();
    earlier_.pop_front();
}

const Tables* TraceFeed::spoken_of(std::uint64_t number) const {
    const auto found = std::find_if(earlier_.begin(), earlier_.end(), [&](const Earlier& e) { return e.number == number; });
    return found == earlier_.end() ? nullptr : &found->spoken;
}

std::uint64_t TraceFeed::lost_since_last() {
    const std::uint32_t key = 0;
    std::uint64_t lost = lost_before_;
    (void)bpf_map_lookup_elem(lost_.get(), &key, &lost);
    return lost - std::exchange(lost_before_, lost);
}

Result<TraceRead> TraceFeed::read(std::size_t most, std::uint64_t number, const Tables& spoken) {
    if (broken_) return Failure(*broken_);
    TraceRead read;
    read.lost = lost_since_last() + std::exchange(forgotten_, 0);
    const auto decode = [&](std::deque<dispatch_event>& events) {
        for (; !events.empty() && read.decisions.size() < most; events.pop_front()) {
            const dispatch_event& event = events.front();
            const Tables* const meant = event.generation == static_cast<std::uint32_t>(number) ? &spoken : spoken_of(event.generation);
            if (meant != nullptr) read.decisions.push_back(decision_of_event(event, *meant));
            else ++read.lost; // of a generation that is forgotten: what it meant is not known
        }
    };
    for (Earlier& earlier : earlier_) decode(earlier.events);
    if (taken_.empty()) drain(most - read.decisions.size());
    decode(taken_);
    for (Earlier& earlier : earlier_) ++earlier.reads;
    while (!earlier_.empty() && earlier_.front().events.empty() && earlier_.front().reads >= kReadsToForget) earlier_.pop_front();
    read.oldest_generation = earlier_.empty() ? number : earlier_.front().number;
    return read;
}

} // namespace swathe
