#include "import/draft.h"

#include "base/text.h"
#include "config/canonical.h"
#include "config/exec_line.h"
#include "config/limits.h"
#include "config/write_toml.h"
#include "model/instance_name.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace swathe {

namespace {

/// Is all of it UTF-8, without the bytes that stand for an instance's name (model/instance_name.h)?
bool can_be_said(const Raw& raw) {
    if (const auto* text = raw.get<std::string>()) return is_utf8(*text) && !names_instance(*text);
    const auto* list = raw.get<Raw::List>();
    return list == nullptr || std::all_of(list->begin(), list->end(), can_be_said);
}

} // namespace

Draft::Draft(SourcePos pos) : pos_(pos), listener_{pos, {}}, service_{pos, {}} {}

void Draft::put(Block& block, Scope scope, std::string_view key, const RawValue& value) {
    const Directive& directive = *find_toml_directive(scope, key);
    const Raw raw{value, pos_};
    const auto* commands = directive.type == ValueType::commands ? raw.get<Raw::List>() : nullptr;
    const Raw& read = commands != nullptr && commands->size() == 1 ? commands->front() : raw; // as it will be written
    const bool good = can_be_said(raw) && takes_in_toml(directive, read);
    if (!good && problem_.empty()) problem_ = fmt::format("{} cannot be {}", key, toml_value(directive, raw));
    swathe::put(block, {&directive, pos_, raw});
}

void Draft::run(const std::string& program, std::vector<std::string> argv) {
    Command command;
    command.path = program;
    command.argv = std::move(argv);
    const bool called_so = command.argv.front() == program;
    const RawValue words = called_so ? list_of(command.argv) : RawValue(to_exec_line(command));
    service("exec_start", Raw::List{Raw{words, pos_}}); // a list of commands: config/canonical.h
}

void Draft::serve_each() {
    accepts_ = true;
    service("accept", true);
    service("standard_input", std::string("socket"));
    service("max_connections", std::string("unlimited"));
}

void Draft::serve_all() { service("standard_input", std::string("socket")); }

std::optional<WrittenService> Draft::finish(Names& names, std::string_view name, Report& report) {
    if (!problem_.empty()) {
        report.warning(pos_, "", fmt::format("not carried over: {}", problem_));
        return std::nullopt;
    }
    WrittenService written{names.take(name), Format::toml, {}};
    written.text.accepts = accepts_;
    written.text.has_service = true;
    written.text.file.pos = pos_;
    written.text.listeners.push_back(std::move(listener_));
    written.text.service = std::move(service_);
    return written;
}

RawValue list_of(const std::vector<std::string>& texts) {
    Raw::List list;
    for (const std::string& text : texts) list.push_back({text, {}});
    return list;
}

std::string Names::take(std::string_view wanted) {
    std::string name;
    for (const char c : wanted.substr(0, limits::kServiceNameBytes - 8))
        name += std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_' || c == '.' ? c : '-';
    if (name.empty() || name.front() == '.') name = "service" + name;
    std::string unique = name;
    for (int n = 2; !taken_.insert(unique).second; ++n) unique = fmt::format("{}-{}", name, n);
    return unique;
}

std::optional<std::string> builtin_program(std::string_view service) {
    constexpr std::array<std::string_view, 5> kKnown{"echo", "discard", "chargen", "daytime", "time"};
    if (std::find(kKnown.begin(), kKnown.end(), service) == kKnown.end()) return std::nullopt;
    return fmt::format("/usr/sbin/swathe-{}", service);
}

std::optional<std::uint16_t> port_named(const std::string& text, std::string_view protocol, const PortOf& ports) {
    std::uint16_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc{} && stop == end) return number == 0 ? std::nullopt : std::optional(number);
    return ports(text, protocol);
}

} // namespace swathe
