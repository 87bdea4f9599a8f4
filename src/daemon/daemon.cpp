#include "daemon/daemon.h"

#include "base/log.h"
#include "base/text.h"
#include "daemon/bpffs.h"
#include "socket/interfaces.h"
#include "supervise/explain.h"
#include "supervise/preflight.h"
#include "supervise/rule_finder.h"

#include <algorithm>
#include <csignal>
#include <systemd/sd-daemon.h>
#include <time.h>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::size_t kMostRulesListed = 100'000; ///< some 25 MB of answer

constexpr std::pair<std::string_view, LogLevel> kLogLevels[] = {{"error", LogLevel::error},
                                                                {"warning", LogLevel::warning},
                                                                {"notice", LogLevel::notice},
                                                                {"info", LogLevel::info},
                                                                {"debug", LogLevel::debug}};

LogLevel level_of(const DaemonSettings& settings) {
    for (const auto& [name, level] : kLogLevels)
        if (name == settings.log_level) return level;
    return LogLevel::info;
}

SearchPath search_path(const Options& options) { return options.config ? SearchPath::only(*options.config) : SearchPath::standard(); }

Result<NetNamespace> namespace_of(const Options& options) {
    return options.netns.empty() ? NetNamespace::current() : NetNamespace::open(options.netns);
}

void log_all(const Diagnostics& found) {
    for (const Diagnostic& d : found) log(d);
}

void log_failure(const Error& error) { log(LogLevel::error, error.to_string()); }

std::vector<std::string> lines_of(const Diagnostics& found) {
    std::vector<std::string> lines;
    for (const Diagnostic& d : found) lines.push_back(d.to_string());
    return lines;
}

std::string joined(const std::vector<std::string>& lines) { return fmt::format("{}", fmt::join(lines, "\n")); }

/// What has a place in a file is for its author to mend. All else is the machine's, also what the kernel said to something that was written
/// there (a namespace or an address that is not there yet): that may be better at the next try.
ExitStatus blame(const Diagnostics& found) {
    const bool written = std::any_of(found.begin(), found.end(), [](const Diagnostic& d) {
        return d.severity == Diagnostic::Severity::error && d.error.pos && d.error.errno_value == 0;
    });
    return written ? ExitStatus::configuration : ExitStatus::failure;
}

/// A program or user that is not there keeps one service down, not the daemon.
Diagnostics warnings_of_programs(const Config& config) {
    Diagnostics found = check_programs(config);
    for (Diagnostic& d : found) d.severity = Diagnostic::Severity::warning;
    return found;
}

Result<std::shared_ptr<void>> take_lock(const NetNamespace& ns) {
    auto lock = InstanceLock::take(ns);
    if (!lock) return Failure(std::move(lock).error());
    return std::make_shared<InstanceLock>(std::move(*lock));
}

ControlError stopping() { return {Refusal::failed, "the daemon is stopping"}; }

std::uint64_t monotonic_usec() {
    timespec t{};
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(t.tv_nsec) / 1000;
}

} // namespace

ExitStatus check_configuration(const Options& options) {
    Loaded loaded = load_config(search_path(options));
    Diagnostics found = std::move(loaded.diagnostics);
    if (!has_errors(found)) {
        auto ns = namespace_of(options);
        if (!ns) return log_failure(ns.error()), ExitStatus::failure;
        Diagnostics more = preflight(loaded.config, *ns);
        found.insert(found.end(), more.begin(), more.end());
    }
    sort_by_place(found);
    log_all(found);
    return has_errors(found) ? ExitStatus::configuration : ExitStatus::ok;
}

tl::expected<std::unique_ptr<Daemon>, ExitStatus> Daemon::start(Loop& loop, const Options& options) {
    Loaded loaded = load_config(search_path(options));
    open_log(level_of(loaded.config.daemon));
    log_all(loaded.diagnostics);
    if (has_errors(loaded.diagnostics)) return tl::unexpected(ExitStatus::configuration);

    const auto refuse = [](const Error& error) { return log_failure(error), tl::unexpected(ExitStatus::failure); };
    auto ns = namespace_of(options);
    if (!ns) return refuse(ns.error());
    auto lock = take_lock(*ns);
    if (!lock) return refuse(lock.error());
    std::unique_ptr<Daemon> self(new Daemon(loop, options));
    if (auto opened = self->open_parts(std::move(*ns), std::move(*lock), loaded.config.daemon); !opened) return refuse(opened.error());

    log_all(warnings_of_programs(loaded.config));
    self->reloading_ = true; // commands before sockets may take their time, in which a reload may be asked for
    auto applied = self->supervisor_->apply(std::move(loaded.config));
    self->reloading_ = false;
    log_all(applied ? applied->warnings : applied.error());
    if (!applied) return tl::unexpected(self->stopping_ ? ExitStatus::ok : blame(applied.error()));
    self->supervisor_->remove_abandoned();
    return self;
}

