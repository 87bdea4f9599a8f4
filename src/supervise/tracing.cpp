#include "supervise/tracing.h"

#include "socket/interfaces.h"
#include "supervise/explain.h"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <time.h>

#include <fmt/format.h>

namespace swathe {
namespace {

std::uint64_t share_of(const TraceQuery& query) { return kAllDecisions / std::clamp(query.sample, 1U, kMostSparse); }

void raise(TraceShare& share, const TraceQuery& query) {
    std::uint64_t& wished = query.drops ? share.drops : share.all;
    wished = std::max(wished, share_of(query));
}

std::optional<Rule> rule_of(const TracedDecision& decision, const TraceMeaning& meaning) {
    return decision.rule ? std::optional(meaning.rules->rules.at(*decision.rule)) : std::nullopt;
}

/// The service and the listener that a rule steers to. Nothing: it does not steer.
std::optional<std::pair<const std::string&, const std::string&>> target_of(const std::optional<Rule>& rule, const TraceMeaning& meaning) {
    if (!rule || rule->target.verdict != Verdict::steer) return std::nullopt;
    const Service& service = meaning.config->services.at(rule->target.listener.service);
    return {{service.name, service.listeners.at(rule->target.listener.listener).name}};
}

const char* refusal_text(DropReason why) {
    switch (why) {
    case DropReason::blocked: return "source blocked";
    case DropReason::closed: return "too many connections";
    case DropReason::source_rate: return "source rate limit";
    case DropReason::rate: return "rate limit";
    }
    return "";
}

std::string error_text(int error) {
    switch (error) {
    case 0: return "";
    case ENOENT: return "no socket";
    case EEXIST: return "another program has chosen a socket before";
    default: return std::system_category().message(error);
    }
}

std::int64_t nanoseconds(clockid_t clock) {
    timespec t{};
    (void)::clock_gettime(clock, &t);
    return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

std::vector<TraceQuery> queries_of(const auto& watchers) {
    std::vector<TraceQuery> queries;
    queries.reserve(watchers.size());
    for (const auto& watcher : watchers) queries.push_back(watcher->query);
    return queries;
}

/// Interface names of a namespace, each asked for once.
class InterfaceNames {
public:
    explicit InterfaceNames(const NetNamespace& ns) : ns_(ns) {}
    const std::string& operator()(std::uint32_t index) {
        const auto [known, fresh] = names_.try_emplace(index);
        if (fresh && index != 0) known->second = interface_name(ns_, index).value_or("");
        return known->second;
    }

private:
    const NetNamespace& ns_;
    std::map<std::uint32_t, std::string> names_;
};

} // namespace

bool is_called(const std::string& asked, const std::string& service, const std::string& name) {
    if (asked == name) return true;
    return asked.size() == service.size() + 1 + name.size() && asked.starts_with(service) && asked[service.size()] == '/' &&
           asked.ends_with(name);
}

TraceWish wish_of(const std::vector<TraceQuery>& queries, const TraceSource& source) {
    TraceWish wish;
    for (const TraceQuery& query : queries) {
        if (query.listener.empty()) {
            raise(wish.everything, query);
            continue;
        }
        for (const auto& [slot, ref] : source.slots) {
            const Service& service = source.meaning.config->services.at(ref.service);
            if (is_called(query.listener, service.name, service.listeners.at(ref.listener).name)) raise(wish.of_slot[slot], query);
        }
    }
    return wish;
}

bool wanted(const TraceQuery& query, const TracedDecision& decision, const TraceMeaning& meaning) {
    if (decision.random >= share_of(query) || (query.drops && decision.verdict != Verdict::drop)) return false;
    if (query.listener.empty()) return true;
    const auto target = target_of(rule_of(decision, meaning), meaning);
    return target && is_called(query.listener, target->first, target->second);
}

TracedView view_of(const TracedDecision& decision, const TraceMeaning& meaning, std::int64_t realtime_ns) {
    TracedView view;
    view.time_usec = (static_cast<std::int64_t>(decision.time_ns) + realtime_ns) / 1000;
    view.protocol = to_string(decision.flow.protocol);
    view.source = decision.flow.remote.to_string();
    view.destination = decision.flow.local.to_string();
    view.verdict = to_string(decision.verdict);
    view.error = decision.refusal ? refusal_text(*decision.refusal) : error_text(decision.error);
    const std::optional<Rule> rule = rule_of(decision, meaning);
    if (!rule) return view;
    const PortRange ports = range_around(meaning.rules->port_sets.at(rule->ports), decision.flow.local.port);
    view.rule = TracedView::Rule{rule->destination.to_string(), ports.to_string(), rule->pos.file.name(), rule->pos.line, rule->pos.column};
    if (const auto target = target_of(rule, meaning)) {
        view.service = target->first;
        view.listener = target->second;
    }
    return view;
}

Result<std::unique_ptr<Tracing>> Tracing::create(Loop& loop, Sources sources) {
    std::unique_ptr<Tracing> tracing(new Tracing(std::move(sources)));
    auto timer = TimerSource::create(loop, [t = tracing.get()] { t->tick(); });
    if (!timer) return Failure(std::move(timer).error());
    tracing->timer_ = std::move(*timer);
    return tracing;
}

bool Tracing::knows(const std::string& listener) const {
    for (const TraceSource& source : sources_())
        for (const Service& service : source.meaning.config->services)
            for (const Listener& one : service.listeners)
                if (is_called(listener, service.name, one.name)) return true;
    return false;
}

Tracing::Watchers Tracing::watchers() const {
    Watchers alive;
    for (const auto& watcher : watchers_)
        if (auto one = watcher.lock()) alive.push_back(std::move(one));
    return alive;
}

Result<TraceHandle> Tracing::begin(TraceQuery query, TraceSink sink) {
    std::erase_if(watchers_, [](const auto& watcher) { return watcher.expired(); });
    if (watchers_.size() >= kMostTraces) return failure(fmt::format("{} traces run already", kMostTraces));
    auto watcher = std::make_shared<Watcher>(Watcher{std::move(query), std::move(sink), 0});
    watchers_.push_back(watcher);
    Status followed = follow();
    if (followed) followed = timer_.arm(now() + kTraceTick);
    if (followed) return TraceHandle(std::move(watcher));
    watchers_.pop_back();
    (void)follow();
    return Failure(std::move(followed).error());
}

void Tracing::sources_changed() {
    if (watchers_.empty()) return;
    if (auto followed = follow(); !followed) stop(followed.error().to_string());
}

/// Makes the dispatchers of now report what is asked for now.
Status Tracing::follow() {
    std::vector<Watched> before = std::exchange(watched_, {});
    const std::vector<TraceQuery> queries = queries_of(watchers());
    Status done;
    for (TraceSource& source : sources_()) {
        const Status traced = source.dispatcher->trace(queries.empty() ? std::nullopt : std::optional(wish_of(queries, source)));
        if (done) done = traced;
        if (queries.empty()) continue;
        const auto old =
            std::find_if(before.begin(), before.end(), [&](const Watched& w) { return w.source.dispatcher == source.dispatcher; });
        Watched& now_watched = watched_.emplace_back();
        if (old != before.end()) now_watched.meanings = std::move(old->meanings);
        now_watched.meanings.insert_or_assign(source.dispatcher->generation(), source.meaning);
        now_watched.source = std::move(source);
    }
    return done;
}

void Tracing::stop(const std::string& why) {
    for (const auto& watcher : watchers()) (void)watcher->sink({{}, std::exchange(watcher->lost, 0), why});
    watchers_.clear();
    (void)follow();
}

void Tracing::tick() {
    const std::size_t expected = watchers_.size();
    std::erase_if(watchers_, [](const auto& watcher) { return watcher.expired(); });
    if (watchers_.size() != expected)
        if (auto followed = follow(); !followed) return stop(followed.error().to_string());
    if (watchers_.empty()) return;

    const Watchers all = watchers();
    std::vector<TraceBatch> batches(all.size());
    for (Watched& watched : watched_)
        if (auto read = read_into(batches, watched, all); !read) return stop(read.error().to_string());
    for (std::size_t i = 0; i < all.size(); ++i) {
        batches[i].lost += std::exchange(all[i]->lost, 0);
        if (batches[i].events.empty() && batches[i].lost == 0) continue;
        if (!all[i]->sink(batches[i])) all[i]->lost = batches[i].lost + batches[i].events.size();
    }
    if (auto armed = timer_.arm(now() + kTraceTick); !armed) stop(armed.error().to_string());
}

/// What one dispatcher has reported, to the batch of each watcher that wants it.
Status Tracing::read_into(std::vector<TraceBatch>& batches, Watched& watched, const Watchers& all) {
    auto read = watched.source.dispatcher->read_trace(std::max<std::size_t>(1, kMostTracedPerTick / watched_.size()));
    if (!read) return Failure(std::move(read).error());
    const std::int64_t realtime_ns = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
    InterfaceNames interface_of(*watched.source.ns);
    for (const TracedDecision& decision : read->decisions) {
        const auto meaning = watched.meanings.find(decision.generation);
        if (meaning == watched.meanings.end()) {
            ++read->lost;
            continue;
        }
        std::optional<TracedView> view;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (!wanted(all[i]->query, decision, meaning->second)) continue;
            if (!view) {
                view = view_of(decision, meaning->second, realtime_ns);
                view->interface = interface_of(decision.flow.ifindex);
                view->netns = watched.source.netns;
            }
            batches[i].events.push_back(*view);
        }
    }
    for (TraceBatch& batch : batches) batch.lost += read->lost;
    watched.meanings.erase(watched.meanings.begin(), watched.meanings.lower_bound(read->oldest_generation));
    return {};
}

} // namespace swathe
