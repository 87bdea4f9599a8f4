#pragma once

#include "base/error.h"
#include "supervise/rule_view.h"

#include <functional>
#include <string_view>
#include <variant>

namespace swathe::ctl {

/// Reads `tcp ADDR PORT [FROM-ADDR[:PORT]] [IFACE]`, words between spaces and tabs. FROM is "-" for none; it may be left out before an
/// IFACE without '.' and ':', which is no address. The words themselves are not checked here. Errors: too few or too many words.
[[nodiscard]] Result<ExplainQuery> read_batch_line(std::string_view line);

inline constexpr std::size_t kLongestBatchLine = 512; ///< bytes without the line feed
inline constexpr std::size_t kBatchChunk = std::size_t{64} << 10; ///< bytes read at once, and so what is kept in memory

/// What one line asks, or why it asks nothing.
using BatchItem = std::variant<ExplainQuery, Error>;

/// Cuts a stream into lines with bounded memory, whatever comes.
class BatchReader {
public:
    /// Appends the items of the lines that `bytes` completes.
    void feed(std::string_view bytes, std::vector<BatchItem>& items);
    void finish(std::vector<BatchItem>& items); ///< a last line without a line feed counts

private:
    void keep(std::string_view part);
    void end_line(std::vector<BatchItem>& items);

    std::string line_;
    bool too_long_ = false;
};

} // namespace swathe::ctl
