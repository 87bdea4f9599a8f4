#include "model/expand.h"

#include <algorithm>

namespace swathe {
namespace {

bool is_variable_name(std::string_view name) noexcept {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
    return !name.empty() && letter(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

/// Splits a variable's value: white space separates, quotes hold it together and go away, a backslash keeps the next
/// character.
void append_split(std::string_view value, std::vector<std::string>& out) {
    std::string word;
    bool in_word = false;
    char quote = 0;
    const auto finish = [&] {
        if (in_word) out.push_back(std::exchange(word, {}));
        in_word = false;
    };
    for (std::size_t i = 0; i < value.size(); ++i) {
        const char c = value[i];
        if (quote == 0 && std::string_view(" \t\r\n").find(c) != std::string_view::npos) {
            finish();
            continue;
        }
        in_word = true;
        if (c == '\\' && i + 1 < value.size())
            word += value[++i];
        else if (quote != 0 ? c == quote : c == '"' || c == '\'')
            quote = quote != 0 ? '\0' : c;
        else
            word += c;
    }
    finish();
}

class Expansion {
public:
    Expansion(const VariableLookup& lookup, std::vector<std::string>* unset) : lookup_(lookup), unset_(unset) {}

    void append(std::string_view word, std::vector<std::string>& out) {
        if (word.size() > 1 && word.front() == '$' && is_variable_name(word.substr(1)))
            append_split(value(word.substr(1)), out);
        else
            out.push_back(inside(word));
    }

private:
    std::string value(std::string_view name) {
        if (auto found = lookup_(name)) return std::move(*found);
        if (unset_ != nullptr) unset_->emplace_back(name);
        return {};
    }

    std::string inside(std::string_view word) {
        std::string out;
        for (std::size_t i = 0; i < word.size(); ++i) {
            const std::string_view rest = word.substr(i);
            const std::size_t end = rest.substr(0, 2) == "${" ? rest.find('}') : rest.npos;
            if (rest.substr(0, 2) == "$$") {
                out += '$';
                ++i;
            } else if (end != rest.npos && is_variable_name(rest.substr(2, end - 2))) {
                out += value(rest.substr(2, end - 2));
                i += end;
            } else {
                out += word[i];
            }
        }
        return out;
    }

    const VariableLookup& lookup_;
    std::vector<std::string>* unset_;
};

} // namespace

std::vector<std::string> expand_words(const Command& command, const VariableLookup& lookup,
                                      std::vector<std::string>* unset) {
    if (!command.expand || command.argv.empty()) return command.argv;
    Expansion expansion(lookup, unset);
    std::vector<std::string> words{command.argv.front()};
    for (std::size_t i = 1; i < command.argv.size(); ++i) expansion.append(command.argv[i], words);
    return words;
}

} // namespace swathe
