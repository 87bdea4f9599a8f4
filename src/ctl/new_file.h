#pragma once

#include "base/error.h"

#include <string>
#include <string_view>
#include <sys/types.h>

namespace swathe::ctl {

/// Files that are on the disk when these return, of `mode` whatever the umask.

inline constexpr mode_t kFileMode = 0644;

/// Errors: there is one, or a link, already.
[[nodiscard]] Status create_file(const std::string& path, std::string_view text, mode_t mode = kFileMode);

/// Takes the place of a file in one step, with the directories above it (0755); a regular file that is there leaves it its
/// mode, its user and its group. After an error what was there is there.
[[nodiscard]] Status replace_file(const std::string& path, std::string_view text, mode_t mode = kFileMode);

/// Who may do what with the file; kFileMode for what is no regular file.
[[nodiscard]] mode_t mode_of(const std::string& path);

} // namespace swathe::ctl
