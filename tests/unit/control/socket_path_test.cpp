#include "control/socket_path.h"

#include "fixture.h"

#include <fstream>

using namespace swathe;
using swathe::test::TempDir;

namespace {

mode_t mode_of(const std::string& path) {
    struct stat st {};
    REQUIRE(::lstat(path.c_str(), &st) == 0);
    return st.st_mode & 07777;
}

bool exists(const std::string& path) { return std::filesystem::exists(std::filesystem::symlink_status(path)); }

} // namespace

TEST_CASE("socket path: without a group it is its owner's alone, whatever the umask") {
    const TempDir dir;
    const mode_t old = ::umask(0);
    const auto listening = ListeningPath::open(dir / "control", std::nullopt);
    (void)::umask(old);
    REQUIRE(listening);
    CHECK(mode_of(dir / "control") == 0600);
}

TEST_CASE("socket path: with a group its members may connect") {
    const TempDir dir;
    const auto listening = ListeningPath::open(dir / "control", ::getegid());
    REQUIRE(listening);
    CHECK(mode_of(dir / "control") == 0660);
}

TEST_CASE("socket path: it goes away with its owner, and is left alone when it is somebody else's by then") {
    const TempDir dir;
    { const auto listening = ListeningPath::open(dir / "control", std::nullopt); }
    CHECK_FALSE(exists(dir / "control"));
    {
        const auto listening = ListeningPath::open(dir / "control", std::nullopt);
        std::filesystem::rename(dir / "control", dir / "old");
        std::ofstream(dir / "control") << "other";
    }
    CHECK(exists(dir / "control"));
}

TEST_CASE("socket path: a socket that nobody listens on is replaced") {
    const TempDir dir;
    {
        const auto address = unix_address(dir / "control");
        const UniqueFd dead{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        REQUIRE(::bind(dead.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) == 0);
    }
    REQUIRE(exists(dir / "control"));
    CHECK(ListeningPath::open(dir / "control", std::nullopt));
}

TEST_CASE("socket path: a daemon that answers, and what is no socket, are left alone") {
    const TempDir dir;
    const auto first = ListeningPath::open(dir / "control", std::nullopt);
    REQUIRE(first);
    const auto second = ListeningPath::open(dir / "control", std::nullopt);
    REQUIRE_FALSE(second);
    CHECK(second.error().errno_value == EADDRINUSE);
    CHECK(exists(dir / "control"));

    std::ofstream(dir / "file") << "precious";
    CHECK(ListeningPath::open(dir / "file", std::nullopt).error().errno_value == EEXIST);
    std::filesystem::create_symlink(dir / "control", dir / "link");
    CHECK(ListeningPath::open(dir / "link", std::nullopt).error().errno_value == EEXIST);
    CHECK(std::filesystem::file_size(dir / "file") == 8);
}

TEST_CASE("socket path: as long as the kernel takes and not a byte longer") {
    CHECK(unix_address(std::string(107, 'p')));
    CHECK(unix_address(std::string(108, 'p')).error().errno_value == ENAMETOOLONG);
    CHECK_FALSE(unix_address(""));
    CHECK_FALSE(unix_address(std::string("a\0b", 3)));
}
