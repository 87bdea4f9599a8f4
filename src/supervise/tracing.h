#pragma once

#include "classify/rules.h"
#include "dispatch/dispatcher.h"
#include "event/loop.h"
#include "socket/net_namespace.h"
#include "supervise/stream_view.h"

namespace swathe {

/// What the decisions of one generation are about.
struct TraceMeaning {
    std::shared_ptr<const RuleSet> rules;
    std::shared_ptr<const Config> config;
};

/// One dispatcher, as those who watch it see it.
struct TraceSource {
    Dispatcher* dispatcher = nullptr; ///< which has published `meaning` last
    std::string netns;                ///< as the configuration calls it; "" = the daemon's own
    TraceMeaning meaning;
    std::vector<std::pair<std::uint32_t, ListenerRef>> slots; ///< each with its listener in `meaning`
    const NetNamespace* ns = nullptr;
};

inline constexpr std::size_t kMostTraces = 4;                 ///< at a time
inline constexpr std::size_t kMostTracedPerTick = 250; ///< decisions read; the others wait in the ring, and are lost when that is full
inline constexpr Duration kTraceTick = std::chrono::milliseconds(20);

/// Watches decisions of all dispatchers for those who ask. While nobody does, it costs nothing, and the dispatchers run their
/// plain programs.
class Tracing {
public:
    using Sources = std::function<std::vector<TraceSource>()>; ///< all dispatchers of now; what they point to stays until sources_changed()

    [[nodiscard]] static Result<std::unique_ptr<Tracing>> create(Loop& loop, Sources sources);

    [[nodiscard]] bool knows(const std::string& listener) const; ///< is there one of this name, as in a TraceQuery?

    [[nodiscard]] std::size_t running() const { return watchers().size(); }

    /// Until what is returned is destroyed, `sink` gets what `query` asks for, from the event loop. A listener is known by its name:
    /// it may go and come back by a reload. Errors: kMostTraces watch already, what the kernel said.
    [[nodiscard]] Result<TraceHandle> begin(TraceQuery query, TraceSink sink);

    /// To be called after every publish() of a dispatcher and whenever there are others, before the loop goes on.
    void sources_changed();

    /// Ends all traces; who watches is told why.
    void stop(const std::string& why);

private:
    struct Watcher {
        TraceQuery query;
        TraceSink sink;
        std::uint64_t lost = 0; ///< not told yet
    };
    struct Watched {
        TraceSource source;
        std::map<std::uint64_t, TraceMeaning> meanings; ///< by generation
    };
    using Watchers = std::vector<std::shared_ptr<Watcher>>;

    explicit Tracing(Sources sources) : sources_(std::move(sources)) {}
    [[nodiscard]] Watchers watchers() const; ///< who is still there
    [[nodiscard]] Status follow();
    void tick();
    [[nodiscard]] Status read_into(std::vector<TraceBatch>& batches, Watched& watched, const Watchers& all);

    Sources sources_;
    std::vector<std::weak_ptr<Watcher>> watchers_; ///< owned by those who watch
    std::vector<Watched> watched_;
    TimerSource timer_;
};

/// Does the listener `name` of `service` answer to `asked`, "NAME" or "SERVICE/NAME"? Pure.
[[nodiscard]] bool is_called(const std::string& asked, const std::string& service, const std::string& name);

/// What the kernel must report for all of `queries` together. Pure.
[[nodiscard]] TraceWish wish_of(const std::vector<TraceQuery>& queries, const TraceSource& source);

/// Is the decision for who asked `query`? The kernel has reported what any of them wants. Pure.
[[nodiscard]] bool wanted(const TraceQuery& query, const TracedDecision& decision, const TraceMeaning& meaning);

/// The decision in words. `realtime_ns`: CLOCK_REALTIME minus CLOCK_MONOTONIC. Pure.
[[nodiscard]] TracedView view_of(const TracedDecision& decision, const TraceMeaning& meaning, std::int64_t realtime_ns);

} // namespace swathe
