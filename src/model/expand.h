#pragma once

#include "model/service.h"

#include <functional>

namespace swathe {

/// The value of a variable of the child's environment; nothing if it is not set.
using VariableLookup = std::function<std::optional<std::string>(std::string_view name)>;

/// `command.argv` as the child gets it. With `command.expand`, in all words but the first (systemd.service(5), "Command
/// lines"): ${NAME} becomes the value, wherever it stands; a word that is $NAME and nothing else becomes the value
/// split at white space, quotes removed, so any number of words;
/// $$ becomes $. A variable that is not set is empty. `unset`, where given, gets the names of these.
[[nodiscard]] std::vector<std::string> expand_words(const Command& command, const VariableLookup& lookup,
                                                    std::vector<std::string>* unset = nullptr);

} // namespace swathe
