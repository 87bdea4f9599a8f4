#pragma once

#include "base/error.h"
#include "config/specifier.h"
#include "model/service.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// The commands of a line and what is to be said about it although it is valid.
struct ExecLine {
    std::vector<Command> commands; ///< never empty; without places
    std::vector<std::string> warnings;
};

/// Reads a line as ExecStart= has it (systemd.service(5), "Command lines"): commands separated by a word ";", with the prefixes
/// "@", "-", ":", "+" and "!", specifiers of `unit`. "!!" is accepted and means nothing, as since systemd 258. Errors: "|", a program
/// that is neither an absolute path nor a bare file name, more than limits::kArguments words.
[[nodiscard]] Result<ExecLine> parse_exec_line(std::string_view line, const UnitId& unit);

/// The line that parse_exec_line() reads as `command`, whatever the unit. Without ":" where there is nothing to expand.
[[nodiscard]] std::string to_exec_line(const Command& command);

/// A command whose words are given as they are. Errors as above, where they apply.
[[nodiscard]] Result<Command> command_of(std::vector<std::string> words, const UnitId& unit = {});

} // namespace swathe
