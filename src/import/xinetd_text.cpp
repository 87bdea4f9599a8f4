#include "import/xinetd_text.h"

#include "base/text.h"

#include <algorithm>
#include <optional>

namespace swathe {
namespace {

constexpr std::string_view kBlank = " \t\r";

std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    for (std::size_t at = line.find_first_not_of(kBlank); at != line.npos; at = line.find_first_not_of(kBlank, at)) {
        const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
        words.emplace_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

std::optional<XinetdAttribute> attribute_of(std::string_view line, const SourcePos& pos) {
    using enum XinetdAttribute::Op;
    const std::size_t equals = line.find('=');
    if (equals == line.npos || equals == 0) return std::nullopt;
    const char sign = line[equals - 1];
    const bool signed_op = sign == '+' || sign == '-';
    const auto names = words_of(line.substr(0, equals - (signed_op ? 1 : 0)));
    if (names.size() != 1) return std::nullopt;
    return XinetdAttribute{names.front(), sign == '+' ? add : sign == '-' ? remove : set, words_of(line.substr(equals + 1)), pos};
}

class Parser {
public:
    Parser(SourceFile file, Report& report) : file_(file), report_(report) {}

    XinetdText run(std::string_view text) {
        for (const std::string_view whole : split(text, '\n')) {
            pos_ = {file_, pos_.line + 1, 0};
            const std::string_view line = trim(whole.substr(0, whole.size() - (whole.ends_with('\r') ? 1 : 0)));
            if (!line.empty() && !line.starts_with('#')) take(line);
        }
        if (section_) report_.error(section_->pos, "", "the section is not closed");
        return std::move(text_);
    }

private:
    void wrong(std::string_view why) { report_.error(pos_, "", why); }

    void take(std::string_view line) {
        if (!section_) return open(words_of(line));
        if (line == "{" && !in_braces_) return void(in_braces_ = true);
        if (!in_braces_) {
            wrong("expected \"{\"");
            section_.reset();
        } else if (line == "}") {
            text_.sections.push_back(std::move(*section_));
            section_.reset();
        } else if (auto attribute = attribute_of(line, pos_)) {
            section_->attributes.push_back(std::move(*attribute));
        } else {
            wrong("expected ATTRIBUTE = VALUE...");
        }
    }

    void open(std::vector<std::string> words) {
        in_braces_ = words.back() == "{";
        if (in_braces_) words.pop_back();
        if (words.size() == 2 && words.front() == "service")
            section_ = XinetdSection{words.back(), false, {}, pos_};
        else if (words.size() == 1 && words.front() == "defaults")
            section_ = XinetdSection{{}, true, {}, pos_};
        else if (words.size() == 2 && !in_braces_ && (words.front() == "include" || words.front() == "includedir"))
            text_.includes.push_back({words.back(), words.front() == "includedir", pos_});
        else
            wrong("expected a service, defaults, include or includedir");
    }

    SourceFile file_;
    Report& report_;
    XinetdText text_;
    SourcePos pos_{file_, 0, 0};
    std::optional<XinetdSection> section_;
    bool in_braces_ = false;
};

} // namespace

XinetdText parse_xinetd(std::string_view text, SourceFile file, Report& report) { return Parser(file, report).run(text); }

} // namespace swathe
