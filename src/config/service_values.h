#pragma once

#include "config/value_context.h"
#include "model/service.h"

#include <string>
#include <utility>
#include <vector>

namespace swathe {

/// Readers of what a service runs and in which surroundings; the form is value_context.h's.

/// A string is a line by the rules of ExecStart= (exec_line.h); a list of strings the words of one command as they are; a list of such
/// lists several commands. At most limits::kCommands in all.
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

/// Names of services, one or a list of them; at most limits::kServiceNames in all. In a unit those of services end in ".service", and
/// what ends in anything else is left out: targets, and sockets, which are open before any service starts.
bool read_service_names(const Raw& raw, const ValueContext& context, std::vector<ServiceName>& out);

/// A path without ".."; one that is not absolute begins at /run.
bool read_pid_file(const Raw& raw, const ValueContext& context, std::optional<Placed<std::string>>& out);

bool read_workers(const Raw& raw, const ValueContext& context, std::uint32_t& out); ///< 1 to limits::kWorkers

} // namespace swathe
