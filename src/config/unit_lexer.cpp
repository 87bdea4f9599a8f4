#include "config/unit_lexer.h"

#include "base/text.h"
#include "config/limits.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::string_view kSpace = " \t\r";

/// Does the line end in a backslash that is not itself escaped?
bool continues(std::string_view line) noexcept {
    const std::size_t last = line.find_last_not_of('\\');
    const std::size_t backslashes = line.size() - (last == line.npos ? 0 : last + 1);
    return backslashes % 2 == 1;
}

} // namespace

SourcePos UnitLine::place(std::size_t offset) const noexcept {
    const std::size_t at = value_offset_ + offset;
    const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), at,
                                        [](std::size_t o, const Piece& piece) { return o < piece.offset; });
    if (after == pieces_.begin()) return pos;
    const Piece& piece = *std::prev(after);
    SourcePos where = piece.pos;
    where.column += static_cast<std::uint32_t>(at - piece.offset);
    return where;
}

class UnitLexer {
public:
    UnitLexer(std::string_view text, SourceFile file, Report& report) : text_(text), file_(file), report_(report) {}

    std::vector<UnitSection> run() {
        if (text_.substr(0, 3) == "\xef\xbb\xbf") {
            text_.remove_prefix(3);
            bom_ = 3;
        }
        bool going = true;
        while (going && !text_.empty()) going = take_line();
        if (going && !pieces_.empty()) (void)take_logical_line(); // the last line ended in a backslash
        return std::move(sections_);
    }

private:
    /// Takes one line of the file; false = give up.
    bool take_line() {
        const std::size_t end = text_.find('\n');
        std::string_view line = text_.substr(0, end);
        if (line.size() > limits::kLineBytes || joined_.size() + line.size() > limits::kLineBytes) {
            report_.error({file_, line_ + 1, 1}, "", fmt::format("a line of more than {} bytes", limits::kLineBytes));
            return false;
        }
        text_.remove_prefix(end == text_.npos ? text_.size() : end + 1);
        ++line_;
        const auto column = static_cast<std::uint32_t>(line_ == 1 ? bom_ + 1 : 1);
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        const std::size_t first = line.find_first_not_of(kSpace);
        if (first != line.npos && (line[first] == '#' || line[first] == ';')) return true;

        pieces_.push_back({joined_.size(), {file_, line_, column}});
        const bool more = continues(line);
        joined_ += line.substr(0, line.size() - (more ? 1 : 0));
        if (!more) return take_logical_line();
        joined_ += ' ';
        return true;
    }

    bool take_logical_line() {
        const std::string joined = std::exchange(joined_, {});
        std::vector<UnitLine::Piece> pieces = std::exchange(pieces_, {});
        const std::string_view line = trim(joined);
        if (line.empty()) return true;
        const SourcePos pos = first_place(joined, pieces);
        if (line.find('\0') != line.npos) {
            report_.error(pos, "", "NUL character");
            return true;
        }
        if (line.front() == '[') return take_header(line, pos);
        if (!is_utf8(line)) {
            report_.warning(pos, "", "not UTF-8; the line is ignored");
            return true;
        }
        take_assignment(joined, line, pos, std::move(pieces));
        return true;
    }

    bool take_header(std::string_view line, const SourcePos& pos) {
        if (line.back() != ']' || line.size() < 3 || !is_utf8(line)) {
            report_.error(pos, "", fmt::format("broken section header {}", quoted(line)));
            return false; // nobody knows where what follows belongs
        }
        sections_.push_back({std::string(line.substr(1, line.size() - 2)), pos, {}});
        return true;
    }

    void take_assignment(const std::string& joined, std::string_view line, const SourcePos& pos,
                         std::vector<UnitLine::Piece> pieces) {
        const std::size_t equals = line.find('=');
        const std::string_view key = trim(line.substr(0, equals));
        if (equals == line.npos)
            return report_.warning(pos, "", fmt::format("no \"=\" in {}; the line is ignored", quoted(line)));
        if (key.empty()) return report_.warning(pos, "", "no key in front of \"=\"; the line is ignored");
        if (sections_.empty()) return report_.warning(pos, quoted(key), "stands in no section; the line is ignored");
        UnitLine out;
        const std::string_view value = trim(line.substr(equals + 1));
        out.key = key;
        out.value = value;
        out.pos = pos;
        out.pieces_ = std::move(pieces);
        out.value_offset_ = value.empty() ? joined.size() : static_cast<std::size_t>(value.data() - joined.data());
        sections_.back().lines.push_back(std::move(out));
    }

    /// The place of the first character that is no space.
    [[nodiscard]] static SourcePos first_place(const std::string& joined, const std::vector<UnitLine::Piece>& pieces) {
        UnitLine line;
        line.pieces_ = pieces;
        return line.place(std::min(joined.find_first_not_of(kSpace), joined.size()));
    }

    std::string_view text_;
    SourceFile file_;
    Report& report_;
    std::uint32_t line_ = 0;
    std::size_t bom_ = 0;
    std::string joined_;
    std::vector<UnitLine::Piece> pieces_;
    std::vector<UnitSection> sections_;
};

std::vector<UnitSection> lex_unit(std::string_view text, SourceFile file, Report& report) {
    return UnitLexer(text, file, report).run();
}

} // namespace swathe
