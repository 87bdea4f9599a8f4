#pragma once

#include "base/unique_fd.h"
#include "config/loader.h"
#include "config/report.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// A configuration file and the drop-ins that change it.
struct ConfigFile {
    std::string name;                  ///< without directory: "edge.toml"
    std::string path;                  ///< of the first directory that has it; "" = there are drop-ins only
    std::vector<std::string> drop_ins; ///< paths, in the order in which they are applied
};

/// All files with `suffix` in the directory `below` of the search path's directories, sorted by name, with their
/// drop-ins NAME.d/*`drop_in_suffix`. First directory wins, for files and for drop-ins of the same name; drop-ins are
/// sorted by the bytes of their names, whatever directory they are in (systemd.unit(5)). Hidden files do not count.
/// Reports directories that cannot be read. A directory that is not there is fine.
[[nodiscard]] std::vector<ConfigFile> find_config_files(const SearchPath& path, std::string_view below,
                                                        std::string_view suffix, std::string_view drop_in_suffix,
                                                        Report& report);

struct FileText {
    std::string text;
    bool masked = false; ///< empty, or a link to /dev/null: as if it were not there, and hides those behind it
};

/// Opens a regular file of at most `max_bytes` for reading. Never blocks, whatever `path` is.
[[nodiscard]] Result<UniqueFd> open_regular_file(const std::string& path, std::size_t max_bytes);

/// Reads a regular file of at most limits::kFileBytes. Never blocks, whatever `path` is.
[[nodiscard]] Result<FileText> read_config_file(const std::string& path);

} // namespace swathe
