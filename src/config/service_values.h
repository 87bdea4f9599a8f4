#pragma once

#include "config/value_context.h"
#include "model/service.h"

#include <string>
#include <utility>
#include <vector>

namespace swathe {

/// Readers of what a service runs and in which surroundings; the form is value_context.h's.

/// A string is read by the rules of ExecStart= (exec_line.h); an array is the words as they are.
bool read_commands(const Raw& raw, const ValueContext& context, std::vector<Command>& out);

/// A table NAME = "VALUE", a list of "NAME=VALUE" strings, or a unit file's line of these by systemd's quoting rules.
bool read_environment(const Raw& raw, const ValueContext& context,
                      std::vector<std::pair<std::string, std::string>>& out);

/// Absolute paths, one or a list of them; "-" in front: the file may be missing. At most limits::kEnvironmentFiles in all.
bool read_environment_files(const Raw& raw, const ValueContext& context, std::vector<EnvironmentFile>& out);

/// An absolute path or "~"; "-" in front: if there is no such directory, "/" is taken.
bool read_working_directory(const Raw& raw, const ValueContext& context, Service& out);

[[nodiscard]] bool is_variable_name(std::string_view name) noexcept;

/// Sets both time-outs.
bool read_both_timeouts(const Raw& raw, const ValueContext& context, Service& out);

} // namespace swathe
