#include "process/notify_socket.h"
#include "support.h"

#include <csignal>
#include <fcntl.h>
#include <optional>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

using namespace swathe;
using namespace swathe::test;
using namespace std::chrono_literals;

namespace {

Notification must_parse(std::string_view text) {
    auto said = parse_notification(text);
    REQUIRE(said);
    return std::move(*said);
}

/// A notify socket with all that came in.
struct Fixture {
    TempDir dir;
    Loop loop = std::move(*Loop::create());
    std::string path = dir / "notify";
    std::vector<std::pair<NotifySocket::Sender, Notification>> heard;
    std::vector<std::pair<NotifySocket::Sender, std::string>> refused;
    NotifySocket socket = open();

    NotifySocket open() {
        auto opened = NotifySocket::open(
            loop, path, [this](const NotifySocket::Sender& who, const Notification& what) { heard.emplace_back(who, what); },
            [this](const NotifySocket::Sender& who, const Error& why) { refused.emplace_back(who, why.to_string()); });
        if (!opened) FAIL(opened.error().to_string());
        return std::move(*opened);
    }

    template <class Done> bool run_until(Done done) {
        const Monotonic deadline = now() + 10s;
        while (!done() && now() < deadline)
            if (!loop.run_once(10ms)) return false;
        return done();
    }

    /// Runs `work` in a child process whose NOTIFY_SOCKET is ours, and the loop until it ends. Returns its pid; it must return 0.
    pid_t in_child(const std::function<int()>& work) {
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            (void)::setenv("NOTIFY_SOCKET", path.c_str(), 1);
            ::_exit(work());
        }
        int status = -1;
        bool ended = false;
        CHECK(run_until([&] { return ended = ended || ::waitpid(pid, &status, WNOHANG) == pid; }));
        CHECK(status == 0);
        socket.drain();
        return pid;
    }

    /// One datagram with these descriptors, as it stands.
    void send(const std::string& text, const std::vector<int>& fds = {}) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        REQUIRE(path.size() < sizeof to.sun_path);
        path.copy(to.sun_path, path.size());
        const UniqueFd from(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        std::string body = text;
        iovec part{body.data(), body.size()};
        msghdr header{};
        header.msg_name = &to;
        header.msg_namelen = sizeof to;
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * 253)] = {};
        if (!fds.empty()) {
            header.msg_control = control;
            header.msg_controllen = CMSG_SPACE(sizeof(int) * fds.size());
            cmsghdr* const c = CMSG_FIRSTHDR(&header);
            c->cmsg_level = SOL_SOCKET;
            c->cmsg_type = SCM_RIGHTS;
            c->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
            std::copy(fds.begin(), fds.end(), reinterpret_cast<int*>(CMSG_DATA(c)));
        }
        REQUIRE(::sendmsg(from.get(), &header, 0) == static_cast<ssize_t>(text.size()));
    }
};

} // namespace

TEST_CASE("notification: the keys that are known count, whatever else stands beside them") {
    CHECK(must_parse("READY=1").ready);
    CHECK(must_parse("READY=1\n").ready);
    CHECK(must_parse(std::string("READY=1\0", 8)).ready);
    CHECK_FALSE(must_parse("READY=0").ready);
    CHECK_FALSE(must_parse("READY=12").ready);
    CHECK_FALSE(must_parse("XREADY=1").ready);
    CHECK_FALSE(must_parse(" READY=1").ready);
    const Notification all = must_parse("X_OWN=\xff\nSTATUS=up and \xc3\xbcp\nSTOPPING=1\nRELOADING=1\nREADY=1\nMAINPID=1");
    CHECK(all.ready);
    CHECK(all.stopping);
    CHECK(all.reloading);
    CHECK(all.status == "up and \xc3\xbcp");
    const Notification nothing = must_parse("");
    CHECK_FALSE((nothing.ready || nothing.stopping || nothing.reloading || nothing.status));
}

