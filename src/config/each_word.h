#pragma once

#include "config/value_context.h"
#include "config/values.h"
#include "config/words.h"

namespace swathe {

/// Gives `take` the words of each line: take(word, whether it is the line's first, where).
template <class Take> bool each_word(const Raw& raw, const ValueContext& context, Take take) {
    if (const auto* list = raw.get<Raw::List>()) {
        bool ok = true;
        for (const Raw& item : *list) ok = each_word(item, context, take) && ok;
        return ok;
    }
    const std::string* line = string_of(raw, context);
    if (line == nullptr) return false;
    const auto words = split_words(*line);
    if (!words) return context.refuse(raw.pos, words.error().message);
    bool ok = true;
    for (const Word& word : *words) ok = take(word.text, &word == &words->front(), raw.pos) && ok;
    return ok;
}

} // namespace swathe