Status Daemon::open_parts(NetNamespace ns, std::shared_ptr<void> lock, const DaemonSettings& settings) {
    if (auto made = make_own_directory(options_.runtime_dir, 0755); !made) return made;
    // before anything else in there: it finds out whether a daemon of another namespace has the directory
    auto control = ControlServer::open(loop_, {options_.runtime_dir + "/control", settings.control_group}, *this);
    if (!control) return Failure(std::move(control).error());
    control_ = std::move(*control);
    auto mounted = ensure_bpffs(options_.bpffs);
    if (!mounted) return Failure(std::move(mounted).error());
    if (*mounted) log(LogLevel::notice, fmt::format("no BPF file system on {}: mounted one", options_.bpffs));

    const std::string pins = options_.bpffs + "/swathe";
    if (auto made = make_own_directory(pins, 0700); !made) return made; // the bpffs may be writable by all
    const auto have_lock = [&](const NetNamespace&) { return Result<std::shared_ptr<void>>(std::move(lock)); };
    auto own = SiteMaker{pins, have_lock}.make(std::move(ns));
    if (!own) return Failure(std::move(own).error());
    auto supervisor = Supervisor::create(loop_, std::move(*own), {pins, take_lock},
                                         {options_.runtime_dir + "/notify", CgroupTree::label_of(options_.runtime_dir)});
    if (!supervisor) return Failure(std::move(supervisor).error());
    supervisor_ = std::move(*supervisor);
    return watch_signals();
}

Status Daemon::watch_signals() {
    const std::pair<int, std::function<void()>> wanted[] = {
        {SIGHUP, [this] { hang_up(); }}, {SIGTERM, [this] { shut_down(); }}, {SIGINT, [this] { shut_down(); }}};
    for (const auto& [signal, handler] : wanted) {
        auto source = SignalSource::watch(loop_, signal, handler);
        if (!source) return Failure(std::move(source).error());
        signals_.push_back(std::move(*source));
    }
    return {};
}

/// Files are opened anew at once: who has moved them away may be waiting to compress them.
void Daemon::hang_up() {
    supervisor_->logs().reopen();
    reload([](const auto&) {});
}

std::string Daemon::summary() const {
    const std::size_t services = supervisor_->world().config.services.size();
    return fmt::format("ready: {} service{}, {} rules", services, services == 1 ? "" : "s", supervisor_->world().rules());
}

ExitStatus Daemon::serve() {
    supervisor_->beside().when_settled([this] {
        (void)sd_notify(0, fmt::format("READY=1\nSTATUS={}", summary()).c_str());
        log(LogLevel::notice, summary());
        if (!asked_.empty() && !reloading_) begin_reload();
    });
    if (auto ran = loop_.run(); !ran) return log_failure(ran.error()), ExitStatus::failure;
    log(LogLevel::notice, "stopped");
    return ExitStatus::ok;
}

/// One reload at a time. Who asks while one is under way may have changed files that it has read already, and gets another one.
void Daemon::reload(Reloaded done) {
    if (stopping_) return done(tl::unexpected(stopping()));
    asked_.push_back(std::move(done));
    if (!reloading_) begin_reload();
}

