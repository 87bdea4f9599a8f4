#pragma once

#include "config/items.h"
#include "config/values.h"
#include "config/words.h"

namespace swathe {

/// Gives `take` the words of each line: take(word, whether it is the line's first, where).
template <class Take> bool each_word(const Raw& raw, const ValueContext& context, Take take) {
    if (raw.get<Raw::List>() != nullptr) return each_item(raw, [&](const Raw& item) { return each_word(item, context, take); });
    const std::string* line = string_of(raw, context);
    if (line == nullptr) return false;
    const auto words = split_words(*line);
    if (!words) return context.refuse(raw.pos, words.error().message);
    bool ok = true;
    for (const Word& word : *words) ok = take(word.text, &word == &words->front(), raw.pos) && ok;
    return ok;
}

} // namespace swathe
