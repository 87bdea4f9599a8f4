#include "config/words.h"
#include "model/instance_name.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::optional<char> simple_escape(char c) noexcept {
    switch (c) {
    case 'a': return '\a';
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    case 's': return ' ';
    case '\\':
    case '"':
    case '\'': return c;
    default: return std::nullopt;
    }
}

std::optional<std::uint32_t> digit_of(char c, unsigned base) noexcept {
    unsigned value = 16;
    if (c >= '0' && c <= '9') value = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') value = static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') value = static_cast<unsigned>(c - 'A') + 10;
    return value < base ? std::optional<std::uint32_t>(value) : std::nullopt;
}

/// How a numeric escape is written: \xHH, \OOO, \uXXXX, \UXXXXXXXX.
struct NumericForm {
    std::size_t skip = 0; ///< letters in front of the digits
    std::size_t digits = 0;
    unsigned base = 0;
    bool code_point = false; ///< else a byte
};

std::optional<NumericForm> numeric_form(char c) noexcept {
    if (c == 'x') return NumericForm{1, 2, 16, false};
    if (c == 'u') return NumericForm{1, 4, 16, true};
    if (c == 'U') return NumericForm{1, 8, 16, true};
    if (c >= '0' && c <= '7') return NumericForm{0, 3, 8, false};
    return std::nullopt;
}

class Splitter {
public:
    explicit Splitter(std::string_view line) : line_(line) {}

    Result<std::vector<Word>> run() {
        std::vector<Word> words;
        for (;;) {
            at_ = std::min(line_.find_first_not_of(kSpace, at_), line_.size());
            if (at_ == line_.size()) return words;
            word_ = Word{{}, at_, true, false};
            if (auto ok = read_word(); !ok) return Failure(std::move(ok).error());
            words.push_back(std::move(word_));
        }
    }

private:
    Status read_word() {
        char quote = 0;
        for (; at_ < line_.size(); ++at_) {
            const char c = line_[at_];
            if (quote == 0 && kSpace.find(c) != kSpace.npos) return {};
            if (c == '\\') {
                if (auto ok = read_escape(); !ok) return ok;
            } else if (quote != 0 ? c == quote : c == '"' || c == '\'') {
                quote = quote != 0 ? '\0' : c;
                word_.bare = false;
            } else {
                word_.text += c;
            }
        }
        if (quote != 0) return failure("quote is not closed");
        return {};
    }

    /// Leaves at_ on the last character of the sequence.
    Status read_escape() {
        word_.bare = false;
        if (at_ + 1 == line_.size()) return failure("backslash at the end");
        const char c = line_[at_ + 1];
        if (const auto known = simple_escape(c)) {
            word_.text += *known;
            ++at_;
            return {};
        }
        const auto form = numeric_form(c);
        const auto value = form ? number(*form) : std::nullopt;
        if (!value) {
            word_.unknown_escape = true;
            word_.text.append({'\\', c}); // white space behind a backslash ends no word, then
            ++at_;
            return {};
        }
        if (*value == 0) return failure("NUL character");
        if (form->code_point && (*value > 0x10ffff || (*value >= 0xd800 && *value <= 0xdfff)))
            return failure("no such Unicode character");
        if (!form->code_point && *value > 0xff) return failure("octal escape above \\377");
        if (form->code_point)
            word_.text += utf8_of(static_cast<char32_t>(*value));
        else
            word_.text += static_cast<char>(*value);
        at_ += form->skip + form->digits;
        return {};
    }

    [[nodiscard]] std::optional<std::uint32_t> number(const NumericForm& form) const {
        const std::string_view digits = line_.substr(at_ + 1).substr(form.skip).substr(0, form.digits);
        if (digits.size() < form.digits) return std::nullopt;
        std::uint32_t value = 0;
        for (const char c : digits) {
            const auto digit = digit_of(c, form.base);
            if (!digit) return std::nullopt;
            value = value * form.base + *digit;
        }
        return value;
    }

    std::string_view line_;
    std::size_t at_ = 0;
    Word word_;
};

} // namespace

std::string utf8_of(char32_t c) {
    std::string out;
    const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | (c >> shift & 0x3f)); };
    if (c < 0x80) {
        out += static_cast<char>(c);
    } else if (c < 0x800) {
        out += static_cast<char>(0xc0 | c >> 6);
        tail(0);
    } else if (c < 0x10000) {
        out += static_cast<char>(0xe0 | c >> 12);
        tail(6);
        tail(0);
    } else {
        out += static_cast<char>(0xf0 | c >> 18);
        tail(12);
        tail(6);
        tail(0);
    }
    return out;
}

std::string escape_specifiers(std::string_view text) {
    std::string out;
    for (const char c : text) out.append(c == '%' ? 2 : 1, c);
    return out;
}

std::string with_instance_specifiers(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == kInstanceMark ? "%i" : c == kUnescapedInstanceMark ? "%I" : std::string{c};
    return out;
}

std::string quote_word(std::string_view word) {
    constexpr std::string_view kNeedsQuotes = " \"'\\";
    const auto is_control = [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != kInstanceMark && c != kUnescapedInstanceMark) || c == 0x7f;
    };
    if (!word.empty() && word.find_first_of(kNeedsQuotes) == word.npos && std::none_of(word.begin(), word.end(), is_control))
        return std::string(word);
    std::string out = "\"";
    for (const char c : word) {
        if (is_control(c))
            out += fmt::format("\\x{:02x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        else if (c == '"' || c == '\\')
            out.append({'\\', c});
        else
            out += c;
    }
    return out + '"';
}

Result<std::vector<Word>> split_words(std::string_view line) { return Splitter(line).run(); }

} // namespace swathe
