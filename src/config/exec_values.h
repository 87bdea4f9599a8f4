#pragma once

#include "config/values.h"
#include "model/exec_context.h"

#include <vector>

namespace swathe {

/// Readers for what systemd.exec(5) has and others have not. In a unit file a list is the words of a line; in TOML it is one string or a
/// list of them.

/// Names of environment variables; at most limits::kEnvironment in all.
bool read_variable_names(const Raw& raw, const ValueContext& context, std::vector<std::string>& out);
bool read_unset_variables(const Raw& raw, const ValueContext& context, std::vector<std::string>& out); ///< or assignments

bool read_absolute_path(const Raw& raw, const ValueContext& context, std::optional<Placed<std::string>>& out);

/// Numbers below limits::kProcessors and ranges "A-B" of them, with commas or white space between. `out` stays sorted.
bool read_processors(const Raw& raw, const ValueContext& context, std::vector<unsigned>& out);

/// Names of capabilities; with "~" in front all but those. Several values are merged as systemd.exec(5), CapabilityBoundingSet=, says: an
/// empty one is none of them, "~" alone all.
bool read_capabilities(const Raw& raw, const ValueContext& context, CapabilitySet& out);
bool read_bounding_set(const Raw& raw, const ValueContext& context, std::optional<CapabilitySet>& out);

/// Relative paths, without what "." and double "/" would add; at most limits::kOwnDirectories in all.
bool read_directories(const Raw& raw, const ValueContext& context, std::vector<Placed<std::string>>& out);
bool read_directory_mode(const Raw& raw, const ValueContext& context, mode_t& out);

/// A word, or in a unit file the number that stands for it: systemd.exec(5), IOSchedulingClass=.
bool read_io_class(const Raw& raw, const ValueContext& context, std::optional<IoClass>& out);
bool read_preserve_mode(const Raw& raw, const ValueContext& context, PreserveMode& out); ///< in a unit file a boolean, too

bool read_standard_input(const Raw& raw, const ValueContext& context, StandardStream& out);
bool read_standard_output(const Raw& raw, const ValueContext& context, StandardStream& out);
bool read_standard_error(const Raw& raw, const ValueContext& context, StandardStream& out);

template <class T> bool read_optional_choice(const Raw& raw, const ValueContext& context, std::optional<T>& out) {
    T value{};
    if (!read_choice(raw, context, value)) return false;
    out = value;
    return true;
}

template <int Min, int Max> bool read_between(const Raw& raw, const ValueContext& context, std::optional<int>& out) {
    return read_signed(raw, context, Min, Max, out);
}

} // namespace swathe
