#pragma once

#include "base/error.h"

#include <string>
#include <vector>

namespace swathe::ctl {

/// Runs a program, looked up in $PATH, on our own terminal and waits for it. Returns its exit status, 128 + N if signal
/// N killed it. Who interrupts it at the terminal does not interrupt us. Errors: it cannot be run; errno tells why.
[[nodiscard]] Result<int> run_program(const std::vector<std::string>& words);

/// The same with its standard output in `output`.
[[nodiscard]] Result<int> run_program(const std::vector<std::string>& words, std::string& output);

} // namespace swathe::ctl
