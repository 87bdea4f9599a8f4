#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace swathe::ctl {

/// Files of mode 0644 that are on the disk when these return.

/// Errors: there is one, or a link, already.
[[nodiscard]] Status create_file(const std::string& path, std::string_view text);

/// Takes the place of a file in one step, with the directories above it (0755). After an error what was there is there.
[[nodiscard]] Status replace_file(const std::string& path, std::string_view text);

} // namespace swathe::ctl
