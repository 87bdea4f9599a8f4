#include "log_world.h"

using namespace swathe;
using namespace swathe::test;

TEST_CASE("log reader: lines of several services come in order of time, the last of all together") {
    World world;
    const auto edge = world.logs->open("edge"), dns = world.logs->open("dns"), none = world.logs->open("none");
    Service size = service();
    for (const auto& log : {edge, dns, none}) log->configure(size);
    const LogReader::Logs all{edge, dns, none};
    auto put = [](const std::shared_ptr<ServiceLog>& log, std::string_view text, std::int64_t time) {
        const_cast<LogRing&>(log->ring()).push(line(text, time)); // as if it had been read at `time`
    };
    for (std::int64_t time = 1; time <= 8; ++time) put(time % 3 == 0 ? dns : edge, std::to_string(time), time);

    const auto told = [&](const LogQuery& query) {
        LogReader reader(query);
        reader.begin(all);
        return reader.next(all);
    };
    CHECK(texts_of(told({})) == Lines{"1", "2", "3", "4", "5", "6", "7", "8"});
    CHECK(told({}).complete);
    CHECK(texts_of(told({{"dns"}, UINT32_MAX, false})) == Lines{"3", "6"});
    CHECK(texts_of(told({{}, 4, false})) == Lines{"5", "6", "7", "8"});
    CHECK(texts_of(told({{"edge", "none"}, 2, false})) == Lines{"7", "8"});
    CHECK(told({{}, 0, false}).lines.empty());
    CHECK(told({{"none"}, UINT32_MAX, false}).complete);

    LogReader follower({{}, 1, true});
    follower.begin(all);
    CHECK(texts_of(follower.next(all)) == Lines{"8"});
    CHECK_FALSE(follower.next(all).complete);
    put(dns, "9", 9);
    const auto late = world.logs->open("late");
    late->configure(size);
    put(late, "10", 10);
    CHECK(texts_of(follower.next({edge, dns, none, late})) == Lines{"9", "10"});
    LogReader once({});
    once.begin(all);
    put(edge, "11", 11);
    CHECK(texts_of(once.next({edge, dns, none, late})).back() == "9"); // what comes later is not asked for
}

TEST_CASE("log reader: batches are bounded, and what was overwritten is counted") {
    World world;
    const auto log = world.logs->open("edge");
    Service chatty = service();
    chatty.log_ring_bytes = 4U << 20;
    log->configure(chatty);
    auto& ring = const_cast<LogRing&>(log->ring());
    LogReader reader({{}, UINT32_MAX, true});
    reader.begin({log});
    for (int i = 0; i < 2500; ++i) ring.push(line("short"));
    for (const std::size_t expected : {kMostLinesPerBatch, kMostLinesPerBatch, std::size_t{500}, std::size_t{0}})
        CHECK(reader.next({log}).lines.size() == expected);
    const std::string longest(kLongestLine, 'x');
    for (int i = 0; i < 10; ++i) ring.push(line(longest));
    CHECK(reader.next({log}).lines.size() == kMostBytesPerBatch / kLongestLine + 1);
    CHECK(reader.next({log}).lines.size() == 10 - (kMostBytesPerBatch / kLongestLine + 1));
    chatty.log_ring_bytes = 2 * (kHeader + 1);
    log->configure(chatty);
    for (int i = 0; i < 10; ++i) ring.push(line("x"));
    const LogBatch batch = reader.next({log});
    CHECK(batch.lost == 8);
    CHECK(batch.lines.size() == 2);
}

TEST_CASE("log followers: each has its own pace, and their number is limited") {
    World world;
    const auto log = world.logs->open("edge");
    auto ends = log->begin(service(), command(), std::nullopt);
    REQUIRE(ends);
    struct Reader {
        Lines got;
        std::string ended;
        bool reads = true;
        bool complete = false;
    };
    Reader quick, slow, once;
    const auto feed = [](Reader& reader) {
        return [&reader](const LogBatch& batch) {
            if (!reader.reads) return false;
            for (const LogLineView& one : batch.lines) reader.got.push_back(one.text);
            if (!batch.ended.empty()) reader.ended = batch.ended;
            reader.complete = batch.complete;
            return true;
        };
    };
    slow.reads = false;
    auto first = world.logs->followers().begin({{}, 10, true}, feed(quick));
    auto second = world.logs->followers().begin({{"edge"}, 10, true}, feed(slow));
    REQUIRE(first);
    REQUIRE(second);
    write(ends->output(), "one\ntwo\n");
    CHECK(world.run_until([&] { return quick.got.size() == 2; }));
    auto third = world.logs->followers().begin({{}, 1, false}, feed(once));
    CHECK(world.run_until([&] { return once.complete; }));
    CHECK(once.got == Lines{"two"});
    write(ends->output(), "three\n");
    CHECK(world.run_until([&] { return quick.got.size() == 3; }));
    CHECK(once.got.size() == 1);
    slow.reads = true;
    CHECK(world.run_until([&] { return slow.got == quick.got; }));

    first->reset(); // who leaves is told nothing more
    write(ends->output(), "four\n");
    CHECK(world.run_until([&] { return slow.got.size() == 4; }));
    CHECK(quick.got.size() == 3);

    std::vector<Result<LogHandle>> many;
    for (std::size_t i = 0; i < kMostFollowers - 2; ++i)
        CHECK(many.emplace_back(world.logs->followers().begin({{}, 0, true}, feed(once))).has_value());
    CHECK(world.logs->followers().begin({{}, 0, true}, feed(once)).error().to_string() == "16 clients read logs already");
    many.clear();
    CHECK(world.logs->followers().begin({{}, 0, true}, feed(once)).has_value());

    write(ends->output(), "five\n");
    log->drain();
    world.logs->followers().stop("the end");
    CHECK(slow.got.back() == "five"); // the last lines come before
    CHECK(slow.ended == "the end");
    CHECK(world.logs->knows("edge"));
    CHECK_FALSE(world.logs->knows("edg"));
}
