#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "supervise/rule_view.h"
#include "supervise/stream_view.h"
#include "supervise/view.h"

#include <functional>
#include <string>
#include <vector>

namespace swathe {

/// Why a request was refused, as the client must tell it apart (LSB exit codes).
enum class Refusal : std::uint8_t { failed, no_such_service, bad_request };

struct ControlError {
    Refusal kind = Refusal::failed;
    std::string message;
};
template <class T> using Answer = tl::expected<T, ControlError>;

/// What the control socket serves; implemented by the daemon. All calls come from the event loop.
class ControlBackend {
public:
    using Done = std::function<void(Answer<void>)>; ///< called once, now or later

    virtual ~ControlBackend() = default;
    [[nodiscard]] virtual Answer<StatusView> status(const std::string& service) = 0; ///< "" = all
    /// Refused if there are too many to be listed, or hits are asked for and not counted.
    [[nodiscard]] virtual Answer<std::vector<RuleView>> rules(const RuleQuery& query) = 0;
    [[nodiscard]] virtual Answer<ExplainView> explain(const ExplainQuery& query) = 0;
    /// Streams decisions of the dispatchers to `sink`, from the event loop, until what is returned is destroyed.
    [[nodiscard]] virtual Answer<TraceHandle> trace(const TraceQuery& query, TraceSink sink) = 0;
    /// Streams lines of output to `feed`, from the event loop, until what is returned is destroyed.
    [[nodiscard]] virtual Answer<LogHandle> logs(const LogQuery& query, LogFeed feed) = 0;
    virtual void start(const std::string& service, Done done) = 0;   ///< done when it runs (notify: is ready)
    virtual void stop(const std::string& service, Done done) = 0;    ///< done when no child is left
    /// Done when the new one runs. With `overlap` the old one goes only then.
    virtual void restart(const std::string& service, bool overlap, Done done) = 0;
    virtual void reload_service(const std::string& service, Done done) = 0; ///< the service's own configuration, by its own means
    /// New connections wait until resume(), or for `longest` (kInfinity = for good).
    virtual void pause(const std::string& service, Duration longest, Done done) = 0;
    virtual void resume(const std::string& service, Done done) = 0;
    /// Reads the configuration anew, all that was written before the call. The lines say what was wrong, or what was done.
    using Reloaded = std::function<void(Answer<std::vector<std::string>>)>; ///< called once, now or later
    virtual void reload(Reloaded done) = 0;
};

} // namespace swathe
