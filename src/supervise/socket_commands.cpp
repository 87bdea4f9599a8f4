#include "supervise/socket_commands.h"

#include "base/log.h"
#include "process/child_watch.h"
#include "process/members.h"
#include "process/plan.h"
#include "process/spawn.h"
#include "supervise/command_list.h"
#include "supervise/instance.h"

#include <algorithm>
#include <csignal>

#include <fmt/format.h>

namespace swathe {
namespace {

/// No service can be called so, and so none has the control group.
std::string group_name(const std::string& service) { return service + "#socket"; }

/// What the commands see of the service: nothing but where its log is.
Service surroundings_of(const Service& service) {
    Service bare;
    bare.name = group_name(service.name);
    bare.pos = service.pos;
    bare.log_ring_bytes = service.log_ring_bytes;
    return bare;
}

std::string in_words(Duration span) { return fmt::format("{} s", static_cast<double>(span.count()) / 1e6); }

} // namespace

void tell_failure(const Service& service, const Status& commands) {
    if (!commands)
        log(LogLevel::error, fmt::format("{}: {}", service.name, commands.error().to_string()), {{"SWATHE_SERVICE", service.name}});
}

/// The commands of one stage of one service.
class SocketCommands::List {
public:
    List(SocketCommands& owner, std::shared_ptr<const Service> service, std::shared_ptr<ServiceLog> log, SocketStage stage, Done done)
        : owner_(owner), service_(std::move(service)), bare_(surroundings_of(*service_)), log_(std::move(log)), stage_(stage),
          done_(std::move(done)) {}

    void post(ListEvent event);

    [[nodiscard]] const std::string& service() const noexcept { return service_->name; }
    [[nodiscard]] bool is_start() const noexcept { return stage_ == SocketStage::start_pre || stage_ == SocketStage::start_post; }
    [[nodiscard]] bool waits() const noexcept { return state_.phase == CommandList::Phase::waiting; }
    [[nodiscard]] bool owns(pid_t pid) const noexcept { return process_ && process_->child().pid == pid; }
    void answer() {
        members_.forget();
        std::exchange(done_, nullptr)(outcome());
    }

private:
    [[nodiscard]] const std::vector<Command>& commands() const noexcept { return commands_of(*service_, stage_); }
    void take(const ListEvent& event);
    void perform(const ListAction& action);
    void start(const Command& command);
    [[nodiscard]] Status spawn_command(const Command& command);
    void exited(const Exit& exit);
    void look_for_others();
    void set_timer();
    void note(const Command& command, const std::string& what);
    void failed(const Command& command, const std::string& what);
    [[nodiscard]] Status outcome() const;
    void say(LogLevel level, const std::string& text) const {
        log(level, fmt::format("{}: {}: {}", service(), key_of(stage_), text), {{"SWATHE_SERVICE", service()}});
    }