TEST_CASE("notification: an empty STATUS clears, the first of two counts, one that is not UTF-8 does not") {
    CHECK(must_parse("STATUS=").status == "");
    CHECK(must_parse("STATUS=a\nSTATUS=b").status == "a");
    for (const char* bad : {"STATUS=\xff", "STATUS=a\xc3", "STATUS=\xc0\xaf", "STATUS=\xed\xa0\x80", "STATUS=\xf4\x90\x80\x80"}) {
        CAPTURE(bad);
        const Notification said = must_parse(std::string(bad) + "\nREADY=1");
        CHECK_FALSE(said.status);
        CHECK(said.ready); // the rest counts
    }
}

TEST_CASE("notification: a STATUS cannot drive a terminal") {
    CHECK(must_parse("STATUS=\x1b[2Jgone\tx\x7f").status == "\\x1b[2Jgone\\x09x\\x7f");
    CHECK(must_parse("STATUS=\xc2\x9b"
                     "31m")
              .status == "\\x9b31m"); // CSI of C1
    CHECK(must_parse("STATUS=\xc2\xa0").status == "\xc2\xa0");
}

TEST_CASE("notification: a NUL inside is refused, one at the end is not, two are") {
    CHECK_FALSE(parse_notification(std::string_view("READY=1\0\nSTATUS=x", 17)));
    CHECK_FALSE(parse_notification(std::string_view("READY=1\0\0", 9)));
    CHECK(parse_notification(std::string_view("\0", 1)));
}

TEST_CASE("notify socket: the sender is whom the kernel says, and libsystemd's messages are understood") {
    Fixture f;
    const pid_t pid = f.in_child([] { return sd_notify(0, "READY=1\nSTATUS=Serving.\nMAINPID=1") > 0 ? 0 : 1; });
    REQUIRE(f.heard.size() == 1);
    CHECK(f.heard[0].first.pid == pid); // though it was dead when it was read
    CHECK(f.heard[0].first.uid == ::getuid());
    CHECK(f.heard[0].second.ready);
    CHECK(f.heard[0].second.status == "Serving.");
    CHECK(f.refused.empty());
}

TEST_CASE("notify socket: sd_notify_barrier returns once all that was said before has been handled") {
    Fixture f;
    f.in_child([] {
        for (int i = 0; i < 5; ++i)
            if (sd_notify(0, "STATUS=x") <= 0) return 1;
        if (sd_notify(0, "READY=1") <= 0) return 2;
        return sd_notify_barrier(0, 5'000'000) > 0 ? 0 : 3;
    });
    REQUIRE(f.heard.size() == 7); // and the barrier itself, which says nothing
    CHECK(f.heard[5].second.ready);
    CHECK_FALSE(f.heard[6].second.ready);
}

TEST_CASE("notify socket: 4096 bytes are heard, one more is refused, and the next one is heard again") {
    Fixture f;
    f.send("STATUS=" + std::string(kLongestNotification - 7, 'a'));
    f.send("STATUS=" + std::string(kLongestNotification - 6, 'b'));
    f.send("READY=1");
    f.send("");
    f.send(std::string("READY=1\0X", 9));
    CHECK(f.run_until([&] { return f.heard.size() + f.refused.size() == 5; }));
    REQUIRE(f.heard.size() == 3);
    CHECK(f.heard[0].second.status == std::string(4089, 'a'));
    CHECK(f.heard[1].second.ready);
    REQUIRE(f.refused.size() == 2);
    CHECK(f.refused[0].second == "notification is too long, or has more descriptors than may be opened");
    CHECK(f.refused[0].first.pid == ::getpid());
    CHECK(f.refused[1].second == "notification with a NUL character");
}

TEST_CASE("notify socket: descriptors that come along are closed, with what is heard and with what is refused") {
    Fixture f;
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
    const std::vector<int> before = open_fds();
    f.send("READY=1\nFDSTORE=1", {event.get(), event.get(), event.get()});
    f.send("READY=1", std::vector<int>(253, event.get()));                  // as many as can be sent
    f.send(std::string(kLongestNotification + 1, 'x'), {event.get(), event.get()});
    CHECK(f.run_until([&] { return f.heard.size() + f.refused.size() == 3; }));
    CHECK(f.heard.size() == 2);
    CHECK(open_fds() == before);
}

