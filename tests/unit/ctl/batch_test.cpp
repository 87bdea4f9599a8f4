#include "ctl/batch.h"

#include <doctest/doctest.h>

using namespace swathe;
using namespace swathe::ctl;

namespace {

std::string shown(const BatchItem& item) {
    if (const auto* error = std::get_if<Error>(&item)) return "error: " + error->message;
    const auto& q = std::get<ExplainQuery>(item);
    return q.protocol + "|" + q.address + "|" + q.port + "|" + q.from + "|" + q.interface;
}

std::string read(std::string_view line) {
    const auto query = read_batch_line(line);
    return query ? shown(*query) : "error";
}

std::vector<std::string> fed(std::initializer_list<std::string_view> chunks) {
    BatchReader reader;
    std::vector<BatchItem> items;
    for (const std::string_view chunk : chunks) reader.feed(chunk, items);
    reader.finish(items);
    std::vector<std::string> all;
    for (const BatchItem& item : items) all.push_back(shown(item));
    return all;
}

} // namespace

TEST_CASE("batch: a line has three to five words") {
    struct Case {
        const char* line;
        const char* expected;
    };
    const Case cases[] = {
        {"tcp 192.0.2.9 443", "tcp|192.0.2.9|443||"},
        {"  tcp\t192.0.2.9   443 \r", "tcp|192.0.2.9|443||"},
        {"udp 2001:db8::1 53 [2001:db8::9]:5353", "udp|2001:db8::1|53|[2001:db8::9]:5353|"},
        {"udp 2001:db8::1 53 2001:db8::9 eth0", "udp|2001:db8::1|53|2001:db8::9|eth0"},
        {"tcp 192.0.2.9 443 203.0.113.7:5555 eth0", "tcp|192.0.2.9|443|203.0.113.7:5555|eth0"},
        {"tcp 192.0.2.9 443 eth0", "tcp|192.0.2.9|443||eth0"},
        {"tcp 192.0.2.9 443 - eth0.7", "tcp|192.0.2.9|443||eth0.7"},
        {"tcp 192.0.2.9 443 203.0.113.999", "tcp|192.0.2.9|443|203.0.113.999|"}, // no address, but never an interface
        {"tcp 192.0.2.9 443 -", "tcp|192.0.2.9|443||"},
        {"tcp 192.0.2.9 443 203.0.113.7 -", "tcp|192.0.2.9|443|203.0.113.7|"},
        {"", "error"},
        {" \t ", "error"},
        {"tcp 192.0.2.9", "error"},
        {"tcp 192.0.2.9 443 203.0.113.7 eth0 more", "error"},
    };
    for (const Case& c : cases) {
        CAPTURE(c.line);
        CHECK(read(c.line) == c.expected);
    }
}

TEST_CASE("batch: lines are found wherever the stream is cut") {
    const std::vector<std::string> expected{"a|b|1||", "c|d|2||"};
    CHECK(fed({"a b 1\nc d 2\n"}) == expected);
    CHECK(fed({"a b 1\nc d 2"}) == expected);
    CHECK(fed({"a ", "b 1", "\n", "", "c d", " 2\n"}) == expected);
    CHECK(fed({"a b 1\n", "c d 2"}) == expected);
    CHECK(fed({}).empty());
    CHECK(fed({"\n\n"}).size() == 2); // each line has its answer
}

TEST_CASE("batch: the longest line is read, and of a longer one nothing is kept") {
    const std::string fits = "a b " + std::string(kLongestBatchLine - 4, '1');
    CHECK(fed({fits, "\nc d 2\n"}) == std::vector<std::string>{"a|b|" + fits.substr(4) + "||", "c|d|2||"});
    const std::vector<std::string> refused{"error: line longer than 512 bytes", "c|d|2||"};
    CHECK(fed({fits + "1\nc d 2\n"}) == refused);
    CHECK(fed({fits, "1", std::string(100'000, 'x'), "x\nc d 2\n"}) == refused);
    CHECK(fed({std::string(kLongestBatchLine + 1, ' ')}) == std::vector<std::string>{refused[0]});
}
