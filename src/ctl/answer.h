#pragma once

#include "control/client.h"
#include "ctl/parse.h"

namespace swathe::ctl {

[[nodiscard]] Exit exit_of(Trouble trouble) noexcept;

/// Prints "swathectl: MESSAGE" on standard error, escaped.
void complain(std::string_view message);
[[nodiscard]] Exit complain(const ClientError& error); ///< and says how to exit

void print(std::string_view text);      ///< to standard output, as it is
void print_line(std::string_view text); ///< with a line feed

} // namespace swathe::ctl
