#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace swathe {

/// Collects all that is wrong with a configuration: at most limits::kDiagnostics errors, and as many warnings.
class Report {
public:
    /// `key` is what the administrator wrote left of the equals sign; "" where there is none.
    void error(const SourcePos& where, std::string_view key, std::string_view reason);
    void warning(const SourcePos& where, std::string_view key, std::string_view reason);

    /// From now on, is every warning an error?
    void be_strict(bool strict) noexcept { strict_ = strict; }

    /// Would one more be shown? If not, there is no need to word it well.
    [[nodiscard]] bool shows_error() const noexcept;
    [[nodiscard]] bool shows_warning() const noexcept;

    [[nodiscard]] bool has_errors() const noexcept { return errors_ > 0; }
    [[nodiscard]] Diagnostics take(); ///< sorted by place

private:
    void add(Diagnostic::Severity severity, const SourcePos& where, std::string_view key, std::string_view reason);

    Diagnostics all_;
    bool strict_ = false;
    std::size_t errors_ = 0;
    std::size_t warnings_ = 0;
};

} // namespace swathe