TEST_CASE("notify socket: descriptors that find no room are refused with their message, and those that found it are closed") {
    Fixture f;
    const UniqueFd event(::eventfd(0, EFD_CLOEXEC));
    const std::vector<int> before = open_fds();
    f.send("READY=1", std::vector<int>(50, event.get()));
    rlimit old{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
    const rlimit low{static_cast<rlim_t>(before.back()) + 20, old.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
    CHECK(f.run_until([&] { return f.heard.size() + f.refused.size() == 1; }));
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(f.refused.size() == 1);
    CHECK(open_fds() == before);
}

TEST_CASE("notify socket: a flood is heard in turns, so that others have theirs") {
    Fixture f;
    const UniqueFd mine(::eventfd(1, EFD_CLOEXEC));
    int turns = 0;
    auto other = IoSource::watch(f.loop, mine.get(), EPOLLIN, [&](std::uint32_t) { ++turns; });
    REQUIRE(other);
    const pid_t flood = ::fork();
    REQUIRE(flood >= 0);
    if (flood == 0) {
        (void)::setenv("NOTIFY_SOCKET", f.path.c_str(), 1);
        for (;;) (void)sd_notify(0, "STATUS=me me me");
    }
    CHECK(f.run_until([&] { return f.heard.size() > 2000; }));
    CHECK(turns >= static_cast<int>(f.heard.size()) / kNotificationsPerTurn / 2);
    f.socket.drain(); // ends though the flood does not
    CHECK(::kill(flood, SIGKILL) == 0);
    CHECK(::waitpid(flood, nullptr, 0) == flood);
}

TEST_CASE("notify socket: drain hears the last words at once") {
    Fixture f;
    for (int i = 0; i < 5; ++i) f.send("STATUS=" + std::to_string(i));
    f.socket.drain();
    REQUIRE(f.heard.size() == 5);
    CHECK(f.heard[4].second.status == "4");
}

TEST_CASE("notify socket: everybody may write, whatever the umask; a stale socket is replaced; the path goes with the object") {
    TempDir dir;
    Loop loop = std::move(*Loop::create());
    const std::string path = dir / "notify";
    const auto open = [&](const std::string& where) {
        return NotifySocket::open(loop, where, [](const auto&, const auto&) {}, [](const auto&, const auto&) {});
    };
    const mode_t old = ::umask(0077);
    {
        auto first = open(path);
        REQUIRE(first);
        struct stat status {};
        REQUIRE(::stat(path.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0666);
        CHECK(first->path() == path);
        NotifySocket moved = std::move(*first);
        CHECK(std::filesystem::exists(path));
    }
    CHECK_FALSE(std::filesystem::exists(path));
    ::umask(old);

    const UniqueFd stale(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(stale.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    CHECK(open(path));
}

TEST_CASE("notify socket: what is no stale socket stays, and a link is not followed") {
    TempDir dir;
    Loop loop = std::move(*Loop::create());
    const auto refusal = [&](const std::string& where) {
        auto opened = NotifySocket::open(loop, where, [](const auto&, const auto&) {}, [](const auto&, const auto&) {});
        return opened ? 0 : opened.error().errno_value;
    };
    const std::string file = dir / "file";
    std::ofstream(file) << "precious";
    CHECK(refusal(file) == EEXIST);
    CHECK(std::filesystem::file_size(file) == 8);
    std::filesystem::create_symlink(dir / "nowhere", dir / "link");
    CHECK(refusal(dir / "link") == EEXIST);
    CHECK(std::filesystem::is_symlink(dir / "link"));
    CHECK_FALSE(std::filesystem::exists(dir / "nowhere"));
    CHECK(refusal(dir / "no/such/directory") == ENOENT);
    CHECK(refusal(dir / std::string(108, 'x')) == ENAMETOOLONG);
    CHECK(refusal("") == ENAMETOOLONG);
    std::string longest = dir / "";
    longest += std::string(107 - longest.size(), 'x');
    CHECK(refusal(longest) == 0);
}
