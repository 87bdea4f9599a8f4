// Specifiers: a text without per cent signs stays as it is, one whose signs are doubled comes back, and the first line is a unit's name.
// In a unit for connections, whose name has a mark in place of the instance, no other text may have that mark.

#include "check.h"
#include "config/specifier.h"
#include "model/instance_name.h"

using namespace swathe;

namespace {

Result<std::string> machine(char specifier) { return std::string("machine-") + specifier; }

std::string doubled(std::string_view text) {
    std::string out;
    for (const char c : text) out.append(c == '%' ? 2 : 1, c);
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view input = fuzz::text_of(data, size);
    const std::size_t line = std::min(input.find('\n'), input.size());
    const UnitId unit(input.substr(0, line), "/units/fuzz.service");
    const std::string_view text = input.substr(std::min(line + 1, input.size()));

    const bool has_mark = names_instance(unit.name) && names_instance(text);
    const auto expanded = expand_specifiers(text, unit, &machine);
    if (!expanded) {
        fuzz::check_message(expanded.error().message);
        FUZZ_CHECK(has_mark || text.find('%') != text.npos, "{}", text);
    } else if (text.find('%') == text.npos) {
        FUZZ_CHECK(*expanded == text, "{} became {}", text, *expanded);
    }
    const auto back = expand_specifiers(doubled(text), unit, &machine);
    FUZZ_CHECK(has_mark ? !back.has_value() : back.has_value() && *back == text, "{}", text);
    const auto name = expand_specifiers("%n", unit, &machine);
    FUZZ_CHECK(name.has_value() && *name == unit.name, "{}", unit.name);
    const auto parts = expand_specifiers("%p%i", unit, &machine);
    FUZZ_CHECK(parts ? parts->size() <= unit.name.size() : names_instance(unit.name), "{}", unit.name);
    return 0;
}
