#pragma once

#include "config/settings.h"

#include <optional>
#include <string_view>
#include <vector>

namespace swathe {

/// What a service's TOML files say, drop-ins merged.
struct TomlService {
    Block file;
    Block service;
    std::vector<Block> listeners;
    bool has_service = false; ///< there is a [service] table
    bool accepts = false;     ///< one instance per connection: specifiers in [service] are replaced. To be set before files are merged
};

/// Does the file say `accept = true`, or false? Nothing = it says neither.
[[nodiscard]] std::optional<bool> accept_in(const Raw::Table& root);

/// Merges a file into `service`: the first is the service's own, the others are drop-ins. In a drop-in a [[listen]]
/// changes the listener of its `name`, key by key, or is appended if there is none; without `name` it changes the only
/// listener. `name` is the service's. Reports unknown keys and whatever is no table.
void merge_toml_service(TomlService& service, std::string_view name, const Raw::Table& root, SourceFile file,
                        Report& report);

/// What swathe.toml and its drop-ins say.
struct TomlDaemon {
    struct Rule {
        Verdict verdict = Verdict::drop;
        Block block;
    };
    Block daemon;
    std::vector<Rule> rules; ///< of all files; drop-ins append
};

void merge_toml_daemon(TomlDaemon& daemon, const Raw::Table& root, SourceFile file, Report& report);

} // namespace swathe
