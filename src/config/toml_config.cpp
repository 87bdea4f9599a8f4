#include "config/toml_config.h"

#include "base/text.h"
#include "config/service_name.h"
#include "config/specifier.h"

#include <algorithm>

#include <fmt/format.h>
#include <strings.h>

namespace swathe {
namespace {

/// The scopes whose keys may stand in the same file as `scope`'s, for hints.
bool same_file(Scope a, Scope b) noexcept {
    const auto of_daemon = [](Scope s) { return s == Scope::daemon || s == Scope::rule; };
    return of_daemon(a) == of_daemon(b);
}

std::string hint_for(Scope scope, std::string_view key, std::vector<std::string_view> known) {
    for (const Directive& directive : directives()) {
        if (directive.toml_key.empty()) continue;
        if (directive.toml_key == key && same_file(directive.scope, scope))
            return fmt::format("it belongs into {}", to_string(directive.scope));
        if (directive.scope != scope) continue;
        if (strcasecmp(std::string(directive.unit_key).c_str(), std::string(key).c_str()) == 0)
            return fmt::format("did you mean \"{}\"?", directive.toml_key);
        known.push_back(directive.toml_key);
    }
    const auto nearest = nearest_name(key, known);
    return nearest ? fmt::format("did you mean \"{}\"?", *nearest) : std::string();
}

/// `tables`: what may stand beside the scope's keys.
void report_unknown(Scope scope, const RawEntry& entry, std::vector<std::string_view> tables, Report& report) {
    const std::string_view key = std::string_view(entry.key).substr(entry.key.starts_with('+') ? 1 : 0);
    const std::string hint = report.shows_error() ? hint_for(scope, key, std::move(tables)) : std::string();
    report.error(entry.pos, quoted(entry.key), hint.empty() ? "unknown key" : "unknown key; " + hint);
}

/// Replaces specifiers in all strings. Of a command that is a line they are replaced once it has been split, as in a unit.
bool expand_all(Raw& raw, const UnitId& unit, std::string_view key, Report& report) {
    if (auto* text = std::get_if<std::string>(&raw.value)) {
        auto expanded = expand_specifiers(*text, unit);
        if (expanded)
            *text = std::move(*expanded);
        else
            report.error(raw.pos, key, expanded.error().message);
        return expanded.has_value();
    }
    bool ok = true;
    if (auto* list = std::get_if<Raw::List>(&raw.value))
        for (Raw& item : *list) ok = expand_all(item, unit, key, report) && ok;
    if (auto* table = std::get_if<Raw::Table>(&raw.value))
        for (RawEntry& entry : *table) ok = expand_all(entry.value, unit, key, report) && ok;
    return ok;
}

/// Puts tables into blocks, each key where it belongs.
class Putter {
public:
    /// `service`: whose file it is, at `path`; the specifiers of an instance are replaced, and those of [service] if it `accepts`.
    Putter(Report& report, std::string_view service, std::string_view path, bool accepts)
        : report_(report), unit_(std::string(service) + ".service"), path_(path), accepts_(accepts) {
        expands_ = service.find('@') != service.npos;
        if (accepts_) connection_unit_ = connection_unit(service);
    }

    /// Puts the entries of a table of `scope` into `block`; those that append come last, wherever they stand.
    void put_all(Block& block, Scope scope, const Raw::Table& table) {
        for (const bool append : {false, true})
            for (const RawEntry& entry : table)
                if (entry.key.starts_with('+') == append && !put_one(block, scope, entry)) report_unknown(scope, entry, {}, report_);
    }

