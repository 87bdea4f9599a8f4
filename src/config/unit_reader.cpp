#include "config/unit_reader.h"

#include "base/text.h"
#include "config/limits.h"
#include "config/loading_values.h"
#include "config/specifier.h"
#include "config/systemd_names.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::string_view kOurs = "X-Swathe";

bool is_extension(std::string_view name) noexcept { return name.substr(0, 2) == "X-"; }

bool is_known_section(UnitKind kind, std::string_view name) noexcept {
    return name == "Unit" || name == "Install" || name == kOurs ||
           name == (kind == UnitKind::socket ? "Socket" : "Service");
}

constexpr std::string_view kListen = "Listen";

/// What the names of directives begin with that an empty value of any of them takes back, of whatever kind they are: systemd.socket(5),
/// systemd.unit(5). Our own Listen= is not one of them. "" = this one belongs to no family.
std::string_view family_of(std::string_view section, std::string_view key) noexcept {
    if (section == "Socket" && key.starts_with(kListen)) return kListen;
    for (const std::string_view prefix : {"Condition", "Assert"})
        if (section == "Unit" && key.starts_with(prefix)) return prefix;
    return {};
}

Result<std::string> expand_word(std::string_view text, const UnitId& unit, std::size_t& bytes) {
    auto word = expand_specifiers(text, unit);
    if (word && (bytes += word->size()) > limits::kLineBytes)
        return failure(fmt::format("the line is longer than {} bytes with its specifiers replaced", limits::kLineBytes));
    return word;
}

/// Command lines and variables are split first and have their specifiers replaced then; in a percentage there are none.
bool is_read_verbatim(ValueType type) noexcept {
    return type == ValueType::commands || type == ValueType::environment || has_per_cent_signs(type);
}

/// The value as the readers want it.
std::optional<Raw> raw_of(const Directive& directive, const UnitLine& line, const UnitId& unit, Report& report) {
    if (is_word_list(directive.type)) {
        auto words = words_in(line, unit, report);
        if (!words) return std::nullopt;
        return Raw{std::move(*words), line.pos};
    }
    if (is_read_verbatim(directive.type)) return Raw{line.value, line.place(0)};
    auto text = expand_specifiers(line.value, unit);
    if (text) return Raw{std::move(*text), line.place(0)};
    report.error(line.place(0), line.key, text.error().message);
    return std::nullopt;
}

/// Takes back the settings of the directives that `matches(directive)` is true for. Looks no further back than they stand: a file of many
/// lines is read in a time that grows with their number only.
template <class F> void take_back(UnitText& text, F matches) {
    std::size_t standing = 0;
    for (auto& [directive, count] : text.standing)
        if (matches(*directive)) standing += std::exchange(count, 0);
    auto& settings = text.block.settings;
    const auto is_one = [&](const Setting& s) { return matches(*s.directive); };
    auto from = settings.end();
    while (standing > 0 && from != settings.begin())
        if (is_one(*--from)) --standing;
    settings.erase(std::remove_if(from, settings.end(), is_one), settings.end());
}

/// systemd empties all of a family at once, those that we do not have, too.
void take_back_family(UnitText& text, std::string_view prefix) {
    const std::string_view section = prefix == kListen ? "Socket" : "Unit";
    const auto belongs = [&](std::string_view of, std::string_view key) { return of == section && key.starts_with(prefix); };
    take_back(text, [&](const Directive& d) { return belongs(d.unit_section, d.unit_key); });
    std::erase_if(text.foreign, [&](const UnitText::Foreign& line) { return belongs(line.section, line.key); });
}

/// Of capabilities an empty value is none, not the default: systemd.exec(5). Of Delegate= it is a list without controllers, which delegates
/// all the same: systemd.resource-control(5).
bool has_empty_value(const Directive& directive) noexcept {
    return directive.type == ValueType::capabilities || directive.toml_key == "delegate";
}

void assign(UnitText& text, const Directive& directive, const UnitLine& line, const UnitId& unit, Report& report) {
    if (line.value.empty()) {
        take_back(text, [&](const Directive& d) { return &d == &directive; });
        if (!has_empty_value(directive)) return;
    }
    auto raw = raw_of(directive, line, unit, report);
    if (!raw) return;
    if (directive.repeat == Repeat::replace) take_back(text, [&](const Directive& d) { return &d == &directive; });
    text.block.settings.push_back({&directive, line.pos, std::move(*raw)});
    ++text.standing[&directive];
}

/// Where a key of ours would have been right, or what it was meant to be; "" = no idea.
std::string hint_for(UnitKind kind, std::string_view section, std::string_view key) {
    std::vector<std::string_view> known = systemd_names(kind, section);
    for (const Directive& directive : directives()) {
        if (directive.unit_key.empty()) continue;
        if (directive.unit_key == key && find_unit_directive(kind, directive.unit_section, key) != nullptr)
            return fmt::format("; it belongs into [{}]", directive.unit_section);
        if (find_unit_directive(kind, section, directive.unit_key) != nullptr) known.push_back(directive.unit_key);
    }
    const auto nearest = nearest_name(key, known);
    return nearest ? fmt::format("; did you mean \"{}\"?", *nearest) : std::string();
}

