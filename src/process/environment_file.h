#pragma once

#include "base/error.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace swathe {

struct EnvironmentFile;

inline constexpr std::size_t kEnvironmentFileBytes = 1024UL * 1024; ///< the largest file that environment_file may name
inline constexpr std::size_t kEnvironmentFileVariables = 1024;      ///< in all files of one service together

struct FileVariables {
    std::vector<std::pair<std::string, std::string>> variables; ///< in order, later wins
    std::vector<std::string> warnings;                          ///< assignments that were left out, with the reason
};

/// Appends what `text` assigns to `out`: systemd.exec(5), EnvironmentFile=. What systemd leaves out is left out here, with a warning:
/// names that are none and values with control characters. Errors, with `out` in any state: NUL, no UTF-8, over kEnvironmentFileVariables.
[[nodiscard]] Status parse_environment_file(std::string_view text, FileVariables& out);

/// Appends what the files that match `file.path` assign to `out`. Errors name the file; they are none for an optional file: one that is
/// there but cannot be read is a warning.
[[nodiscard]] Status read_environment_file(const EnvironmentFile& file, FileVariables& out);

} // namespace swathe
