#pragma once

#include "control/protocol.h"

#include <memory>
#include <optional>
#include <vector>

namespace swathe {

/// Why the daemon gave no answer.
enum class Trouble : std::uint8_t {
    not_running, ///< nobody listens on the socket
    denied,      ///< somebody listens, but not to us
    no_such_service,
    bad_request,
    failed,
};

struct ClientError {
    Trouble kind = Trouble::failed;
    std::string message;
};
template <class T> using Reply = tl::expected<T, ClientError>;

inline constexpr Duration kConnectTimeout = std::chrono::seconds(5); ///< connect and handshake together
inline constexpr Duration kAnswerTimeout = std::chrono::seconds(30); ///< for what the daemon answers at once

/// A connection to a running swathed. Blocks; not for use in a loop.
class ControlClient {
public:
    [[nodiscard]] static Reply<ControlClient> connect(const std::string& path, Duration timeout = kConnectTimeout);
    ControlClient(ControlClient&&) noexcept;
    ControlClient& operator=(ControlClient&&) noexcept;
    ~ControlClient();

    [[nodiscard]] Reply<StatusView> status(const std::string& service); ///< "" = all
    [[nodiscard]] Reply<std::vector<RuleView>> rules(const RuleQuery& query = {});
    [[nodiscard]] Reply<ExplainView> explain(const ExplainQuery& query);
    [[nodiscard]] Reply<std::string> version();

    /// From now on next_batch() has what is asked for. Once per connection.
    [[nodiscard]] Reply<void> trace(const TraceQuery& query);
    /// Waits for it. Nothing: one of `others` has become readable or has been closed at its other end. Errors: the trace has ended.
    [[nodiscard]] Reply<std::optional<TraceBatch>> next_batch(const std::vector<int>& others);

    /// From now on next_log() has what is asked for. Once per connection.
    [[nodiscard]] Reply<void> logs(const LogQuery& query);
    [[nodiscard]] Reply<std::optional<LogBatch>> next_log(const std::vector<int>& others); ///< as next_batch(), to the one that is complete

    // These wait as long as it takes: the daemon has its own time-outs (timeout_start_sec, timeout_stop_sec).
    [[nodiscard]] Reply<void> start(const std::string& service);
    [[nodiscard]] Reply<void> stop(const std::string& service);
    [[nodiscard]] Reply<void> restart(const std::string& service, bool overlap);
    [[nodiscard]] Reply<void> reload_service(const std::string& service);
    [[nodiscard]] Reply<void> pause(const std::string& service, Duration longest); ///< kInfinity = for good
    [[nodiscard]] Reply<void> resume(const std::string& service);
    [[nodiscard]] Reply<std::vector<std::string>> reload();

private:
    struct State;
    explicit ControlClient(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

} // namespace swathe
