#pragma once

#include "base/clock.h"
#include "control/backend.h"

#include <optional>
#include <string_view>

namespace swathe {

/// What both ends of the control socket agree on. D-Bus, peer to peer: there is no bus, so no names and no sender.
///
/// interface org.swathe.Manager1 on /org/swathe/Manager1:
///   Status(s service) -> s       StatusView; "" = all services
///   Rules() -> s                 array of RuleView, in the order in which the dispatcher prefers them
///   SelectRules(b by_hits, b never_hit, u limit) -> s    array of RuleView, see RuleQuery
///   Explain(s protocol, s address, s port, s from, s interface, s netns, b kernel, b live) -> s    ExplainView
///   Start(s service), Stop(s service), Restart(s service, b overlap), ReloadService(s service)    answered when it is done
///   Pause(s service, t longest), Resume(s service)           longest: microseconds; 0 = for good
///   Reload() -> as               what was done, a line each
///   Version() -> s
///   Trace(s listener, b drops, u sample)    then, until the connection ends, the signal
///   Traced(s)                               to this peer: TraceBatch
///   Logs(as services, u lines, b follow)    then, until the batch that is complete, or the connection ends, the signal
///   Logged(s)                               to this peer: LogBatch
///
/// An answer that is a structure is one JSON text (control/json.h), the very one that `swathectl --json` prints: it can gain a
/// field without a new signature, and there is one description of it instead of two.
inline constexpr const char* kControlInterface = "org.swathe.Manager1";
inline constexpr const char* kControlObject = "/org/swathe/Manager1";

inline constexpr const char* kAccessDenied = "org.freedesktop.DBus.Error.AccessDenied";
inline constexpr const char* kLimitsExceeded = "org.freedesktop.DBus.Error.LimitsExceeded";

[[nodiscard]] const char* error_name(Refusal kind) noexcept; ///< "org.swathe.Error.NoSuchService", ...
[[nodiscard]] std::optional<Refusal> refusal_of(std::string_view error_name) noexcept;

inline constexpr std::size_t kLongestArgument = 255;            ///< bytes of one string in a request
inline constexpr std::size_t kMostNames = 1024;                 ///< services in one request
inline constexpr std::size_t kLongestPath = 4095;               ///< the same, where it may be a path
inline constexpr std::size_t kLargestAnswer = std::size_t{64} << 20;   ///< bytes; D-Bus ends at 128 MiB
inline constexpr std::uint64_t kMaxUnreadAnswers = 8;           ///< per connection; who does not read is disconnected
/// of a trace or of logs, per connection; what a trace has then is counted as lost
inline constexpr std::uint64_t kMaxUnreadBatches = 4;
inline constexpr Duration kHandshakeTimeout = std::chrono::seconds(5); ///< from accept to the end of authentication

} // namespace swathe
