#include "config/toml_reader.h"

#include "base/text.h"
#include "config/limits.h"

#include <algorithm>
#include <new>
#include <optional>

#include <fmt/format.h>
#include <toml++/toml.h>

namespace swathe {
namespace {

/// toml++ counts columns in code points, the project in bytes.
class Places {
public:
    Places(std::string_view text, SourceFile file) : text_(text), file_(file) {
        ascii_ =
            std::none_of(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0x80) != 0; });
        if (ascii_) return;
        lines_.push_back(0);
        for (std::size_t i = 0; i < text.size(); ++i)
            if (text[i] == '\n') lines_.push_back(i + 1);
    }

    [[nodiscard]] SourcePos of(const toml::source_position& at) const {
        if (ascii_ || at.line == 0 || at.line > lines_.size()) return {file_, at.line, at.column};
        std::uint32_t column = 0;
        std::uint32_t points = 0;
        for (std::size_t i = lines_[at.line - 1]; i < text_.size() && text_[i] != '\n'; ++i, ++column) {
            const bool continues = (static_cast<unsigned char>(text_[i]) & 0xc0) == 0x80;
            if (!continues && ++points == at.column) break;
        }
        return {file_, at.line, column + 1};
    }

private:
    std::string_view text_;
    SourceFile file_;
    bool ascii_ = true;
    std::vector<std::size_t> lines_;
};

Raw::Table table_of(const toml::table& table, const Places& places);

Raw raw_of(const toml::node& node, const Places& places) {
    Raw raw;
    raw.pos = places.of(node.source().begin);
    switch (node.type()) {
    case toml::node_type::string: raw.value = node.as_string()->get(); break;
    case toml::node_type::integer: raw.value = node.as_integer()->get(); break;
    case toml::node_type::floating_point: raw.value = node.as_floating_point()->get(); break;
    case toml::node_type::boolean: raw.value = node.as_boolean()->get(); break;
    case toml::node_type::table: raw.value = table_of(*node.as_table(), places); break;
    case toml::node_type::array: {
        Raw::List list;
        list.reserve(node.as_array()->size());
        for (const toml::node& item : *node.as_array()) list.push_back(raw_of(item, places));
        raw.value = std::move(list);
        break;
    }
    case toml::node_type::date: raw.value = Raw::Other{"a date"}; break;
    case toml::node_type::time: raw.value = Raw::Other{"a time"}; break;
    case toml::node_type::date_time: raw.value = Raw::Other{"a date and time"}; break;
    case toml::node_type::none: raw.value = Raw::Other{"nothing"}; break;
    }
    return raw;
}

Raw::Table table_of(const toml::table& table, const Places& places) {
    Raw::Table entries;
    entries.reserve(table.size());
    for (const auto& [key, node] : table)
        entries.push_back({std::string(key.str()), places.of(key.source().begin), raw_of(node, places)});
    return entries;
}

/// toml++ sets no limit to the parts of a key, and destroys tables recursively: a megabyte of "a.a.a..." would
/// overflow the stack. Walks over the text to find the first key with too many parts. Knows strings, comments and
/// what ends a key, nothing else of TOML.
class KeyDepth {
public:
    explicit KeyDepth(std::string_view text) : text_(text) {}

    /// The offset of the dot that is too many.
    std::optional<std::size_t> find() {
        std::size_t dots = 0;
        while (at_ < text_.size()) {
            switch (text_[at_]) {
            case '#': at_ = std::min(text_.find('\n', at_), text_.size()); continue;
            case '"':
            case '\'': skip_string(text_[at_]); continue;
            case '.':
                if (++dots == limits::kKeyParts) return at_;
                break;
            case '\n':
            case '=':
            case ',':
            case '[':
            case ']':
            case '{':
            case '}': dots = 0; break;
            default: break;
            }
            ++at_;
        }
        return std::nullopt;
    }

private:
    void skip_string(char quote) {
        const std::string triple(3, quote);
        const bool multi = text_.substr(at_, 3) == triple;
        at_ += multi ? 3 : 1;
        while (at_ < text_.size()) {
            if (multi && text_.substr(at_, 3) == triple) return void(at_ += 3);
            if (!multi && text_[at_] == '\n') return; // not closed: the parser will say so
            if (!multi && text_[at_] == quote) return void(++at_);
            at_ += quote == '"' && text_[at_] == '\\' ? 2 : 1;
        }
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

SourcePos place_of(std::string_view text, std::size_t offset, SourceFile file) {
    const std::string_view before = text.substr(0, offset);
    const auto line = 1 + std::count(before.begin(), before.end(), '\n');
    const std::size_t start = before.rfind('\n') + 1; // npos + 1 = 0: the first line
    return {file, static_cast<std::uint32_t>(line), static_cast<std::uint32_t>(offset - start + 1)};
}

/// One line that can be shown on a terminal, whatever stood in the file: toml++ repeats what it did not expect as it is.
std::string clean(std::string_view description) {
    constexpr std::string_view kOpening = "Error while ";
    constexpr std::size_t kLongest = 300;
    if (description.substr(0, kOpening.size()) == kOpening) description.remove_prefix(kOpening.size());
    std::string text = escaped(description.substr(0, kLongest));
    if (!text.empty() && text.front() >= 'A' && text.front() <= 'Z')
        text.front() = static_cast<char>(text.front() - 'A' + 'a');
    return text;
}

} // namespace

Result<Raw::Table> read_toml(std::string_view text, SourceFile file) {
    if (const auto deep = KeyDepth(text).find())
        return failure_at(place_of(text, *deep, file),
                          fmt::format("syntax: a key of more than {} parts", limits::kKeyParts));
    const Places places(text, file);
    try {
        return table_of(toml::parse(text), places);
    } catch (const toml::parse_error& error) {
        return failure_at(places.of(error.source().begin), "syntax: " + clean(error.description()));
    } catch (const std::bad_alloc&) {
        return failure_at({file, 0, 0}, "out of memory");
    }
}

} // namespace swathe
