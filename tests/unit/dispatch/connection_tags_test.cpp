#include "dispatch/connection_tags.h"
#include "sandbox.h"

#include <cerrno>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <doctest/doctest.h>

using namespace swathe;
using test::Sandbox;

namespace {

std::uint64_t tag_of(const ConnectionTags& tags, int fd) {
    std::uint64_t tag = 0;
    REQUIRE(bpf_map_lookup_elem(tags.fd(), &fd, &tag) == 0);
    return tag;
}

} // namespace

TEST_CASE("connection tags: pinned 0600, they outlive who put them, and the successor reads and changes them") {
    const std::string pin = Sandbox::instance().bpffs() + "/tags";
    const UniqueFd listener = test::tcp_listener();
    { REQUIRE(ConnectionTags::create(pin).value().put(listener.get(), 41)); }
    struct stat status {};
    REQUIRE(::stat(pin.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    ConnectionTags successor = ConnectionTags::create(pin).value();
    CHECK(tag_of(successor, listener.get()) == 41);
    REQUIRE(successor.put(listener.get(), 42));
    CHECK(tag_of(successor, listener.get()) == 42);
    REQUIRE(::unlink(pin.c_str()) == 0);
    const ConnectionTags fresh = ConnectionTags::create(pin).value();
    std::uint64_t none = 0;
    const int fd = listener.get();
    CHECK(bpf_map_lookup_elem(fresh.fd(), &fd, &none) == -ENOENT);
    REQUIRE(::unlink(pin.c_str()) == 0);
}

TEST_CASE("connection tags: a pin of another kind, a directory that is not there, and what is no socket are errors") {
    const std::string pin = Sandbox::instance().bpffs() + "/other";
    const UniqueFd other(bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 8, 1, nullptr));
    REQUIRE(bpf_obj_pin(other.get(), pin.c_str()) == 0);
    CHECK(ConnectionTags::create(pin).error().to_string() == pin + ": not a map of connection tags");
    REQUIRE(::unlink(pin.c_str()) == 0);
    CHECK(ConnectionTags::create(Sandbox::instance().bpffs() + "/gone/tags").error().errno_value == ENOENT);
    ConnectionTags tags = ConnectionTags::create("").value();
    CHECK_FALSE(tags.put(other.get(), 1));
    CHECK_FALSE(tags.put(-1, 1));
}
