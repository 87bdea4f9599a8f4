#include "ctl/help.h"

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

/// The shell words that offer what may stand in a place.
std::string offer_words(Offer offer) {
    switch (offer) {
    case Offer::nothing: return "COMPREPLY=()";
    case Offer::directory: return "COMPREPLY=($(compgen -d -- \"$cur\"))";
    case Offer::service: return "COMPREPLY=($(compgen -W \"$(swathectl list 2>/dev/null | awk 'NR > 1 { print $1 }')\" -- \"$cur\"))";
    case Offer::protocol: return "COMPREPLY=($(compgen -W 'tcp udp' -- \"$cur\"))";
    case Offer::interface: return "COMPREPLY=($(compgen -W \"$(command ls /sys/class/net 2>/dev/null)\" -- \"$cur\"))";
    case Offer::netns: return "COMPREPLY=($(compgen -W \"$(command ls /run/netns 2>/dev/null)\" -- \"$cur\"))";
    case Offer::sorting: return "COMPREPLY=($(compgen -W 'hits' -- \"$cur\"))";
    case Offer::file: return "COMPREPLY=($(compgen -f -- \"$cur\"))";
    case Offer::key:
        return "COMPREPLY=($(compgen -W \"$(swathectl keys 2>/dev/null | awk 'NR > 1 { print $1 }')\" -- \"$cur\"))";
    case Offer::schema: return "COMPREPLY=($(compgen -W 'service drop-in daemon' -- \"$cur\"))";
    case Offer::source: return "COMPREPLY=($(compgen -W 'inetd xinetd tubular' -- \"$cur\"))";
    case Offer::shell: return "COMPREPLY=($(compgen -W 'bash' -- \"$cur\"))";
    }
    return {};
}

std::string names(std::span<const Option> options) {
    std::string text;
    for (const Option& option : options) text += fmt::format(" {}", option.name);
    return text;
}

std::string cases_of(const Option& option) { return fmt::format("{}{}{}", option.name, option.letter.empty() ? "" : "|", option.letter); }

/// After an option that takes a value.
std::string value_cases(std::span<const Option> options) {
    std::string text;
    for (const Option& option : options)
        if (!option.value.empty()) text += fmt::format("        {}) {}; return ;;\n", cases_of(option), offer_words(option.offer));
    return text;
}

std::string verb_case(const Command& command) {
    const std::string first = command.max_words == 0 ? offer_words(Offer::nothing) : offer_words(command.first_word);
    std::string text = fmt::format("    {})\n", command.name);
    if (!command.options.empty()) text += fmt::format("        case $prev in\n{}        esac\n", value_cases(command.options));
    text += fmt::format("        if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W \"$global{}\" -- \"$cur\"))\n", names(command.options));
    if (command.max_words == kMany) return text + fmt::format("        else {}; fi ;;\n", first);
    if (command.max_words > 1 && command.first_word == Offer::source)
        text += fmt::format("        elif [[ $words -eq 1 ]]; then {};\n", offer_words(Offer::file));
    return text + fmt::format("        elif [[ $words -eq 0 ]]; then {}; fi ;;\n", first);
}

std::string verb_names() {
    std::string text;
    for (const Command& command : commands()) text += fmt::format("{}{}", text.empty() ? "" : " ", command.name);
    return text;
}

} // namespace

std::string bash_completion() {
    std::string valued;
    for (const Option& option : global_options())
        if (!option.value.empty()) valued += fmt::format("{}{}", valued.empty() ? "" : "|", option.name);
    for (const Command& command : commands())
        for (const Option& option : command.options)
            if (!option.value.empty() && valued.find(option.name) == valued.npos) valued += fmt::format("|{}", cases_of(option));

    std::string text =
        "# bash completion for swathectl(1), made from its command table by \"swathectl completion bash\"\n\n_swathectl() {\n";
    text += "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= i words=0\n";
    text += fmt::format("    local global='{}'\n", names(global_options()).substr(1));
    text += "    COMPREPLY=()\n";
    text += "    for ((i = 1; i < COMP_CWORD; i++)); do\n        case ${COMP_WORDS[i]} in\n";
    text += fmt::format("        {}) ((i++)) ;;\n        -*) ;;\n", valued);
    text += "        *) if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; else ((words++)); fi ;;\n        esac\n    done\n";
    text += "    case $prev in\n" + value_cases(global_options()) + "    esac\n";
    text += "    case $verb in\n    '')\n        COMPREPLY=($(compgen -W \"$global " + verb_names() + "\" -- \"$cur\")) ;;\n";
    for (const Command& command : commands()) text += verb_case(command);
    return text + "    esac\n}\ncomplete -F _swathectl swathectl\n";
}

} // namespace swathe::ctl
