#pragma once

#include "ctl/parse.h"

namespace swathe::ctl {

// What the verbs do: each prints its answer, complains on standard error, and says how to exit.

[[nodiscard]] Exit run_status(const Invocation& invocation);
[[nodiscard]] Exit run_list(const Invocation& invocation);
[[nodiscard]] Exit run_rules(const Invocation& invocation);
[[nodiscard]] Exit run_explain(const Invocation& invocation);
[[nodiscard]] Exit run_trace(const Invocation& invocation);
[[nodiscard]] Exit run_logs(const Invocation& invocation);
[[nodiscard]] Exit run_top(const Invocation& invocation);
[[nodiscard]] Exit run_check(const Invocation& invocation);
[[nodiscard]] Exit run_act(const Invocation& invocation); ///< start, stop, restart, pause, resume, reload NAME
[[nodiscard]] Exit run_reload(const Invocation& invocation);
[[nodiscard]] Exit run_cat(const Invocation& invocation);
[[nodiscard]] Exit run_show(const Invocation& invocation);
[[nodiscard]] Exit run_keys(const Invocation& invocation);
[[nodiscard]] Exit run_diff(const Invocation& invocation);
[[nodiscard]] Exit run_edit(const Invocation& invocation);
[[nodiscard]] Exit run_revert(const Invocation& invocation);
[[nodiscard]] Exit run_convert(const Invocation& invocation);
[[nodiscard]] Exit run_import(const Invocation& invocation);
[[nodiscard]] Exit run_schema(const Invocation& invocation);
[[nodiscard]] Exit run_version(const Invocation& invocation);

} // namespace swathe::ctl
