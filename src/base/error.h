#pragma once

#include "base/source_pos.h"

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace swathe {

/// Why something could not be done, and where the administrator wrote what asked for it.
struct Error {
    std::string message;          ///< lower case, no full stop; names the key first where there is one ("ports: ...")
    int errno_value = 0;          ///< positive errno; 0 = not a system error
    std::optional<SourcePos> pos; ///< the place in the configuration, where there is one

    [[nodiscard]] Error within(const std::string& what) &&; ///< puts "what: " in front; callers add context, never replace it
    [[nodiscard]] Error at(const SourcePos& where) &&;      ///< sets the place unless a closer one is known already
    [[nodiscard]] std::string to_string() const;            ///< "FILE:LINE:COLUMN: MESSAGE: STRERROR", each part where known
};

template <class T> using Result = tl::expected<T, Error>;
using Failure = tl::unexpected<Error>; ///< what a function returns to say no
using Status = Result<void>;

[[nodiscard]] Failure failure(std::string message, int errno_value = 0);
[[nodiscard]] Failure failure_at(const SourcePos& where, std::string message);
[[nodiscard]] Failure system_failure(std::string what); ///< takes errno at once

/// Something to tell the administrator about a configuration. Errors refuse it, warnings and notes do not.
struct Diagnostic {
    enum class Severity { error, warning, note };
    Severity severity = Severity::error;
    Error error;

    [[nodiscard]] std::string to_string() const; ///< "FILE:LINE:COLUMN: [warning: |note: ]MESSAGE"
};

using Diagnostics = std::vector<Diagnostic>;

[[nodiscard]] bool has_errors(const Diagnostics& all) noexcept;
[[nodiscard]] Diagnostics refusal(Error error); ///< this one error

/// Sorts by file, line and column, and removes repetitions.
void sort_by_place(Diagnostics& all);

} // namespace swathe
