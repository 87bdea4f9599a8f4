#pragma once

#include "base/error.h"
#include "supervise/rule_view.h"
#include "supervise/stream_view.h"
#include "supervise/view.h"

#include <string>
#include <string_view>

namespace swathe {

// The views as JSON: what the control socket carries and what `swathectl --json` prints, so that there is one description of
// each answer (swathectl(1), JSON). One text on one line, fields in the order of the view, "" of an optional field as null.
// Everything outside ASCII is escaped, and bytes that are no UTF-8 are replaced: status texts come from services, and the text
// is safe on a terminal.

[[nodiscard]] std::string to_json(const StatusView& status);
[[nodiscard]] std::string to_json(const std::vector<ServiceView>& services);
[[nodiscard]] std::string to_json(const std::vector<RuleView>& rules);
[[nodiscard]] std::string to_json(const ExplainView& answer);
[[nodiscard]] std::string to_json(const Diagnostics& diagnostics);
[[nodiscard]] std::string to_json(const TracedView& decision);
[[nodiscard]] std::string to_json(const TraceBatch& batch);
[[nodiscard]] std::string to_json(const LogLineView& line);
[[nodiscard]] std::string to_json(const LogBatch& batch);

/// {"line":LINE,"error":TEXT}: what `explain --batch` prints for a line without an answer.
[[nodiscard]] std::string batch_error_to_json(std::uint64_t line, const std::string& error);
/// {"lost":COUNT}: what `trace --json` and `logs --json` print where some could not be told.
[[nodiscard]] std::string lost_to_json(std::uint64_t lost);
/// {"swathectl":VERSION,"swathed":VERSION}; "" = not known.
[[nodiscard]] std::string versions_to_json(const std::string& swathectl, const std::string& swathed);

// Back again. Unknown fields are ignored and missing ones keep their default, so that a client may be older or newer than its
// daemon. Errors: not JSON, or a field of another type.
[[nodiscard]] Result<StatusView> read_status(std::string_view text);
[[nodiscard]] Result<std::vector<RuleView>> read_rules(std::string_view text);
[[nodiscard]] Result<ExplainView> read_explain(std::string_view text);
[[nodiscard]] Result<TraceBatch> read_trace(std::string_view text);
[[nodiscard]] Result<LogBatch> read_log(std::string_view text);

/// `text` as D-Bus takes it: bytes that are no UTF-8 replaced by U+FFFD, cut at the first NUL.
[[nodiscard]] std::string as_utf8(std::string_view text);

} // namespace swathe
