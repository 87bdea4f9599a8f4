#pragma once

#include "config/loader.h"
#include "control/server.h"
#include "daemon/instance_lock.h"
#include "daemon/options.h"
#include "supervise/supervisor.h"

namespace swathe {

/// Exit statuses of swathed(8).
enum class ExitStatus : int { ok = 0, failure = 1, usage = 2, configuration = 3 };

/// The running daemon: brings the parts up in their order, and serves the control socket.
class Daemon final : private ControlBackend {
public:
    /// Reads the configuration, takes the lock, opens everything, publishes the rules. Whatever goes wrong is logged here.
    /// `loop` outlives the daemon.
    [[nodiscard]] static tl::expected<std::unique_ptr<Daemon>, ExitStatus> start(Loop& loop, const Options& options);
    ~Daemon() override = default;

    /// Tells the service manager that we are ready, and serves until SIGTERM or SIGINT has stopped every service.
    [[nodiscard]] ExitStatus serve();

private:
    Daemon(Loop& loop, const Options& options) : loop_(loop), options_(options) {}

    [[nodiscard]] Status open_parts(NetNamespace ns, std::shared_ptr<void> lock, const DaemonSettings& settings);
    [[nodiscard]] Status watch_signals();
    [[nodiscard]] std::string summary() const;
    void hang_up();
    void begin_reload();
    void end_reload(Diagnostics found, Supervisor::Outcome outcome, LogLevel level);
    void shut_down();

    Answer<StatusView> status(const std::string& service) override;
    Answer<std::vector<RuleView>> rules(const RuleQuery& query) override;
    Answer<ExplainView> explain(const ExplainQuery& query) override;
    Answer<TraceHandle> trace(const TraceQuery& query, TraceSink sink) override;
    Answer<LogHandle> logs(const LogQuery& query, LogFeed feed) override;
    void start(const std::string& service, Done done) override;
    void stop(const std::string& service, Done done) override;
    void restart(const std::string& service, bool overlap, Done done) override;
    void reload_service(const std::string& service, Done done) override;
    void pause(const std::string& service, Duration longest, Done done) override;
    void resume(const std::string& service, Done done) override;
    void reload(Reloaded done) override;

    using Verb = std::function<void(ServiceUnit& unit, ServiceUnit::Done done)>;
    void ask(const std::string& service, const Verb& verb, Done done);

    Loop& loop_;
    Options options_;
    std::unique_ptr<Supervisor> supervisor_;
    std::optional<ControlServer> control_;
    std::vector<SignalSource> signals_;
    std::vector<Reloaded> asked_;     ///< for the next reload
    std::vector<Reloaded> answering_; ///< those whom the one under way will answer
    bool reloading_ = false;
    bool stopping_ = false;
};

/// --check: what a start would refuse, on standard error. Needs no privileges beyond reading.
[[nodiscard]] ExitStatus check_configuration(const Options& options);

} // namespace swathe
