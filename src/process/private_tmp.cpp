#include "process/private_tmp.h"

#include "base/text.h"

#include <cerrno>
#include <memory>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {
namespace {

constexpr std::size_t kNameBytes = 100; // of the service in the directory's name, which has at most 255
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { (void)::closedir(directory); }
};

Result<std::vector<std::string>> names_in(int directory) {
    const int copy = ::openat(directory, ".", kDirectoryFlags);
    if (copy < 0) return system_failure("open");
    const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(copy));
    if (!stream) return system_failure("fdopendir");
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(stream.get())) // NOLINT(concurrency-mt-unsafe): a stream of our own
        if (const std::string_view name = entry->d_name; name != "." && name != "..") names.emplace_back(name);
    return names;
}

/// Empties a directory of ours. A service can nest directories deeper than any stack or descriptor table, so none is entered from
/// another one: each that has something in it is moved up to the top first.
class Emptier {
public:
    explicit Emptier(int top) noexcept : top_(top) {}

    Status run() {
        auto names = names_in(top_);
        if (!names) return Failure(std::move(names).error());
        for (std::string& name : *names) remove(top_, std::move(name));
        while (!waiting_.empty()) {
            const std::string name = std::move(waiting_.back());
            waiting_.pop_back();
            empty(name);
        }
        return std::move(first_error_);
    }

private:
    void note(const std::string& name) {
        if (first_error_) first_error_ = system_failure(quoted(name));
    }

    void remove(int directory, std::string name) {
        if (::unlinkat(directory, name.c_str(), 0) == 0 || errno == ENOENT) return;
        if (errno != EISDIR) return note(name);
        if (::unlinkat(directory, name.c_str(), AT_REMOVEDIR) == 0) return;
        if (errno != ENOTEMPTY && errno != EEXIST) return note(name);
        if (directory == top_) return waiting_.push_back(std::move(name));
        std::string moved = fmt::format("moved up {}", ++moved_);
        if (::renameat(directory, name.c_str(), top_, moved.c_str()) != 0) return note(name);
        waiting_.push_back(std::move(moved));
    }

    void empty(const std::string& name) {
        {
            const UniqueFd directory(::openat(top_, name.c_str(), kDirectoryFlags));
            if (!directory) return note(name);
            auto names = names_in(directory.get());
            if (!names) return note(name);
            for (std::string& inner : *names) remove(directory.get(), std::move(inner));
        }
        if (::unlinkat(top_, name.c_str(), AT_REMOVEDIR) != 0) note(name);
    }

    int top_;
    std::uint64_t moved_ = 0;
    std::vector<std::string> waiting_; // in the top
    Status first_error_;
};

} // namespace

Result<PrivateTmp::Half> PrivateTmp::make_half(std::string_view service, const std::string& root) {
    Half half;
    half.path = fmt::format("{}/swathe-private-{}-XXXXXX", root, service.substr(0, kNameBytes));
    half.parent = UniqueFd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!half.parent || ::mkdtemp(half.path.data()) == nullptr) return system_failure(quoted(half.path));
    half.name = half.path.substr(half.path.rfind('/') + 1);
    half.directory = UniqueFd(::openat(half.parent.get(), half.name.c_str(), kDirectoryFlags));
    const int directory = half.directory.get();
    if (directory < 0 || ::flock(directory, LOCK_SH | LOCK_NB) != 0 || ::mkdirat(directory, "tmp", 0) != 0 ||
        ::fchmodat(directory, "tmp", 01777, 0) != 0) {
        auto error = system_failure(quoted(half.path));
        if (directory >= 0) (void)::unlinkat(directory, "tmp", AT_REMOVEDIR);
        (void)::unlinkat(half.parent.get(), half.name.c_str(), AT_REMOVEDIR);
        return error;
    }
    return half;
}

Result<PrivateTmp> PrivateTmp::make(std::string_view service, const std::array<std::string, 2>& roots) {
    PrivateTmp made;
    for (std::size_t i = 0; i < roots.size(); ++i) {
        auto half = make_half(service, roots.at(i));
        if (!half) return Failure(std::move(half).error().within("private_tmp"));
        made.halves_.at(i) = std::move(*half);
    }
    return made;
}

PrivateTmp::~PrivateTmp() { (void)remove(); }

Status PrivateTmp::remove() {
    Status first_error;
    for (Half& half : halves_) {
        if (!half.directory) continue;
        auto ok = Emptier(half.directory.get()).run();
        half.directory.reset();
        if (ok && ::unlinkat(half.parent.get(), half.name.c_str(), AT_REMOVEDIR) != 0) ok = system_failure("rmdir");
        if (!ok && first_error) first_error = Failure(std::move(ok).error().within("private_tmp: " + quoted(half.path)));
        half.parent.reset();
    }
    return first_error;
}

} // namespace swathe