    /// False = there is no such key.
    bool put_one(Block& block, Scope scope, const RawEntry& entry) {
        const bool append = entry.key.starts_with('+');
        const Directive* directive = find_toml_directive(scope, std::string_view(entry.key).substr(append ? 1 : 0));
        if (directive == nullptr) return false;
        if (append && !is_list(*directive)) {
            report_.error(entry.pos, quoted(entry.key), fmt::format("{} takes one value; nothing can be appended", directive->toml_key));
            return true;
        }
        Setting setting{directive, entry.pos, entry.value, append};
        const bool is_line = directive->type == ValueType::commands && entry.value.get<std::string>() != nullptr;
        const bool of_connection = accepts_ && scope == Scope::service;
        const bool expands = (expands_ || of_connection) && !is_line && !has_per_cent_signs(directive->type);
        if (!expands || expand_all(setting.value, {of_connection ? connection_unit_ : unit_, path_}, entry.key, report_))
            put(block, std::move(setting));
        return true;
    }

private:
    Report& report_;
    std::string unit_;
    std::string_view path_;
    std::string connection_unit_; ///< likewise, of an instance of a connection
    bool expands_ = false;
    bool accepts_ = false;
};

/// Calls `take(table, place)` for each table of an array of tables.
template <class F> void each_table(const RawEntry& entry, Report& report, F take) {
    const auto* list = entry.value.get<Raw::List>();
    if (list == nullptr)
        return report.error(entry.pos, entry.key,
                            fmt::format("expected [[{}]] tables, found {}", entry.key, entry.value.kind()));
    for (const Raw& item : *list) {
        if (const auto* table = item.get<Raw::Table>())
            take(*table, item.pos);
        else
            report.error(item.pos, entry.key, fmt::format("expected a table, found {}", item.kind()));
    }
}

/// The name of a listener as far as it is known yet: the only listener of a service may go without.
std::string_view name_of(const Block& listener, std::size_t count, std::string_view service) {
    const Setting* name = listener.find("name");
    const auto* text = name == nullptr ? nullptr : name->value.get<std::string>();
    return text != nullptr ? std::string_view(*text) : count == 1 ? service : std::string_view();
}

/// The listener that a drop-in's [[listen]] means; null = a new one.
Block* find_listener(TomlService& service, std::string_view service_name, const Block& change, std::size_t count) {
    const std::string_view wanted = change.find("name") == nullptr && count == 1
                                        ? name_of(service.listeners.front(), 1, service_name)
                                        : name_of(change, 0, service_name);
    if (wanted.empty()) return nullptr;
    const auto found = std::find_if(service.listeners.begin(), service.listeners.end(),
                                    [&](const Block& b) { return name_of(b, count, service_name) == wanted; });
    return found == service.listeners.end() ? nullptr : &*found;
}

void merge_listeners(TomlService& service, std::string_view name, const RawEntry& entry, bool drop_in, Putter& putter, Report& report) {
    const std::size_t count = service.listeners.size(); // before this file: its own tables do not change each other
    each_table(entry, report, [&](const Raw::Table& table, const SourcePos& where) {
        Block block{where, {}};
        putter.put_all(block, Scope::listen, table);
        Block* known = drop_in ? find_listener(service, name, block, count) : nullptr;
        if (known == nullptr) return service.listeners.push_back(std::move(block));
        for (Setting& setting : block.settings) put(*known, std::move(setting));
    });
}

} // namespace

std::optional<bool> accept_in(const Raw::Table& root) {
    const auto find = [](const Raw::Table& table, std::string_view key) {
        const auto found = std::find_if(table.begin(), table.end(), [&](const RawEntry& entry) { return entry.key == key; });
        return found == table.end() ? nullptr : &found->value;
    };
    const Raw* const service = find(root, "service");
    const auto* const table = service == nullptr ? nullptr : service->get<Raw::Table>();
    const Raw* const accept = table == nullptr ? nullptr : find(*table, "accept");
    const bool* const said = accept == nullptr ? nullptr : accept->get<bool>();
    return said == nullptr ? std::nullopt : std::optional(*said);
}

void merge_toml_service(TomlService& service, std::string_view name, const Raw::Table& root, SourceFile file,
                        Report& report) {
    const bool drop_in = service.file.pos.file != SourceFile();
    if (!drop_in) service.file.pos = service.service.pos = {file, 0, 0};
    Putter putter(report, name, service.file.pos.file.name(), service.accepts);
    for (const RawEntry& entry : root) {
        if (entry.key == "listen") {
            merge_listeners(service, name, entry, drop_in, putter, report);
        } else if (entry.key == "service") {
            const auto* table = entry.value.get<Raw::Table>();
            if (table == nullptr) {
                report.error(entry.pos, entry.key,
                             fmt::format("expected a [service] table, found {}", entry.value.kind()));
                continue;
            }
            if (!service.has_service) service.service.pos = entry.pos;
            service.has_service = true;
            putter.put_all(service.service, Scope::service, *table);
        } else if (!putter.put_one(service.file, Scope::file, entry)) {
            report_unknown(Scope::file, entry, {"listen", "service"}, report);
        }
    }
}

void merge_toml_daemon(TomlDaemon& daemon, const Raw::Table& root, SourceFile file, Report& report) {
    if (daemon.daemon.pos.file == SourceFile()) daemon.daemon.pos = {file, 0, 0};
    Putter putter(report, {}, {}, false);
    const auto merge = [&](const RawEntry& entry) {
        if (entry.key == "drop" || entry.key == "pass") {
            each_table(entry, report, [&](const Raw::Table& table, const SourcePos& where) {
                TomlDaemon::Rule rule{entry.key == "drop" ? Verdict::drop : Verdict::pass, {where, {}}};
                putter.put_all(rule.block, Scope::rule, table);
                daemon.rules.push_back(std::move(rule));
            });
        } else if (!putter.put_one(daemon.daemon, Scope::daemon, entry)) {
            report_unknown(Scope::daemon, entry, {"drop", "pass"}, report);
        }
    };
    for (const bool append : {false, true})
        for (const RawEntry& entry : root)
            if (entry.key.starts_with('+') == append) merge(entry);
}

} // namespace swathe
