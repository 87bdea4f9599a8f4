#pragma once

#include "config/loader.h"
#include "control/server.h"
#include "daemon/instance_lock.h"
#include "daemon/options.h"
#include "supervise/rule_finder.h"
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
    Daemon(Loop& loop, const Options& options, InstanceLock lock) : loop_(loop), options_(options), lock_(std::move(lock)) {}

    [[nodiscard]] Status open_parts(NetNamespace ns, const DaemonSettings& settings);
    [[nodiscard]] Status watch_signals();
    void reload_by_signal();
    void shut_down();

    Answer<StatusView> status(const std::string& service) override;
    Answer<std::vector<RuleView>> rules() override;
    Answer<ExplainView> explain(const ExplainQuery& query) override;
    void start(const std::string& service, Done done) override;
    void stop(const std::string& service, Done done) override;
    void restart(const std::string& service, Done done) override;
    Answer<std::vector<std::string>> reload() override;

    [[nodiscard]] const RuleFinder& finder();

    using Verb = void (ServiceUnit::*)(ServiceUnit::Done);
    void ask(const std::string& service, Verb verb, Done done);

    Loop& loop_;
    Options options_;
    InstanceLock lock_;
    std::unique_ptr<Supervisor> supervisor_;
    std::optional<ControlServer> control_;
    std::vector<SignalSource> signals_;
    std::optional<std::pair<std::uint64_t, RuleFinder>> finder_; ///< of a generation; made when first asked
    bool stopping_ = false;
};

/// --check: what a start would refuse, on standard error. Needs no privileges beyond reading.
[[nodiscard]] ExitStatus check_configuration(const Options& options);

} // namespace swathe