    SocketCommands& owner_;
    std::shared_ptr<const Service> service_;
    const Service bare_;
    std::shared_ptr<ServiceLog> log_;
    const SocketStage stage_;
    Done done_;
    CommandList state_;
    std::vector<ListEvent> events_;
    bool draining_ = false;
    std::string trouble_; ///< of the last command that failed
    Members members_;
    std::optional<ChildWatch> process_;
    std::optional<TimerSource> timer_;
    std::optional<Monotonic> timer_set_;
};

void SocketCommands::List::post(ListEvent event) {
    events_.push_back(std::move(event));
    if (draining_) return; // an action's answer: taken up when its turn comes
    draining_ = true;
    for (std::size_t i = 0; i < events_.size(); ++i) {
        const ListEvent next = events_[i]; // more may join
        take(next);
    }
    events_.clear();
    draining_ = false;
    set_timer();
    if (state_.phase == CommandList::Phase::ended && done_) owner_.ended(*this);
}

void SocketCommands::List::take(const ListEvent& event) {
    const ListStep decided = step(commands(), service_->socket_timeout_sec, state_, event, now());
    const bool to_end = state_.phase == CommandList::Phase::running && decided.next.phase == CommandList::Phase::sigterm;
    const bool kills = decided.next.phase == CommandList::Phase::sigkill && state_.phase != decided.next.phase;
    if (to_end) {
        const bool late = decided.next.trouble == CommandList::Trouble::timeout;
        const std::string longest = in_words(service_->socket_timeout_sec);
        note(commands()[state_.index], late ? fmt::format("takes longer than {} (socket_timeout_sec)", longest) : "called off");
    }
    if (kills) say(LogLevel::warning, "did not end in time; killed");
    if (state_.phase == CommandList::Phase::sigkill && decided.next.phase == CommandList::Phase::ended && process_)
        say(LogLevel::error, fmt::format("pid {} does not end, and is left behind", process_->child().pid));
    state_ = decided.next;
    for (const ListAction& action : decided.actions) perform(action);
}

void SocketCommands::List::perform(const ListAction& action) {
    struct Visitor {
        List& self;
        void operator()(const StartCommand& order) const { self.start(self.commands()[order.index]); }
        void operator()(const SignalCommand& order) const {
            if (auto sent = self.members_.signal(order.number); !sent) self.say(LogLevel::error, sent.error().to_string());
        }
    };
    std::visit(Visitor{*this}, action);
}

void SocketCommands::List::start(const Command& command) {
    auto spawned = spawn_command(command);
    if (spawned) return;
    failed(command, spawned.error().to_string());
    post(CommandRefused{});
}

Status SocketCommands::List::spawn_command(const Command& command) {
    if (!members_.has_group())
        if (auto made = members_.make_group(owner_.cgroups_, bare_, 0); !made) return made;
    auto plan = plan_spawn(bare_, command, "program", RunFacts{});
    if (!plan) {
        plan.error().error.pos.reset(); // note() tells it
        return Failure(std::move(plan).error().error);
    }
    if (auto entered = members_.enter(*plan, false); !entered) return entered;
    auto ends = log_->begin(bare_, command, plan->uid);
    if (!ends) return Failure(std::move(ends).error());
    plan->output_fd = ends->output();
    plan->error_fd = ends->error();
    auto child = spawn(*plan);
    if (!child) return Failure(Error(child.error().error).within(fmt::format("{} (step {})", plan->path, to_string(child.error().step))));
    ends->belong_to(child->pid);
    members_.add(*child);
    const bool kill_group = !groups_outlive_leaders() && !members_.has_cgroup(); // nobody could find it any more
    auto watch = ChildWatch::watch(owner_.loop_, std::move(*child), [this](const Exit& exit) { exited(exit); }, kill_group);
    if (!watch) return Failure(std::move(watch).error());
    process_ = std::move(*watch);
    return {};
}

void SocketCommands::List::exited(const Exit& exit) {
    log_->drain();
    const pid_t pid = process_->child().pid;
    process_.reset();
    const bool well = exit.kind == Exit::Kind::code && exit.value == 0;
    if (!well && state_.phase == CommandList::Phase::running)
        failed(commands()[state_.index], fmt::format("pid {} {}", pid, describe(exit)));
    post(CommandEnded{exit});
    if (state_.phase == CommandList::Phase::sigterm || state_.phase == CommandList::Phase::sigkill) look_for_others();
}

void SocketCommands::List::look_for_others() {
    if (members_.empty()) return post(NobodyLeft{});
    const auto gone = [this] {
        if (!process_ && members_.empty()) post(NobodyLeft{});
    };
    if (auto watched = members_.watch(owner_.loop_, gone); !watched) say(LogLevel::error, watched.error().to_string());
    gone(); // between the two looks
}

/// Once, by what is remembered when all has been taken up.
void SocketCommands::List::set_timer() {
    if (state_.timer == timer_set_) return;
    timer_set_ = state_.timer;
    if (!timer_set_) return timer_->disarm();
    if (!timer_) {
        auto timer = TimerSource::create(owner_.loop_, [this] {
            timer_set_.reset();
            post(ListTimer{});
        });
        if (!timer) {
            timer_set_.reset();
            return say(LogLevel::error, timer.error().to_string());
        }
        timer_ = std::move(*timer);
    }
    if (auto armed = timer_->arm(*timer_set_); !armed) say(LogLevel::error, armed.error().to_string());
}

/// The place is a part of the text: that a command fails here and now is no mistake of the file.
void SocketCommands::List::note(const Command& command, const std::string& what) {
    trouble_ = fmt::format("{}: {}: {}", command.pos.to_string(), key_of(stage_), what);
}

/// Whoever asked for the list hears of it, unless it is ignored.
void SocketCommands::List::failed(const Command& command, const std::string& what) {
    note(command, what);
    if (command.ignore_failure) say(LogLevel::info, what + "; that is ignored");
}

Status SocketCommands::List::outcome() const {
    if (state_.trouble == CommandList::Trouble::none) return {};
    if (trouble_.empty()) return failure(fmt::format("{}: called off", key_of(stage_)));
    return failure(trouble_);
}

SocketCommands::SocketCommands(Loop& loop, const CgroupTree& cgroups, std::function<void()> changed)
    : loop_(loop), cgroups_(cgroups), changed_(std::move(changed)) {}

SocketCommands::~SocketCommands() = default;

Result<std::unique_ptr<SocketCommands>> SocketCommands::create(Loop& loop, const CgroupTree& cgroups, std::function<void()> changed) {
    std::unique_ptr<SocketCommands> self(new SocketCommands(loop, cgroups, std::move(changed)));
    auto sweep = DeferSource::create(loop, [raw = self.get()] { raw->past_.clear(); });
    if (!sweep) return Failure(std::move(sweep).error());
    self->sweep_ = std::move(*sweep);
    return self;
}

void SocketCommands::run(std::shared_ptr<const Service> service, std::shared_ptr<ServiceLog> log, SocketStage stage, Done done) {
    if (commands_of(*service, stage).empty()) return done({});
    const std::string name = service->name;
    lists_.push_back(std::make_unique<List>(*this, std::move(service), std::move(log), stage, std::move(done)));
    begin_next(name);
}

void SocketCommands::begin_next(const std::string& service) {
    const auto first = std::find_if(lists_.begin(), lists_.end(), [&](const auto& list) { return list->service() == service; });
    if (first != lists_.end() && (*first)->waits()) (*first)->post(BeginList{});
}

void SocketCommands::ended(List& list) {
    const auto at = std::find_if(lists_.begin(), lists_.end(), [&](const auto& one) { return one.get() == &list; });
    const std::string service = list.service();
    past_.push_back(std::move(*at));
    lists_.erase(at);
    (void)sweep_.trigger();
    list.answer(); // more may be asked for
    begin_next(service);
    changed_();
}

void SocketCommands::call_off(const std::string& service) {
    std::vector<List*> starts;
    for (const auto& list : lists_)
        if (list->service() == service && list->is_start()) starts.push_back(list.get());
    for (List* list : starts) list->post(CallOff{}); // those that have ended are in past_ until the loop's next turn
}

void SocketCommands::call_off_all() {
    std::vector<std::string> names;
    for (const auto& list : lists_) names.push_back(list->service());
    for (const std::string& name : names) call_off(name);
}

bool SocketCommands::owns(pid_t pid) const noexcept {
    return std::any_of(lists_.begin(), lists_.end(), [&](const auto& list) { return list->owns(pid); });
}

bool SocketCommands::is_busy(const std::string& service) const noexcept {
    return std::any_of(lists_.begin(), lists_.end(), [&](const auto& list) { return list->service() == service; });
}

} // namespace swathe
