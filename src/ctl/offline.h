#pragma once

#include "classify/tables.h"
#include "config/loader.h"
#include "supervise/explain.h"

#include <map>
#include <memory>

namespace swathe::ctl {

/// Interfaces by name alone: a configuration can be looked at on a machine that has none of them.
class InterfaceNames {
public:
    [[nodiscard]] std::uint32_t index_of(const std::string& name); ///< from 1, the same for the same name

private:
    std::map<std::string, std::uint32_t> known_;
};

/// A configuration read and compiled without a daemon.
struct Offline {
    Config config;
    RuleSet rules;
    Tables tables;
    std::shared_ptr<InterfaceNames> interfaces;
    std::string netns; ///< "" = the daemon's own

    [[nodiscard]] Result<ExplainView> explain(const ExplainQuery& query) const;
    /// Asks the BPF program, all at once; an answer each, in order. Errors: no such right, no such kernel.
    [[nodiscard]] Result<std::vector<Result<ExplainView>>> ask(const std::vector<ExplainQuery>& queries) const;

private:
    [[nodiscard]] ExplainView view(const Flow& flow, Verdict verdict, std::optional<RuleId> winner, const char* source) const;
};

/// What concerns one network namespace, by its name in the configuration; "" = the daemon's own.
/// Errors: all that is wrong with the configuration itself; warnings are for `check` to say. And: it names no such namespace.
[[nodiscard]] tl::expected<Offline, Diagnostics> load_offline(const SearchPath& path, const std::string& netns);

/// The rules of all namespaces, one after the other. Errors likewise.
[[nodiscard]] tl::expected<std::vector<RuleView>, Diagnostics> rules_offline(const SearchPath& path, const RuleQuery& query);

/// What a start on this machine, in the network namespace `netns` ("" = the current one), would refuse. Services that could not be read are
/// not in `config`; the others are looked at all the same, so that everything is said at once.
[[nodiscard]] Diagnostics machine_problems(const Config& config, const std::string& netns);

/// --config's directory, or the standard search path where it is empty.
[[nodiscard]] SearchPath search_path_of(const std::string& directory);

} // namespace swathe::ctl
