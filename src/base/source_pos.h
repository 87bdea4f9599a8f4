#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace swathe {

/// The name of a configuration file, stored once for the life of the process: a rule set of a million lines carries
/// a million positions, which must stay small and trivial to copy.
class SourceFile {
public:
    SourceFile() noexcept = default;          ///< the unnamed file: prints as nothing
    explicit SourceFile(std::string_view name); ///< interns `name`; thread-safe

    [[nodiscard]] const std::string& name() const;
    friend bool operator==(SourceFile, SourceFile) noexcept = default;

private:
    std::uint32_t id_ = 0;
};

/// A place in a configuration file. Lines and columns count from 1; 0 = unknown. Columns count bytes.
struct SourcePos {
    SourceFile file;
    std::uint32_t line = 0;
    std::uint32_t column = 0;

    [[nodiscard]] std::string to_string() const; ///< "FILE:LINE:COLUMN", without the parts that are unknown
    friend bool operator==(const SourcePos&, const SourcePos&) noexcept = default;
};

} // namespace swathe
