#include "process/private_tmp.h"
#include "support.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

using namespace swathe;
using namespace swathe::test;

namespace {

PrivateTmp must_make(const TempDir& dir, const std::string& service = "web") {
    auto made = PrivateTmp::make(service, {dir.path(), dir.path()});
    if (!made) FAIL(made.error().to_string());
    return std::move(*made);
}

mode_t mode_of(const std::string& path) {
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
}

std::size_t entries_in(const std::string& path) {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), std::filesystem::directory_iterator()));
}

} // namespace

TEST_CASE("private_tmp: two directories that all may write to, each in one that only its owner enters") {
    const TempDir dir;
    const mode_t mask = ::umask(077);
    const PrivateTmp made = must_make(dir);
    (void)::umask(mask);
    CHECK(made.tmp() != made.var_tmp());
    for (const std::string& path : {made.tmp(), made.var_tmp()}) {
        CHECK(path.starts_with(dir.path() + "/swathe-private-web-"));
        CHECK(mode_of(path) == 01777);
        CHECK(mode_of(path.substr(0, path.rfind('/'))) == 0700);
    }
}

TEST_CASE("private_tmp: while it lives, a cleaner that asks for the lock does not get it") {
    const TempDir dir;
    const PrivateTmp made = must_make(dir);
    const std::string outer = made.tmp().substr(0, made.tmp().rfind('/'));
    const UniqueFd fd(::open(outer.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(fd);
    CHECK(::flock(fd.get(), LOCK_EX | LOCK_NB) == -1);
    CHECK(errno == EWOULDBLOCK);
}

TEST_CASE("private_tmp: it goes with all that is in it, and nothing that its links lead to") {
    const TempDir dir, elsewhere;
    std::ofstream(elsewhere / "kept") << "x";
    PrivateTmp made = must_make(dir);
    std::filesystem::create_directories(made.tmp() + "/a/b/c");
    std::filesystem::create_directory(made.tmp() + "/a/empty");
    std::ofstream(made.tmp() + "/a/b/c/file") << "x";
    std::filesystem::create_symlink(elsewhere.path(), made.tmp() + "/a/link");
    std::filesystem::create_symlink(elsewhere.path(), made.var_tmp() + "/link");
    CHECK(made.remove());
    CHECK(entries_in(dir.path()) == 0);
    CHECK(entries_in(elsewhere.path()) == 1);
    CHECK(made.remove()); // a second time there is nothing to do
}

TEST_CASE("private_tmp: directories that are nested deeper than a path may be long are removed with few descriptors") {
    const TempDir dir;
    PrivateTmp made = must_make(dir);
    UniqueFd at(::open(made.tmp().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    for (int depth = 0; depth < 3000; ++depth) {
        REQUIRE(::mkdirat(at.get(), "deep", 0700) == 0);
        at = UniqueFd(::openat(at.get(), "deep", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        REQUIRE(at);
    }
    at.reset();
    CHECK(made.remove());
    CHECK(entries_in(dir.path()) == 0);
}

TEST_CASE("private_tmp: the end of the object removes it, a move does not; a name as long as may be has room") {
    const TempDir dir;
    {
        PrivateTmp first = must_make(dir, std::string(247, 'n'));
        std::ofstream(first.tmp() + "/file") << "x";
        const PrivateTmp second = std::move(first);
        CHECK(entries_in(dir.path()) == 2);
    }
    CHECK(entries_in(dir.path()) == 0);
}

TEST_CASE("private_tmp: a root that is not there is an error, and leaves nothing behind") {
    const TempDir dir;
    const auto made = PrivateTmp::make("web", {dir.path(), dir / "none"});
    REQUIRE_FALSE(made);
    CHECK(made.error().errno_value == ENOENT);
    CHECK(made.error().message.find("private_tmp") == 0);
    CHECK(entries_in(dir.path()) == 0);
}
