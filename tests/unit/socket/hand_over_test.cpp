#include "socket/hand_over.h"

#include <deque>
#include <functional>
#include <random>

#include <doctest/doctest.h>

using namespace swathe;

namespace {

unsigned below(std::mt19937& random, unsigned limit) { return static_cast<unsigned>(random() % limit); }

Payload numbered(unsigned n) { return {static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n & 0xff)}; }

/// A kernel of two queues, and a client who may send before and after each step of it. A datagram gets to its queue some steps after that
/// was chosen, but never after another one.
class FakeFlow : public FlowHandling {
public:
    std::deque<Payload> listener, socket;
    bool hidden = false;
    unsigned sent = 0;
    std::size_t room = 1'000'000;    ///< of the flow's socket, in datagrams
    std::function<unsigned()> rate;  ///< how many the client sends now
    std::size_t injected = 0, vanish_after = 1'000'000;
    bool given_up = false;           ///< it may inject although newer ones come by themselves

    std::function<bool()> lags;      ///< is the oldest that is on its way to stay there for another step?

    void send(unsigned count) {
        for (unsigned i = 0; i < count; ++i) on_way.emplace_back(hidden ? &listener : &socket, numbered(sent++));
        if (!lags) land();
    }
    void land() {
        for (; !on_way.empty(); on_way.pop_front()) on_way.front().first->push_back(on_way.front().second);
    }
    void settle() override {
        tick();
        land();
        tick();
    }
    Payloads drain() override { return step(listener); }
    Payloads take() override { return step(socket); }
    Status hide() override { return turn(true); }
    Status show() override { return turn(false); }
    void make_room(const Payloads&) override {}
    Injection inject(const Payload& payload) override {
        CHECK((hidden || given_up));
        ++injected;
        const bool fits = socket.size() < room;
        if (fits && injected <= vanish_after) socket.push_back(payload);
        tick();
        return injected > vanish_after ? Injection::vanished : fits ? Injection::arrived : Injection::refused;
    }

private:
    void tick() {
        if (rate) send(rate());
        for (; !on_way.empty() && !lags(); on_way.pop_front()) on_way.front().first->push_back(on_way.front().second);
    }
    Payloads step(std::deque<Payload>& queue) {
        tick();
        Payloads out(queue.begin(), queue.end());
        queue.clear();
        tick();
        return out;
    }
    Status turn(bool hide) {
        tick();
        hidden = hide;
        tick();
        return {};
    }

    std::deque<std::pair<std::deque<Payload>*, Payload>> on_way;
};

/// The client has sent `first` before the flow's socket was opened.
void begin(FakeFlow& flow, unsigned first) {
    flow.hidden = true;
    flow.send(first);
    flow.hidden = false;
}

void check_order(const FakeFlow& flow) {
    REQUIRE(flow.socket.size() == flow.sent);
    for (unsigned i = 0; i < flow.sent; ++i) REQUIRE(flow.socket[i] == numbered(i));
    CHECK(flow.listener.empty());
    CHECK_FALSE(flow.hidden);
}

} // namespace

TEST_CASE("hand over: one datagram of a client who waits for the answer takes a single round") {
    FakeFlow flow;
    begin(flow, 1);
    const auto done = hand_over(flow);
    REQUIRE(done);
    CHECK(done->injected == 1);
    CHECK(done->lost == 0);
    CHECK(done->in_order);
    check_order(flow);
}

TEST_CASE("hand over: whenever the client sends, nothing is lost and nothing overtakes") {
    for (unsigned seed = 0; seed < 3000; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        FakeFlow flow;
        begin(flow, 1 + below(random, 5));
        const unsigned until = 40; // then the client pauses
        flow.rate = [&] { return flow.sent < until && below(random, 4) == 0 ? 1 + below(random, 3) : 0; };
        const auto done = hand_over(flow);
        REQUIRE(done);
        CHECK(done->in_order);
        CHECK(done->lost == 0);
        check_order(flow);
    }
}

TEST_CASE("hand over: nothing overtakes a datagram that is still on its way to the socket that was chosen for it") {
    for (unsigned seed = 0; seed < 3000; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        FakeFlow flow;
        begin(flow, 2 + below(random, 5)); // he does not wait for an answer
        const unsigned until = 40;
        flow.rate = [&] { return flow.sent < until && below(random, 4) == 0 ? 1 + below(random, 3) : 0; };
        flow.lags = [&] { return below(random, 2) == 0; };
        const auto done = hand_over(flow);
        flow.land();
        REQUIRE(done);
        CHECK(done->in_order);
        CHECK(done->lost == 0);
        check_order(flow);
    }
}

TEST_CASE("hand over: a client who never pauses is handed over in order as soon as it misses one moment") {
    for (unsigned seed = 0; seed < 300; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        FakeFlow flow;
        begin(flow, 3);
        flow.rate = [&] { return below(random, 10) == 0 ? 1U : 0U; };
        const auto done = hand_over(flow);
        flow.rate = {};
        REQUIRE(done);
        CHECK(done->in_order);
        check_order(flow);
    }
}

TEST_CASE("hand over: a client who sends at every step is given up on after a while, and still none is lost") {
    FakeFlow flow;
    begin(flow, 1);
    flow.given_up = true;
    unsigned left = 2000;
    bool in_turn = false;
    flow.rate = [&]() -> unsigned { // in the one moment that matters, each time, and nowhere else
        in_turn = !in_turn;
        return !flow.hidden || left == 0 ? 0 : (--left, flow.listener.empty() && in_turn ? 1 : 0);
    };
    const auto done = hand_over(flow);
    flow.rate = {};
    REQUIRE(done);
    CHECK(done->lost == 0);
    CHECK(flow.socket.size() + flow.listener.size() == flow.sent);
}

TEST_CASE("hand over: what does not fit into the socket is counted") {
    FakeFlow flow;
    begin(flow, 10);
    flow.room = 7;
    const auto done = hand_over(flow);
    REQUIRE(done);
    CHECK(done->injected == 7);
    CHECK(done->lost == 3);
    CHECK(flow.socket.size() == 7);
}

TEST_CASE("hand over: once a datagram has vanished nobody waits for those behind it, and all are counted") {
    FakeFlow flow;
    begin(flow, 10);
    flow.vanish_after = 2;
    const auto done = hand_over(flow);
    REQUIRE(done);
    CHECK(flow.injected == 3);
    CHECK(done->injected == 2);
    CHECK(done->lost == 8);
}
