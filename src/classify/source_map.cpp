#include "classify/source_map.h"

#include <algorithm>

namespace swathe {
namespace {

struct Source {
    Prefix prefix;
    std::uint32_t number;
    bool excluded;
    friend auto operator<=>(const Source&, const Source&) noexcept = default;
};

std::vector<Source> sorted_sources(std::span<const SourceTerms> rules, Family family) {
    std::vector<Source> sources;
    const auto add = [&](const std::vector<Prefix>& prefixes, std::uint32_t number, bool excluded) {
        for (const Prefix& p : prefixes)
            if (p.family() == family) sources.push_back({p, number, excluded});
    };
    for (std::uint32_t i = 0; i < rules.size(); ++i) {
        if (rules[i].from != nullptr) add(*rules[i].from, i + 1, false);
        else sources.push_back({{Address::any(family), 0}, i + 1, false});
        if (rules[i].strangers != nullptr) add(*rules[i].strangers, i + 1, true);
    }
    std::sort(sources.begin(), sources.end());
    return sources;
}

/// Which prefixes lie around the place that the sweep has come to.
class Around {
public:
    explicit Around(std::size_t rules) : exclusions_(rules + 1) {}

    void leave_for(const Prefix& next) {
        while (!wanted_.empty() && !wanted_.back().prefix.contains(next)) wanted_.pop_back();
        for (; !excluded_.empty() && !excluded_.back().prefix.contains(next); excluded_.pop_back()) --exclusions_[excluded_.back().number];
    }
    void enter(const Source& source) {
        if (source.excluded) ++exclusions_[source.number];
        (source.excluded ? excluded_ : wanted_).push_back(source);
    }
    [[nodiscard]] std::uint32_t winner() const {
        const Source* best = nullptr;
        for (auto at = wanted_.rbegin(); at != wanted_.rend() && (best == nullptr || at->prefix == best->prefix); ++at)
            if (exclusions_[at->number] == 0) best = &*at;
        return best == nullptr ? 0 : best->number;
    }

private:
    std::vector<Source> wanted_, excluded_;  // the longest prefix last, among equals the highest number
    std::vector<std::uint32_t> exclusions_;  // by number
};

} // namespace

std::vector<Point> source_points(std::span<const SourceTerms> rules, Family family) {
    const std::vector<Source> sources = sorted_sources(rules, family);
    PrefixSweep sweep(sources.size());
    Around around(rules.size());
    for (std::size_t i = 0; i < sources.size();) {
        const Prefix here = sources[i].prefix;
        around.leave_for(here);
        for (; i < sources.size() && sources[i].prefix == here; ++i) around.enter(sources[i]);
        (void)sweep.leave_before(here.address.bits);
        sweep.enter(here, around.winner());
    }
    return sweep.finish();
}

} // namespace swathe