void keep_foreign(UnitText& text, std::string_view section, const UnitLine& line) {
    const auto same = std::find_if(text.foreign.begin(), text.foreign.end(),
                                   [&](const auto& f) { return f.key == line.key && f.section == section; });
    UnitText::Foreign foreign{std::string(section), line.key, line.value, line.pos};
    if (same == text.foreign.end())
        text.foreign.push_back(std::move(foreign));
    else
        *same = std::move(foreign);
}

void report_unknown(UnitKind kind, std::string_view section, const UnitLine& line, Report& report) {
    const bool shows = section == kOurs ? report.shows_error() : report.shows_warning();
    const std::string hint = shows ? hint_for(kind, section, line.key) : std::string();
    if (section == kOurs)
        report.error(line.pos, quoted(line.key), "unknown key" + hint);
    else
        report.warning(line.pos, quoted(line.key), fmt::format("unknown key in [{}]; it is ignored{}", section, hint));
}

void merge_section(UnitText& text, UnitKind kind, const UnitId& unit, const UnitSection& section, Report& report) {
    for (const UnitLine& line : section.lines) {
        if (is_extension(line.key)) continue;
        const Directive* const directive = find_unit_directive(kind, section.name, line.key);
        if (directive == nullptr && foreign_directive(kind, section.name, line.key, line.value) == ForeignDirective::unknown)
            report_unknown(kind, section.name, line, report);
        else if (const std::string_view family = family_of(section.name, line.key); line.value.empty() && !family.empty())
            take_back_family(text, family);
        else if (directive != nullptr)
            assign(text, *directive, line, unit, report);
        else
            keep_foreign(text, section.name, line);
    }
}

/// Commands of a socket are root's, whatever else it asks for: that is not to be found out by what they have done.
bool says_who_commands_are(const UnitText& text, const UnitText::Foreign& line) {
    const auto is_command = [](const Setting& setting) {
        return setting.directive->unit_section == "Socket" && setting.directive->type == ValueType::commands;
    };
    const auto& settings = text.block.settings;
    const bool is_root = line.value == "root" || line.value == "0";
    return line.section == "Socket" && is_identity(line.key) && !is_root && std::any_of(settings.begin(), settings.end(), is_command);
}

/// What AllowUnsupported= says.
std::vector<std::string> allowed_in(const Block& block) {
    std::vector<std::string> names;
    for (const Setting& setting : block.settings)
        if (const auto* text = setting.value.get<std::string>(); text != nullptr && setting.directive->unit_key == kAllowUnsupported)
            for (const std::string_view name : split(*text, ' ')) names.emplace_back(name);
    return names;
}

} // namespace

std::optional<Raw::List> words_in(const UnitLine& line, const UnitId& unit, Report& report) {
    constexpr std::string_view kSpace = " \t\r";
    Raw::List words;
    std::size_t bytes = 0; // of all words
    for (std::size_t at = line.value.find_first_not_of(kSpace); at != line.value.npos;
         at = line.value.find_first_not_of(kSpace, at)) {
        const std::size_t end = std::min(line.value.find_first_of(kSpace, at), line.value.size());
        auto word = expand_word(std::string_view(line.value).substr(at, end - at), unit, bytes);
        if (!word) {
            report.error(line.place(at), line.key, word.error().message);
            return std::nullopt;
        }
        words.push_back({std::move(*word), line.place(at)});
        at = end;
    }
    return words;
}

void merge_unit(UnitText& text, UnitKind kind, const UnitId& unit, const std::vector<UnitSection>& sections,
                Report& report) {
    for (const UnitSection& section : sections) {
        if (is_known_section(kind, section.name))
            merge_section(text, kind, unit, section, report);
        else if (!is_extension(section.name))
            report.warning(section.pos, "", fmt::format("unknown section {}; it is ignored", quoted(section.name)));
    }
}

bool report_foreign(const UnitText& text, UnitKind kind, const std::vector<std::string>& allowed, Report& report) {
    const auto is_allowed = [own = allowed_in(text.block), &allowed](const std::string& key) {
        return std::find(allowed.begin(), allowed.end(), key) != allowed.end() || std::find(own.begin(), own.end(), key) != own.end();
    };
    bool ok = true;
    for (const UnitText::Foreign& line : text.foreign) {
        switch (foreign_directive(kind, line.section, line.key, line.value)) {
        case ForeignDirective::unknown:
        case ForeignDirective::harmless: break;
        case ForeignDirective::unsupported:
            if (says_who_commands_are(text, line) && !is_allowed(line.key)) {
                report.error(line.pos, line.key,
                             "swathe does not implement it, and would run the commands of the socket as root; "
                             "remove it, or name it in AllowUnsupported=");
                ok = false;
                break;
            }
            report.warning(line.pos, line.key, "swathe does not implement this directive of systemd's; it is ignored");
            break;
        case ForeignDirective::protection:
            if (is_allowed(line.key)) {
                report.warning(line.pos, line.key,
                               "swathe does not implement this directive of systemd's; the service goes without its protection");
                break;
            }
            report.error(line.pos, line.key,
                         "swathe does not implement it, and to ignore it would weaken the service's protection; "
                         "remove it, set it to nothing or \"no\" in a drop-in, or name it in AllowUnsupported=");
            ok = false;
            break;
        case ForeignDirective::other_socket:
            report.error(line.pos, line.key, "not supported; there are only TCP, UDP and UNIX sockets");
            ok = false;
            break;
        }
    }
    return ok;
}

} // namespace swathe
