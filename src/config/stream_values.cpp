#include "config/exec_values.h"
#include "config/limits.h"

#include <array>

namespace swathe {
namespace {

using Kind = StandardStream::Kind;

struct StreamWord {
    std::string_view word; ///< with ":" at its end: something follows
    Kind kind;
    bool input = false; ///< can be read from
    bool output = true;
};

constexpr std::array kWords{
    StreamWord{"null", Kind::null, true},         StreamWord{"inherit", Kind::inherit},
    StreamWord{"journal", Kind::journal},         StreamWord{"socket", Kind::socket, true},
    StreamWord{"file:", Kind::file, true},        StreamWord{"append:", Kind::append},
    StreamWord{"truncate:", Kind::truncate},      StreamWord{"log:", Kind::log_file},
    StreamWord{"fd:", Kind::fd, true},
};

/// Outputs of systemd's that a service can do without: what would have gone there goes to the journal alone.
bool goes_to_journal(std::string_view word) {
    static constexpr std::array<std::string_view, 5> kOutputs{"syslog", "kmsg", "journal+console", "kmsg+console", "syslog+console"};
    return std::find(kOutputs.begin(), kOutputs.end(), word) != kOutputs.end();
}

bool takes_path(Kind kind) noexcept {
    return kind == Kind::file || kind == Kind::append || kind == Kind::truncate || kind == Kind::log_file;
}

const StreamWord* find_word(std::string_view text, bool input) {
    const auto fits = [&](const StreamWord& known) {
        const bool same = known.word.ends_with(':') ? text.starts_with(known.word) : text == known.word;
        return same && (input ? known.input : known.output);
    };
    const auto found = std::find_if(kWords.begin(), kWords.end(), fits);
    return found == kWords.end() ? nullptr : &*found;
}

std::string_view expected(bool input) {
    return input ? "expected \"null\", \"socket\", \"file:PATH\" or \"fd:NAME\""
                 : "expected \"inherit\", \"null\", \"journal\", \"socket\", \"file:PATH\", \"append:PATH\", \"truncate:PATH\", "
                   "\"log:PATH\" or \"fd:NAME\"";
}

bool read_target(const StreamWord& word, std::string_view target, const Raw& raw, const ValueContext& context, StandardStream& out) {
    if (takes_path(word.kind) && !target.starts_with('/'))
        return context.refuse(raw.pos, fmt::format("{} is no absolute path", quoted(target)));
    if (target.size() > limits::kPathBytes) return context.refuse(raw.pos, fmt::format("longer than {} bytes", limits::kPathBytes));
    if (word.kind == Kind::fd && !is_listener_name(target))
        return context.refuse(raw.pos, fmt::format("{} is no name of a listener", quoted(target)));
    out = {word.kind, std::string(target), raw.pos};
    return true;
}

/// `own_name`: the descriptor that "fd" alone means.
bool read_stream(const Raw& raw, const ValueContext& context, bool input, std::string_view own_name, StandardStream& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    if (*text == "fd") {
        out = {Kind::fd, std::string(own_name), raw.pos};
        return true;
    }
    if (context.is_unit && !input && goes_to_journal(*text)) {
        context.warn(raw.pos, fmt::format("{} is not supported; \"journal\" is taken", quoted(*text)));
        out = {Kind::journal, {}, raw.pos};
        return true;
    }
    const StreamWord* const word = find_word(*text, input);
    if (word == nullptr) return context.refuse(raw.pos, fmt::format("{} is not known; {}", quoted(*text), expected(input)));
    return read_target(*word, std::string_view(*text).substr(word->word.size()), raw, context, out);
}

} // namespace

bool read_standard_input(const Raw& raw, const ValueContext& context, StandardStream& out) {
    return read_stream(raw, context, true, "stdin", out);
}

bool read_standard_output(const Raw& raw, const ValueContext& context, StandardStream& out) {
    return read_stream(raw, context, false, "stdout", out);
}

bool read_standard_error(const Raw& raw, const ValueContext& context, StandardStream& out) {
    return read_stream(raw, context, false, "stderr", out);
}

} // namespace swathe
