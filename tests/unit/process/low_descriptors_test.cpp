#include "process/low_descriptors.h"

#include "support.h"

#include <fcntl.h>
#include <functional>
#include <set>
#include <sys/eventfd.h>

using namespace swathe;
using namespace swathe::test;

namespace {

/// In a process of its own, since numbers that were reserved once stay so. `work` returns what has gone wrong, "" for nothing.
void in_child(const std::function<std::string()>& work) {
    const TempDir dir;
    const std::string file = dir / "wrong";
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        const std::string wrong = work();
        std::ofstream(file) << wrong;
        ::_exit(0);
    }
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(status == 0);
    std::ifstream in(file);
    REQUIRE(in);
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "");
}

std::vector<UniqueFd> eventfds(std::size_t count) {
    std::vector<UniqueFd> all;
    while (all.size() < count) all.emplace_back(::eventfd(0, EFD_CLOEXEC));
    return all;
}

bool is_readable_to_its_end(int fd) {
    char byte = 0;
    return ::recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

} // namespace

TEST_CASE("low descriptors: a high number has a low one for as long as it is needed, the same one each time") {
    in_child([]() -> std::string {
        reserve_low_descriptors();
        const auto many = eventfds(500);
        {
            LoweredFds lowered;
            const int low = lowered.lower(many[400].get());
            if (low >= kLowDescriptors || lowered.lower(many[400].get()) != low) return "no low number, or two";
            if (lowered.lower(2) != 2 || lowered.end() != low + 1) return "a low number was changed, or is not counted";
            if (lowered.lower(many[401].get()) == low) return "one number for two";
        }
        LoweredFds again;
        std::set<int> numbers;
        for (std::size_t i = 200; i < 200 + kReservedDescriptors; ++i) numbers.insert(again.lower(many[i].get()));
        if (numbers.size() != kReservedDescriptors || *numbers.rbegin() >= kLowDescriptors) return "not all that were reserved were given back";
        if (again.lower(many[300].get()) != many[300].get()) return "one more than there are";
        return again.end() == many[300].get() + 1 ? "" : "the end is not above all";
    });
}

TEST_CASE("low descriptors: without any a number stays what it is") {
    in_child([]() -> std::string {
        const auto many = eventfds(100);
        LoweredFds lowered;
        return lowered.lower(many.back().get()) == many.back().get() ? "" : "another number";
    });
}

TEST_CASE("spawn: among thousands of descriptors a child gets its own and no other, and none is kept for it here") {
    const TempDir dir;
    const std::string file = dir / "report";
    in_child([&]() -> std::string {
        reserve_low_descriptors();
        const auto many = eventfds(3000);
        const UniqueFd leaky(::eventfd(0, 0)); // a library forgot CLOEXEC
        int ends[2] = {-1, -1};
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return "no socketpair";
        UniqueFd passed(ends[0]);
        const UniqueFd peer(ends[1]);
        const std::vector<int> before = open_fds();
        SpawnPlan plan = probe_plan(file);
        plan.fds = {{passed.get(), "one"}, {many.back().get(), "two"}};
        plan.output_fd = plan.error_fd = passed.get();
        const std::string link = socket_link(passed.get());
        auto child = spawn(plan);
        if (!child) return child.error().error.to_string();
        if (auto exit = reap(*child); !exit || *exit != Exit{}) return "the probe failed";
        child = tl::unexpected<SpawnError>(SpawnError{});
        if (open_fds() != before) return "other descriptors than before";
        if (is_readable_to_its_end(peer.get())) return "the end before it was closed";
        passed.reset();
        if (!is_readable_to_its_end(peer.get())) return "a copy was kept";
        std::ofstream(dir / "link") << link;
        return "";
    });
    std::string link;
    std::ifstream in(dir / "link");
    REQUIRE(std::getline(in, link));
    const auto fds = read_report(file).at("fd");
    REQUIRE(fds.size() == 5);
    CHECK(fds[1].rfind("1 " + link, 0) == 0);
    CHECK(fds[2].rfind("2 " + link, 0) == 0);
    CHECK(fds[3].rfind("3 " + link, 0) == 0);
    CHECK(fds[4].rfind("4 anon_inode:", 0) == 0);
}
