#pragma once

#include "base/error.h"

#include <optional>
#include <string>
#include <string_view>

namespace swathe {

/// Hands out the lines of a file one by one, so that a file of any size needs a buffer of the longest line only.
class LineSource {
public:
    /// `fd` is borrowed.
    LineSource(int fd, std::size_t max_line_bytes, std::size_t max_file_bytes);

    /// The next line without its newline, valid until the next call; nothing at the end. A last line needs no newline.
    /// Errors: of read(2); a line or a file that is longer than allowed, which ends the reading.
    [[nodiscard]] Result<std::optional<std::string_view>> next();

private:
    [[nodiscard]] Status fill();

    int fd_;
    std::size_t max_line_bytes_;
    std::size_t max_file_bytes_;
    std::string buffer_;
    std::size_t begin_ = 0; ///< of what has not been handed out
    std::size_t end_ = 0;
    std::size_t total_ = 0; ///< bytes read
    bool at_end_ = false;
};

} // namespace swathe
