#include "socket/accepted.h"

#include <cerrno>

#include <doctest/doctest.h>

#include <sys/socket.h>

using namespace swathe;

TEST_CASE("accept: an error that might be of one connection, and comes for ever, does not hold the caller") {
    const UniqueFd datagrams(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)); // EOPNOTSUPP, as some networks give it
    REQUIRE(datagrams);
    const AcceptedSocket refused = accept_next(datagrams.get());
    CHECK(refused.outcome == AcceptedSocket::Outcome::failed);
    CHECK(refused.error == EOPNOTSUPP);
}
