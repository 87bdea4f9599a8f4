#include "socket/descriptors.h"

#include "base/unique_fd.h"

#include <vector>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/resource.h>

using namespace swathe;

namespace {

/// Until its end no descriptor has a number of `most` or more.
class Limit {
public:
    explicit Limit(int most) {
        REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        const rlimit lower{static_cast<rlim_t>(most), before_.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_NOFILE, &lower) == 0);
    }
    ~Limit() { CHECK(::setrlimit(RLIMIT_NOFILE, &before_) == 0); }
    Limit(const Limit&) = delete;
    Limit& operator=(const Limit&) = delete;

private:
    rlimit before_{};
};

/// All numbers below kFirst, whatever else the process was given.
constexpr int kFirst = 100;

std::vector<UniqueFd> all_below_first() {
    std::vector<UniqueFd> all;
    do all.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    while (all.back() && all.back().get() < kFirst);
    REQUIRE(all.back().get() == kFirst);
    all.pop_back();
    return all;
}

UniqueFd copy_at(int any, int number) { return UniqueFd(::fcntl(any, F_DUPFD_CLOEXEC, number)); }

} // namespace

TEST_CASE("descriptors: as many as can be opened, and no more") {
    CHECK(has_descriptors(kDescriptorsOfStart)); // what it keeps open is open now
    const auto below = all_below_first();
    const Limit limit(kFirst + 5);
    CHECK(has_descriptors(5));
    CHECK_FALSE(has_descriptors(6));
}

TEST_CASE("descriptors: those between others count, and those above a limit that was lowered do not") {
    CHECK(has_descriptors(kDescriptorsOfStart));
    const auto below = all_below_first();
    const int any = below.back().get();
    const UniqueFd between = copy_at(any, kFirst + 2);
    const UniqueFd above[] = {copy_at(any, kFirst + 100), copy_at(any, kFirst + 101), copy_at(any, kFirst + 102)};
    const Limit limit(kFirst + 4);
    CHECK(has_descriptors(3));
    CHECK_FALSE(has_descriptors(4));
}
