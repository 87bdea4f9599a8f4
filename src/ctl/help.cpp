#include "ctl/help.h"

#include "ctl/text.h"

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

std::string with_value(const Option& option) {
    const std::string names = option.letter.empty() ? std::string(option.name) : fmt::format("{}, {}", option.name, option.letter);
    return option.value.empty() ? names : fmt::format("{} {}", names, option.value);
}

std::string synopsis(const Command& command) {
    return command.words.empty() ? std::string(command.name) : fmt::format("{} {}", command.name, command.words);
}

std::string options_table(std::span<const Option> options) {
    Table table;
    for (const Option& option : options) table.add({"  " + with_value(option), std::string(option.help)});
    return table.to_string();
}

} // namespace

std::string help_of_all() {
    Table verbs;
    for (const Command& command : commands()) verbs.add({"  " + synopsis(command), std::string(command.help)});
    return "Usage: swathectl [OPTION...] COMMAND ...\n\nCommands:\n" + verbs.to_string() + "\nOptions:\n" +
           options_table(global_options()) + "\nSee swathectl(1).\n";
}

std::string help_of(const Command& command) {
    std::string text = fmt::format("Usage: swathectl {}{}\n\n{}.\n", synopsis(command), command.options.empty() ? "" : " [OPTION...]",
                                   command.help);
    text[text.find('\n') + 2] = static_cast<char>(std::toupper(static_cast<unsigned char>(command.help.front())));
    if (!command.options.empty()) text += "\nOptions:\n" + options_table(command.options);
    return text + "\nOptions of all commands:\n" + options_table(global_options());
}

} // namespace swathe::ctl