void Daemon::begin_reload() {
    reloading_ = true;
    answering_ = std::exchange(asked_, {});
    (void)sd_notify(0, fmt::format("RELOADING=1\nMONOTONIC_USEC={}", monotonic_usec()).c_str());
    struct Found {
        Diagnostics diagnostics;
        LogLevel level = LogLevel::info;
    };
    auto found = std::make_shared<Found>();
    const auto read = [found, path = search_path(options_)]() -> tl::expected<Config, Diagnostics> {
        Loaded loaded = load_config(path);
        found->diagnostics = std::move(loaded.diagnostics);
        if (has_errors(found->diagnostics)) return tl::unexpected(std::exchange(found->diagnostics, {}));
        const Diagnostics more = warnings_of_programs(loaded.config);
        found->diagnostics.insert(found->diagnostics.end(), more.begin(), more.end());
        found->level = level_of(loaded.config.daemon);
        return std::move(loaded.config);
    };
    supervisor_->reload(read, [this, found](Supervisor::Outcome outcome) {
        auto kept = std::make_shared<Supervisor::Outcome>(std::move(outcome));
        supervisor_->beside().when_settled(
            [this, found, kept] { end_reload(std::move(found->diagnostics), std::move(*kept), found->level); });
    });
}

void Daemon::end_reload(Diagnostics found, Supervisor::Outcome outcome, LogLevel level) {
    reloading_ = false;
    if (outcome) open_log(level);
    const Diagnostics& more = outcome ? outcome->warnings : outcome.error();
    found.insert(found.end(), more.begin(), more.end());
    log_all(found);
    std::vector<std::string> lines = lines_of(found);
    if (outcome) {
        for (const std::string& line : outcome->lines) log(LogLevel::info, line);
        log(LogLevel::notice, fmt::format("reloaded: generation {}", supervisor_->generation()));
        lines.insert(lines.end(), outcome->lines.begin(), outcome->lines.end());
    } else {
        log(LogLevel::error, "reload refused; nothing has changed");
    }
    for (const Reloaded& done : std::exchange(answering_, {}))
        done(outcome ? Answer<std::vector<std::string>>(lines) : tl::unexpected(ControlError{Refusal::failed, joined(lines)}));
    if (stopping_) {
        for (const Reloaded& done : std::exchange(asked_, {})) done(tl::unexpected(stopping()));
        return;
    }
    if (!asked_.empty()) return begin_reload();
    (void)sd_notify(0, fmt::format("READY=1\nSTATUS={}", summary()).c_str());
}

void Daemon::shut_down() {
    if (std::exchange(stopping_, true)) return;
    (void)sd_notify(0, "STOPPING=1");
    log(LogLevel::notice, "stopping");
    supervisor_->shut_down([this] { loop_.quit(); });
}

Answer<StatusView> Daemon::status(const std::string& service) {
    StatusView view = supervisor_->status(service);
    if (!service.empty() && view.services.empty())
        return tl::unexpected(ControlError{Refusal::no_such_service, fmt::format("no such service: {}", service)});
    return view;
}

Answer<std::vector<RuleView>> Daemon::rules(const RuleQuery& query) {
    const World& world = supervisor_->world();
    const bool about_hits = query.by_hits || query.never_hit;
    const auto refuse = [](std::string why) { return tl::unexpected(ControlError{Refusal::failed, std::move(why)}); };
    if (about_hits && !world.config.daemon.rule_counters)
        return refuse("rules are not counted: say rule_counters = true in swathe.toml, and reload");
    const std::size_t count = world.rules();
    const bool few = about_hits && query.limit != 0 && query.limit <= kMostRulesListed;
    if (count > kMostRulesListed && !few)
        return refuse(
            about_hits
                ? fmt::format("{} rules are too many for one answer; say --limit N (at most {})", count, kMostRulesListed)
                : fmt::format("{} rules are too many for one answer (at most {}); swathectl rules --config DIR reads the files itself",
                              count, kMostRulesListed));
    std::vector<RuleView> views;
    for (const Part& part : world.parts)
        append(views, rule_views(part.rules, world.config, part.site->dispatcher.rule_hits(), query), part.name());
    cut(views, query);
    return views;
}

