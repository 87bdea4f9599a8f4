#pragma once

#include "base/unique_fd.h"
#include "base/error.h"

#include <optional>
#include <string>
#include <sys/types.h>

namespace swathe {

/// A directory and the name of a file in it.
struct Location {
    UniqueFd directory; ///< O_PATH
    std::string name;
};

/// Goes to the directory of `path`, component by component. Symbolic links are followed only in directories that nobody but root and the
/// daemon's user may write to (so /var/run leads to /run): elsewhere somebody could send us, who may be root, to any place. `make_mode`:
/// directories that are missing are made with it. Requires an absolute path. Errors: the component that is not there, is no directory,
/// or is a link that is not followed (ELOOP).
[[nodiscard]] Result<Location> locate(const std::string& path, std::optional<mode_t> make_mode);

/// chmod(2) of what an O_PATH descriptor stands for.
[[nodiscard]] Status set_mode(int fd, mode_t mode);

} // namespace swathe
