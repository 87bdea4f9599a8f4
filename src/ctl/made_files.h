#pragma once

#include "base/error.h"
#include "ctl/parse.h"

#include <string>
#include <sys/types.h>
#include <vector>

namespace swathe::ctl {

/// A file that convert or import makes.
struct MadeFile {
    std::string name;
    std::string text;
    mode_t mode;
};

/// The mode of what is made of `files`: nobody may read it who may not read them.
[[nodiscard]] mode_t narrowed(const std::vector<std::string>& files);

/// On standard error, one a line.
void print_diagnostics(const Diagnostics& all);

/// Writes the files into the directory of --output, and prints their paths; without it prints them, each with its name if they are several.
[[nodiscard]] Exit put_files(const std::vector<MadeFile>& files, const Invocation& invocation);

} // namespace swathe::ctl