Answer<ExplainView> Daemon::explain(const ExplainQuery& query) {
    if (query.live && stopping_) return tl::unexpected(stopping()); // units go before the rules that lead to them
    const World& world = supervisor_->world();
    const auto bad = [](const Error& error) { return tl::unexpected(ControlError{Refusal::bad_request, error.to_string()}); };
    const Part* part = world.part_of(query.netns);
    if (part == nullptr)
        return bad({fmt::format("nothing is steered in a network namespace {}", swathe::quoted(query.netns)), 0, std::nullopt});
    const InterfaceIndex index = [&](const std::string& name) { return interface_index(part->site->ns, name).value_or(0); };
    auto flow = flow_of(query, index);
    if (!flow) return bad(flow.error());
    Explanation found{Verdict::pass, std::nullopt, matching_rules(part->rules, *part->tables.rule_index, *flow, index), "tables"};
    if (query.kernel && !query.live) {
        const auto asked = part->site->dispatcher.test_run(*flow);
        if (!asked) return tl::unexpected(ControlError{Refusal::failed, asked.error().to_string()});
        found.verdict = asked->verdict;
        found.rule = asked->rule;
        found.source = "kernel";
    } else {
        const Decision decision = decide(part->tables, *flow);
        found.verdict = decision.verdict;
        found.rule = decision.rule;
    }
    if (found.rule) std::erase(found.others, *found.rule);
    ExplainView view = view_of(part->rules, world.config, *flow, found);
    set_netns(view, part->name());
    if (!query.live) return view;
    const auto live = supervisor_->ask_live(*part, *flow);
    if (!live) return tl::unexpected(ControlError{Refusal::failed, live.error().to_string()});
    overrule(view, *live);
    return view;
}

Answer<TraceHandle> Daemon::trace(const TraceQuery& query, TraceSink sink) {
    if (stopping_) return tl::unexpected(ControlError{Refusal::failed, "the daemon is stopping"});
    if (!query.listener.empty() && !supervisor_->tracing().knows(query.listener))
        return tl::unexpected(ControlError{Refusal::no_such_service, fmt::format("no such listener: {}", query.listener)});
    auto begun = supervisor_->tracing().begin(query, std::move(sink));
    if (!begun) return tl::unexpected(ControlError{Refusal::failed, begun.error().to_string()});
    return std::move(*begun);
}

Answer<LogHandle> Daemon::logs(const LogQuery& query, LogFeed feed) {
    for (const std::string& service : query.services)
        if (!supervisor_->logs().knows(service))
            return tl::unexpected(ControlError{Refusal::no_such_service, fmt::format("no such service: {}", service)});
    auto begun = supervisor_->logs().followers().begin(query, std::move(feed));
    if (!begun) return tl::unexpected(ControlError{Refusal::failed, begun.error().to_string()});
    return std::move(*begun);
}

void Daemon::ask(const std::string& service, const Verb& verb, Done done) {
    ServiceUnit* unit = supervisor_->find(service);
    if (stopping_) return done(tl::unexpected(stopping()));
    if (supervisor_->beside().find(service) != nullptr)
        return done(tl::unexpected(
            ControlError{Refusal::failed, fmt::format("systemd supervises {}, and swathe only steers to it; see systemctl(1)", service)}));
    if (unit == nullptr) return done(tl::unexpected(ControlError{Refusal::no_such_service, fmt::format("no such service: {}", service)}));
    verb(*unit, [done = std::move(done)](const Status& outcome) {
        if (outcome) return done({});
        done(tl::unexpected(ControlError{Refusal::failed, outcome.error().to_string()}));
    });
}

void Daemon::start(const std::string& service, Done done) {
    ask(service, [](ServiceUnit& unit, auto answer) { unit.start(std::move(answer)); }, std::move(done));
}

void Daemon::stop(const std::string& service, Done done) {
    ask(service, [&](ServiceUnit&, auto answer) { supervisor_->stop(service, std::move(answer)); }, std::move(done));
}

void Daemon::restart(const std::string& service, bool overlap, Done done) {
    ask(service, [&](ServiceUnit&, auto answer) { supervisor_->restart(service, overlap, std::move(answer)); }, std::move(done));
}

void Daemon::reload_service(const std::string& service, Done done) {
    ask(service, [](ServiceUnit& unit, auto answer) { unit.reload_service(std::move(answer)); }, std::move(done));
}

void Daemon::pause(const std::string& service, Duration longest, Done done) {
    ask(service, [longest](ServiceUnit& unit, auto answer) { unit.pause(longest), answer({}); }, std::move(done));
}

void Daemon::resume(const std::string& service, Done done) {
    ask(service, [](ServiceUnit& unit, auto answer) { unit.resume(), answer({}); }, std::move(done));
}

} // namespace swathe
