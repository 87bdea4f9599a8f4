// Command lines: what is read can be executed, and has the words that a line of nothing but quoted words gives back.

#include "check.h"
#include "config/exec_line.h"
#include "config/limits.h"

using namespace swathe;

namespace {

/// A line in which every word stands in double quotes, every byte but letters and digits as an escape, and per cent signs twice.
std::string quoted_line(const Command& command) {
    std::string line = ":@\"";
    const auto put = [&](std::string_view word) {
        for (const char c : word) {
            const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/';
            line += plain ? std::string(1, c) : c == '%' ? "%%" : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
        }
        line += '"';
    };
    put(command.path);
    for (const std::string& word : command.argv) {
        line += " \"";
        put(word);
    }
    return line;
}

void check_command(const Command& command, std::string_view text) {
    FUZZ_CHECK(!command.argv.empty() && command.argv.size() <= limits::kArguments, "{}", text);
    FUZZ_CHECK(!command.path.empty() && command.path.size() <= limits::kPathBytes && command.path.back() != '/', "{}", text);
    FUZZ_CHECK(command.path.front() == '/' || command.path.find('/') == command.path.npos, "{}: {}", text, command.path);
    FUZZ_CHECK(!(command.privileged && command.keep_user), "{}", text);
    for (const std::string& word : command.argv) FUZZ_CHECK(word.find('\0') == word.npos, "{}", text);
    if (command.argv.size() == limits::kArguments) return; // its own name would be one word too many
    const auto again = parse_exec_line(quoted_line(command), "fuzz.service");
    FUZZ_CHECK(again.has_value(), "{} as {}: {}", text, quoted_line(command), again.error().to_string());
    FUZZ_CHECK(again->commands.size() == 1, "{}", text);
    FUZZ_CHECK(again->commands[0].path == command.path && again->commands[0].argv == command.argv, "{}", text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = fuzz::text_of(data, size);
    const auto line = parse_exec_line(text, UnitId("fuzz@in-stance.service", "/fuzz.service"));
    if (!line) {
        fuzz::check_message(line.error().message);
        return 0;
    }
    FUZZ_CHECK(!line->commands.empty(), "{}", text);
    for (const std::string& warning : line->warnings) fuzz::check_message(warning);
    for (const Command& command : line->commands) check_command(command, text);
    return 0;
}
