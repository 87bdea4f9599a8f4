#include "process/dynamic_user.h"
#include "support.h"

#include <sys/file.h>

using namespace swathe;
using namespace swathe::test;

TEST_CASE("dynamic user: one number for a name while it is held, from systemd's range, and the same one the next time") {
    const TempDir dir;
    const std::string locks = dir / "locks/uid";
    uid_t first = 0;
    {
        const auto one = DynamicUser::hold("one", locks);
        REQUIRE(one);
        const auto again = DynamicUser::hold("one", locks);
        const auto other = DynamicUser::hold("other", locks);
        REQUIRE((again && other));
        first = (*one)->uid();
        CHECK((first >= DynamicUser::kFirst && first <= DynamicUser::kLast));
        CHECK(*one == *again);
        CHECK((*other)->uid() != first);
        CHECK(read_report(locks + "/" + std::to_string(first)).count("one") == 1);
    }
    CHECK(std::filesystem::is_empty(locks));
    const auto later = DynamicUser::hold("one", locks);
    CHECK((later && (*later)->uid() == first));
}

TEST_CASE("dynamic user: a number that somebody else has locked is passed over") {
    const TempDir dir;
    const std::string locks = dir / "locks/uid";
    uid_t first = 0;
    {
        const auto user = DynamicUser::hold("one", locks);
        REQUIRE(user);
        first = (*user)->uid();
    }
    const UniqueFd foreign(::open((locks + "/" + std::to_string(first)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)); // as systemd does
    REQUIRE(::flock(foreign.get(), LOCK_EX) == 0);
    const auto user = DynamicUser::hold("one", locks);
    REQUIRE(user);
    CHECK((*user)->uid() != first);
}
