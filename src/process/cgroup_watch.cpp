#include "process/cgroup_watch.h"

#include "process/cgroup_files.h"

#include <array>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace swathe {
namespace {

/// Reading from the beginning is also what takes the event back that poll(2) tells of (fs/kernfs/file.c). Nothing: the group is gone.
std::optional<bool> is_populated(int events) noexcept {
    std::array<char, 256> buffer{};
    const ssize_t length = ::pread(events, buffer.data(), buffer.size(), 0);
    if (length <= 0) return std::nullopt;
    return value_in({buffer.data(), static_cast<std::size_t>(length)}, "populated") != 0U;
}

} // namespace

struct CgroupWatch::State {
    UniqueFd events;
    Handler handler;
    bool populated = false;
    std::optional<IoSource> source; // declared last: destroyed before the descriptor closes

    void changed() {
        const auto is = is_populated(events.get());
        if (!is) source.reset(); // a file that is gone is ready forever
        const bool was = std::exchange(populated, is.value_or(false));
        if (!was || populated) return;
        const Handler call = handler; // outlives *this
        call();
    }
};

Result<CgroupWatch> CgroupWatch::watch(Loop& loop, const Cgroup& group, Handler handler) {
    auto state = std::make_unique<State>();
    state->events = UniqueFd(::openat(group.fd(), "cgroup.events", O_RDONLY | O_CLOEXEC));
    if (!state->events) return system_failure(group.path() + "/cgroup.events");
    state->handler = std::move(handler);
    state->populated = is_populated(state->events.get()).value_or(false);
    auto source = IoSource::watch(loop, state->events.get(), EPOLLPRI, [raw = state.get()](std::uint32_t) { raw->changed(); });
    if (!source) return Failure(std::move(source).error());
    state->source = std::move(*source);
    return CgroupWatch(std::move(state));
}

CgroupWatch::CgroupWatch(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
CgroupWatch::CgroupWatch(CgroupWatch&&) noexcept = default;
CgroupWatch& CgroupWatch::operator=(CgroupWatch&&) noexcept = default;
CgroupWatch::~CgroupWatch() = default;

} // namespace swathe
