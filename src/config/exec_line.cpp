#include "config/exec_line.h"

#include "base/text.h"
#include "config/limits.h"
#include "config/specifier.h"
#include "config/words.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

/// The characters in front of the program (systemd.service(5), table "Special executable prefixes").
struct Prefixes {
    bool own_argv0 = false;      ///< @
    bool no_expand = false;      ///< :
    bool ignore_failure = false; ///< -
};

Result<Prefixes> take_prefixes(std::string_view& word) {
    Prefixes found;
    for (; !word.empty(); word.remove_prefix(1)) {
        bool* flag = nullptr;
        switch (word.front()) {
        case '@': flag = &found.own_argv0; break;
        case ':': flag = &found.no_expand; break;
        case '-': flag = &found.ignore_failure; break;
        case '+':
        case '!':
        case '|':
            return failure(fmt::format(
                "prefix \"{}\" is not supported yet: it would run the program with other credentials than asked for",
                word.front()));
        default: return found;
        }
        if (*flag) return failure(fmt::format("prefix \"{}\" given twice", word.front()));
        *flag = true;
    }
    return found;
}

Status check_program(std::string_view path) {
    if (path.empty()) return failure("program missing");
    if (path.front() == '$') return failure("the program cannot be a variable");
    if (path.size() > limits::kPathBytes) return failure("path of the program is too long");
    if (std::any_of(path.begin(), path.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
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

Result<std::vector<std::string>> words_of(std::string_view line, std::string_view unit,
                                          std::vector<std::string>& warnings) {
    auto split = split_words(line);
    if (!split) return Failure(std::move(split).error());
    std::vector<std::string> words;
    for (const Word& word : *split) {
        const std::string_view source = line.substr(word.offset);
        if (word.bare && word.text == ";")
            return failure("several commands; one is allowed (a literal \";\" is written \"\\;\")");
        if (word.unknown_escape && source.substr(0, 2) != "\\;")
            warnings.push_back("unknown escape sequence; the backslash is kept");
        auto expanded = expand_specifiers(word.text == "\\;" ? ";" : word.text, unit);
        if (!expanded) return Failure(std::move(expanded).error());
        words.push_back(std::move(*expanded));
    }
    return words;
}

} // namespace

Result<Command> command_of(std::vector<std::string> words) {
    if (words.empty()) return failure("program missing");
    if (auto ok = check_words(words); !ok) return Failure(std::move(ok).error());
    if (auto ok = check_program(words.front()); !ok) return Failure(std::move(ok).error());
    Command command;
    command.path = words.front();
    command.argv = std::move(words);
    return command;
}

Result<ExecLine> parse_exec_line(std::string_view line, std::string_view unit) {
    ExecLine result;
    auto words = words_of(line, unit, result.warnings);
    if (!words) return Failure(std::move(words).error());
    if (words->empty()) return failure("program missing");

    std::string_view program = words->front();
    auto prefixes = take_prefixes(program);
    if (!prefixes) return Failure(std::move(prefixes).error());
    words->front() = std::string(program);
    if (prefixes->own_argv0 && words->size() < 2)
        return failure("prefix \"@\" needs the program's own name as the next word");

    auto command = command_of(std::move(*words));
    if (!command) return Failure(std::move(command).error());
    if (prefixes->own_argv0) command->argv.erase(command->argv.begin());
    if (prefixes->ignore_failure)
        result.warnings.push_back("prefix \"-\" is not supported yet: a failure counts as one");
    command->expand = !prefixes->no_expand;
    result.command = std::move(*command);
    return result;
}

} // namespace swathe
