#pragma once

#include "base/unique_fd.h"
#include "config/report.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

struct DirectoryEntry {
    std::string name;
    bool is_link = false;
};

/// What is in a directory and not hidden, sorted by the bytes of the names; nothing if it is not there. Reports one that cannot be read.
[[nodiscard]] std::vector<DirectoryEntry> entries_in(const std::string& path, Report& report);

struct FileText {
    std::string text;
    bool masked = false; ///< empty, or a link to /dev/null: as if it were not there, and hides those behind it
};

/// Opens a regular file of at most `max_bytes` for reading. Never blocks, whatever `path` is.
[[nodiscard]] Result<UniqueFd> open_regular_file(const std::string& path, std::size_t max_bytes);

/// Reads a regular file of at most limits::kFileBytes. Never blocks, whatever `path` is.
[[nodiscard]] Result<FileText> read_config_file(const std::string& path);

} // namespace swathe
