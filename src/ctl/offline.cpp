#include "ctl/offline.h"

#include "base/text.h"
#include "dispatch/dispatcher.h"
#include "supervise/preflight.h"
#include "supervise/rule_finder.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

/// A slot for each listener, as good as the daemon's: which one it is does not change who wins.
class Slots {
public:
    explicit Slots(const Config& config) {
        for (const Service& service : config.services) {
            first_.push_back(count_);
            count_ += service.listeners.size();
        }
    }
    [[nodiscard]] std::size_t count() const noexcept { return count_; }
    [[nodiscard]] std::uint32_t of(const ListenerRef& ref) const {
        return static_cast<std::uint32_t>(first_.at(ref.service) + ref.listener);
    }

private:
    std::vector<std::size_t> first_;
    std::size_t count_ = 0;
};

InterfaceIndex index_by(std::shared_ptr<InterfaceNames> names) {
    return [names = std::move(names)](const std::string& name) { return names->index_of(name); };
}

Error explained(Error error) {
    if (error.errno_value == EPERM || error.errno_value == EACCES)
        return std::move(error).within("--kernel needs root (CAP_BPF and CAP_NET_ADMIN)");
    return error;
}

tl::expected<Config, Diagnostics> read_config(const SearchPath& path) {
    auto [config, diagnostics] = load_config(path);
    if (has_errors(diagnostics)) return tl::unexpected(std::move(diagnostics));
    return std::move(config);
}

tl::expected<Offline, Diagnostics> compile_for(Config config, const std::string& netns) {
    const Slots slots(config);
    if (slots.count() > DISPATCH_SLOTS)
        return tl::unexpected(
            refusal({fmt::format("{} listeners, and the dispatcher holds {}", slots.count(), DISPATCH_SLOTS), 0, std::nullopt}));
    RuleSet rules = rules_of(config);
    const auto interfaces = std::make_shared<InterfaceNames>();
    auto tables = compile({rules, config, [&](ListenerRef ref, Family) { return slots.of(ref); }, index_by(interfaces)});
    if (!tables) return tl::unexpected(std::move(tables).error());
    return Offline{std::move(config), std::move(rules), std::move(*tables), interfaces, netns};
}

} // namespace

std::uint32_t InterfaceNames::index_of(const std::string& name) {
    return known_.try_emplace(name, static_cast<std::uint32_t>(known_.size() + 1)).first->second;
}

Result<ExplainView> Offline::explain(const ExplainQuery& query) const {
    const InterfaceIndex index = index_by(interfaces);
    const auto flow = flow_of(query, index);
    if (!flow) return Failure(flow.error());
    const Decision decision = decide(tables, *flow);
    return view(*flow, decision.verdict, decision.rule, "tables");
}

Result<std::vector<Result<ExplainView>>> Offline::ask(const std::vector<ExplainQuery>& queries) const {
    const InterfaceIndex index = index_by(interfaces);
    std::vector<Result<Flow>> read;
    std::vector<Flow> flows;
    for (const ExplainQuery& query : queries) {
        read.push_back(query.interface.empty() ? flow_of(query, index)
                                               : failure("the kernel cannot be told an interface in a test run"));
        if (read.back()) flows.push_back(*read.back());
    }
    auto decisions = ask_kernel(tables, flows);
    if (!decisions) return Failure(explained(std::move(decisions).error()));

    std::vector<Result<ExplainView>> answers;
    auto decision = decisions->begin();
    for (const Result<Flow>& flow : read) {
        if (!flow) {
            answers.emplace_back(Failure(flow.error()));
            continue;
        }
        answers.emplace_back(view(*flow, decision->verdict, decision->rule, "kernel"));
        ++decision;
    }
    return answers;
}

ExplainView Offline::view(const Flow& flow, Verdict verdict, std::optional<RuleId> winner, const char* source) const {
    std::vector<RuleId> others = matching_rules(rules, *tables.rule_index, flow, index_by(interfaces));
    if (winner) others.erase(std::remove(others.begin(), others.end(), *winner), others.end());
    ExplainView answer = view_of(rules, config, flow, {verdict, winner, std::move(others), source});
    set_netns(answer, netns);
    return answer;
}

tl::expected<Offline, Diagnostics> load_offline(const SearchPath& path, const std::string& netns) {
    auto config = read_config(path);
    if (!config) return tl::unexpected(std::move(config).error());
    const auto elsewhere = namespaces_of(*config);
    if (!netns.empty() && !elsewhere.contains(netns))
        return tl::unexpected(
            refusal({fmt::format("no listener or rule is in a network namespace {}", swathe::quoted(netns)), 0, std::nullopt}));
    return compile_for(elsewhere.empty() ? std::move(*config) : only_in(*config, {netns}), netns);
}

tl::expected<std::vector<RuleView>, Diagnostics> rules_offline(const SearchPath& path, const RuleQuery& query) {
    const auto config = read_config(path);
    if (!config) return tl::unexpected(config.error());
    std::vector<std::string> names{""};
    for (const auto& [name, pos] : namespaces_of(*config)) names.push_back(name);
    std::vector<RuleView> views;
    for (const std::string& name : names) {
        const auto offline = compile_for(only_in(*config, {name}), name);
        if (!offline) return tl::unexpected(offline.error());
        append(views, rule_views(offline->rules, offline->config, {}, query), name);
    }
    cut(views, query);
    return views;
}

Diagnostics machine_problems(const Config& config, const std::string& netns) {
    const auto ns = netns.empty() ? NetNamespace::current() : NetNamespace::open(netns);
    if (!ns) return {{Diagnostic::Severity::error, Error(ns.error()).within("network namespace")}};
    return preflight(config, *ns);
}

SearchPath search_path_of(const std::string& directory) {
    return directory.empty() ? SearchPath::standard() : SearchPath::only(directory);
}

} // namespace swathe::ctl
