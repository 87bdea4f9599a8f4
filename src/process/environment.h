#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

struct FileVariables;
struct RunFacts;
struct Service;
struct User;

/// The variables of a process of `service` as "K=V", in systemd's order (COMPAT 2.13), but for those that spawn() generates.
[[nodiscard]] std::vector<std::string> environment_of(const Service& service, const std::optional<User>& user, const FileVariables& files,
                                                      const RunFacts& facts);

/// What `env` sets `name` to. What LISTEN_FDS and its kin will be is not known yet: to a command line they are unset.
[[nodiscard]] std::optional<std::string> value_of(const std::vector<std::string>& env, std::string_view name);

} // namespace swathe
