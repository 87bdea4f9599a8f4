#pragma once

#include "base/error.h"
#include "model/service.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// A command line and what is to be said about it although it is valid.
struct ExecLine {
    Command command;
    std::vector<std::string> warnings;
};

/// Reads one command line as ExecStart= has it (systemd.service(5), "Command lines"): words, prefixes "@" and ":",
/// specifiers of `unit`. "-" is accepted with a warning. Errors: "+", "!" and "|", several commands, a program that is
/// neither an absolute path nor a bare file name, more than limits::kArguments words.
[[nodiscard]] Result<ExecLine> parse_exec_line(std::string_view line, std::string_view unit);

/// A command whose words are given as they are. Errors as above, where they apply.
[[nodiscard]] Result<Command> command_of(std::vector<std::string> words);

} // namespace swathe
