#include "config/exec_line.h"

#include "base/text.h"
#include "config/limits.h"
#include "config/words.h"
#include "model/instance_name.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

/// The characters in front of the program (systemd.service(5), table "Special executable prefixes").
struct Prefixes {
    std::string_view seen; ///< all of them, as they stand

    [[nodiscard]] bool has(char c) const noexcept { return seen.find(c) != seen.npos; }
    [[nodiscard]] auto count(char c) const noexcept { return std::count(seen.begin(), seen.end(), c); }
};

Result<Prefixes> take_prefixes(std::string_view& word) {
    const Prefixes found{word.substr(0, word.find_first_not_of("@-:+!|"))};
    word.remove_prefix(found.seen.size());
    if (found.has('|')) return failure("prefix \"|\" is not supported: the program is not run by a shell");
    for (const char c : found.seen)
        if (c != '!' && found.count(c) > 1) return failure(fmt::format("prefix \"{}\" given twice", c));
    if (found.count('!') > 2) return failure("prefix \"!!\" given twice");
    if (found.count('!') == 2 && found.seen.find("!!") == found.seen.npos) return failure("prefix \"!\" given twice");
    if (found.has('+') && found.has('!')) return failure("prefixes \"+\" and \"!\" exclude each other");
    return found;
}

Status check_program(std::string_view path, const UnitId& unit) {
    const bool marks = names_instance(unit.name);
    if (path.empty()) return failure("program missing");
    if (path.front() == '$') return failure("the program cannot be a variable");
    if (path.size() > limits::kPathBytes) return failure("path of the program is too long");
    const auto is_control = [&](char c) {
        const bool mark = marks && (c == kInstanceMark || c == kUnescapedInstanceMark);
        return (static_cast<unsigned char>(c) < 0x20 && !mark) || c == 0x7f;
    };
    if (std::any_of(path.begin(), path.end(), is_control))
        return failure("control character in the path of the program");
    if (path.back() == '/') return failure(fmt::format("{} is a directory, not a program", quoted(path)));
    if (path.front() != '/' && path.find('/') != path.npos)
        return failure(fmt::format("{} is neither an absolute path nor a bare file name", quoted(path)));
    return {};
}

Status check_words(const std::vector<std::string>& words) {
    if (words.size() > limits::kArguments) return failure(fmt::format("more than {} words", limits::kArguments));
    for (const std::string& word : words) {
        if (word.size() > limits::kWordBytes)
            return failure(fmt::format("a word of more than {} bytes", limits::kWordBytes));
        if (word.find('\0') != word.npos) return failure("NUL character");
    }
    return {};
}

using Words = std::vector<std::string>;

/// The words of each command. The last one is empty where the line ends in ";".
Result<std::vector<Words>> commands_of_line(std::string_view line, const UnitId& unit, std::vector<std::string>& warnings) {
    auto split = split_words(line);
    if (!split) return Failure(std::move(split).error());
    std::vector<Words> commands(1);
    for (const Word& word : *split) {
        if (word.bare && word.text == ";") {
            commands.emplace_back();
            continue;
        }
        const bool begins_so = line.substr(word.offset, 2) == "\\;"; // in quotes it is no semicolon
        if (word.unknown_escape && !begins_so) warnings.push_back("unknown escape sequence; the backslash is kept");
        auto expanded = expand_specifiers(begins_so && word.text == "\\;" ? ";" : word.text, unit);
        if (!expanded) return Failure(std::move(expanded).error());
        commands.back().push_back(std::move(*expanded));
    }
    return commands;
}

Result<Command> command_with_prefixes(Words words, const UnitId& unit) {
    if (words.empty()) return failure("program missing");
    std::string_view program = words.front();
    const auto prefixes = take_prefixes(program);
    if (!prefixes) return Failure(prefixes.error());
    const bool own_argv0 = prefixes->has('@');
    Command flags;
    flags.expand = !prefixes->has(':');
    flags.ignore_failure = prefixes->has('-');
    flags.privileged = prefixes->has('+');
    flags.keep_user = prefixes->count('!') == 1;
    words.front() = std::string(program);
    if (own_argv0 && words.size() < 2) return failure("prefix \"@\" needs the program's own name as the next word");

    auto command = command_of(std::move(words), unit);
    if (!command) return command;
    flags.path = std::move(command->path);
    flags.argv = std::move(command->argv);
    if (own_argv0) flags.argv.erase(flags.argv.begin());
    return flags;
}

} // namespace

Result<Command> command_of(std::vector<std::string> words, const UnitId& unit) {
    if (words.empty()) return failure("program missing");
    if (auto ok = check_words(words); !ok) return Failure(std::move(ok).error());
    if (auto ok = check_program(words.front(), unit); !ok) return Failure(std::move(ok).error());
    Command command;
    command.path = words.front();
    command.argv = std::move(words);
    return command;
}

std::string to_exec_line(const Command& command) {
    const bool own_argv0 = command.argv.empty() || command.argv.front() != command.path;
    const auto has_dollar = [](const std::string& word) { return word.find('$') != word.npos; };
    const bool literal = !command.expand && std::any_of(command.argv.begin(), command.argv.end(), has_dollar);
    std::string program = fmt::format("{}{}{}{}{}{}", own_argv0 ? "@" : "", command.ignore_failure ? "-" : "", literal ? ":" : "",
                                      command.privileged ? "+" : "", command.keep_user ? "!" : "", command.path);
    std::string line = quote_word(escape_specifiers(program));
    for (std::size_t i = own_argv0 ? 0 : 1; i < command.argv.size(); ++i) {
        const std::string& word = command.argv[i];
        line += word == ";" ? " \\;" : " " + quote_word(escape_specifiers(word));
    }
    return line;
}

Result<ExecLine> parse_exec_line(std::string_view line, const UnitId& unit) {
    ExecLine result;
    auto commands = commands_of_line(line, unit, result.warnings);
    if (!commands) return Failure(std::move(commands).error());
    if (commands->size() > 1 && commands->back().empty()) commands->pop_back();
    for (Words& words : *commands) {
        auto command = command_with_prefixes(std::move(words), unit);
        if (!command) return Failure(std::move(command).error());
        result.commands.push_back(std::move(*command));
    }
    return result;
}

} // namespace swathe
