#include "base/journal.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <doctest/doctest.h>

#include <sys/socket.h>
#include <sys/un.h>

using namespace swathe;

namespace {

/// A journald that reads when it is asked to.
struct FakeJournald {
    std::string directory, path;
    UniqueFd fd;

    FakeJournald() {
        std::string name = (std::filesystem::temp_directory_path() / "swathe-journal-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        directory = name;
        path = name + "/socket";
        listen();
    }
    ~FakeJournald() { std::filesystem::remove_all(directory); }
    void listen() {
        (void)std::filesystem::remove(path);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.size());
        fd.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    }
    std::string received() {
        std::string text(1U << 20, '\0');
        const ssize_t size = ::recv(fd.get(), text.data(), text.size(), 0);
        REQUIRE(size >= 0);
        text.resize(static_cast<std::size_t>(size));
        return text;
    }
};

Result<bool> send(Journal& journal, std::string_view message) {
    const std::array fields{LogField{"MESSAGE", message}, LogField{"PRIORITY", "6"}};
    return journal.send(fields);
}

} // namespace

TEST_CASE("journal: an entry is as its protocol has it, whatever bytes are in it") {
    FakeJournald journald;
    Journal journal(journald.path);
    CHECK(send(journal, "plain = text") == true);
    CHECK(journald.received() == "MESSAGE=plain = text\nPRIORITY=6\n");
    CHECK(send(journal, std::string_view("nul \0 and\x1b[0m", 13)) == true);
    CHECK(journald.received() == std::string("MESSAGE=nul \0 and\x1b[0m\nPRIORITY=6\n", 33));
    CHECK(send(journal, "two\nlines") == true);
    CHECK(journald.received() == std::string("MESSAGE\n\x09\0\0\0\0\0\0\0two\nlines\nPRIORITY=6\n", 37));
    const std::string longest(48 * 1024, 'x');
    CHECK(send(journal, longest) == true);
    CHECK(journald.received().size() == longest.size() + 20);
}

TEST_CASE("journal: one that is behind is no error, and does not make us wait") {
    FakeJournald journald;
    Journal journal(journald.path);
    int sent = 0;
    for (auto taken = send(journal, "line"); taken && *taken; taken = send(journal, "line")) REQUIRE(++sent < 1'000'000);
    CHECK(send(journal, "line") == false);
    (void)journald.received();
    CHECK(send(journal, "line") == true);
}

TEST_CASE("journal: one that has gone is an error until it is back") {
    FakeJournald journald;
    Journal journal(journald.path);
    CHECK(send(journal, "line") == true);
    journald.fd.reset();
    CHECK(send(journal, "line").error().errno_value == ECONNREFUSED);
    std::filesystem::remove(journald.path);
    CHECK(send(journal, "line").error().errno_value == ENOENT);
    journald.listen();
    CHECK(send(journal, "line") == true);
    CHECK(Journal(std::string(200, 'x')).send({}).error().errno_value == ENAMETOOLONG);
}
