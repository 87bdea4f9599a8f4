#include "log_world.h"

#include <deque>
#include <random>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("log ring: it has the last lines that fit, whatever its size") {
    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    for (const std::size_t capacity : {std::size_t{0}, kHeader, kHeader + 1, std::size_t{100}, std::size_t{1023}, std::size_t{5000}}) {
        CAPTURE(capacity);
        LogRing ring;
        ring.resize(capacity);
        std::deque<std::string> expected;
        std::size_t used = 0;
        for (int i = 0; i < 2000; ++i) {
            std::string text(random() % 8 == 0 ? random() % 3000 : random() % 60, static_cast<char>('a' + i % 26));
            ring.push(line(text));
            if (capacity <= kHeader) continue;
            text.resize(std::min(text.size(), capacity - kHeader));
            used += kHeader + text.size();
            expected.push_back(std::move(text));
            for (; used > capacity; expected.pop_front()) used -= kHeader + expected.front().size();
            REQUIRE(texts_of(ring) == Lines(expected.begin(), expected.end()));
            REQUIRE(ring.memory() <= capacity);
        }
        CHECK(ring.end().number == (capacity <= kHeader ? 0U : 2000U));
    }
}

TEST_CASE("log ring: memory comes with the lines and goes with the size") {
    LogRing ring;
    ring.resize(1U << 20);
    CHECK(ring.memory() == 0);
    ring.push(line("one"));
    CHECK(ring.memory() <= 1024);
    for (int i = 0; i < 100'000; ++i) ring.push(line("0123456789"));
    CHECK(ring.memory() == 1U << 20);
    const auto before = texts_of(ring).size();
    CHECK(before == (1U << 20) / (kHeader + 10));
    ring.resize(kHeader + 10);
    CHECK(texts_of(ring) == Lines{"0123456789"});
    CHECK(ring.memory() == kHeader + 10);
    ring.resize(0);
    CHECK(texts_of(ring).empty());
    CHECK(ring.memory() == 0);
    ring.resize(100);
    ring.push(line("again"));
    CHECK(texts_of(ring) == Lines{"again"});
}

TEST_CASE("log ring: who is overtaken is told how many lines it has missed") {
    LogRing ring;
    ring.resize(3 * (kHeader + 1));
    LogRing::Cursor cursor = ring.begin();
    for (const char* text : {"a", "b", "c"}) ring.push(line(text));
    CHECK(ring.catch_up(cursor) == 0);
    CHECK(ring.read(cursor)->text == "a");
    for (const char* text : {"d", "e", "f"}) ring.push(line(text));
    CHECK(ring.catch_up(cursor) == 2); // b and c
    CHECK(ring.read(cursor)->text == "d");
}
