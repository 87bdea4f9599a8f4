#pragma once

#include "supervise/draft.h"
#include "supervise/supervisor.h"

#include <cerrno>
#include <new>

namespace swathe {

/// A reload that is under way. For the files of the Supervisor.
struct Supervisor::Reload {
    std::unique_ptr<Draft> draft;
    std::function<void(Outcome)> done;
    Checked checked; ///< of the last step in the worker
    std::vector<std::shared_ptr<const Service>> prepared; ///< new ones, whose commands before the sockets have been run
    std::vector<std::string> taken_back; ///< of these, when it was refused
};

/// Rules are as many as an administrator writes: that they are too many for the memory there is must not end what runs.
template <class Step> [[nodiscard]] Checked within_memory(Step step) {
    try {
        return step();
    } catch (const std::bad_alloc&) {
        return tl::unexpected(refusal({"not enough memory for these rules beside those in force: more is needed on this machine, in the "
                                       "service's MemoryMax= or in its address space (LimitAS=)", ENOMEM, std::nullopt}));
    }
}

} // namespace swathe
