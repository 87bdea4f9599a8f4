#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace swathe::ctl {

/// Prints what has become of files: a path a line behind `what`, or all of them as a JSON array.
void print_paths(const std::vector<std::string>& paths, bool json, std::string_view what = {});

} // namespace swathe::ctl
