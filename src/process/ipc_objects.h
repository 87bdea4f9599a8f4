#pragma once

#include "base/error.h"

#include <string>
#include <sys/types.h>

namespace swathe {

/// Removes the System V and POSIX shared memory, semaphores and message queues of `uid`. Goes on after an error and returns the first.
[[nodiscard]] Status remove_ipc_objects(uid_t uid, const std::string& shared_memory = "/dev/shm",
                                        const std::string& queues = "/dev/mqueue");

} // namespace swathe
