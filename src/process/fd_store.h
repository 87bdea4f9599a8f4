#pragma once

#include "event/loop.h"
#include "process/spawn.h"

#include <list>
#include <string>
#include <vector>

namespace swathe {

/// Descriptors that a service has sent with FDSTORE=1, for its next start: sd_notify(3), COMPAT 2.4.
class FdStore {
public:
    explicit FdStore(Loop& loop) noexcept : loop_(loop) {}
    FdStore(const FdStore&) = delete;
    FdStore& operator=(const FdStore&) = delete;

    /// Takes as many of `fds` as `max` allows; all get the same name. One that is stored already is closed. With `poll`, what can be
    /// polled is dropped once it has an error or its peer has hung up. Returns how many did not fit.
    std::size_t add(std::vector<UniqueFd> fds, const std::string& name, bool poll, std::size_t max);
    void remove(const std::string& name); ///< all with this name
    void clear() noexcept { entries_.clear(); }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] std::vector<PassedFd> all() const; ///< the newest first, as systemd; borrowed

private:
    struct Entry {
        std::string name;
        UniqueFd fd;
        std::optional<IoSource> source; // declared last: destroyed before the descriptor closes
    };
    [[nodiscard]] bool has(int fd) const noexcept;
    void watch(std::list<Entry>::iterator entry);

    Loop& loop_;
    std::list<Entry> entries_;
};

} // namespace swathe
