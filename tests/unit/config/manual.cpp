#include "manual.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <fmt/format.h>

#include <doctest/doctest.h>

namespace swathe {
namespace {

/// What a number without a unit means; "" = there is no unit.
std::string_view unit_of(const Directive& d) {
    static const std::map<std::string_view, std::string_view> kOwn{
        {"limit_cpu", "seconds"},
        {"limit_rttime", "microseconds"},
        {"limit_nofile", "file descriptors"},
        {"limit_locks", "locks"},
        {"limit_nproc", "processes and threads"},
        {"limit_sigpending", "signals"},
        {"limit_nice", "nice values"},
        {"limit_rtprio", "priorities"},
        {"tasks_max", "processes and threads"},
    };
    if (const auto own = kOwn.find(d.toml_key); own != kOwn.end()) return own->second;
    if (d.type == ValueType::time_span) return "seconds";
    if (d.type == ValueType::percentage) return "percent of one processor";
    const bool is_size = d.type == ValueType::size || d.type == ValueType::amount || d.type == ValueType::limit;
    return is_size ? "bytes" : "";
}

/// Takes the lines of a page one by one.
class Reader {
public:
    Reader(std::string_view page, std::vector<ManualEntry>& entries) : page_(page), entries_(entries) {}

    void take(const std::string& line) {
        if (block_ != nullptr) return take_example(line);
        if (line.rfind(".Sh ", 0) == 0) section_ = line.substr(4);
        if (line.rfind(".Bl", 0) == 0) ++depth_;
        if (line.rfind(".El", 0) == 0 && --depth_ == 0) open_ = false;
        if (depth_ == 1 && line.rfind(".It", 0) == 0) return take_item(line);
        if (!open_) return;
        ManualEntry& entry = entries_.back();
        if (line == "Example:") block_ = &entry.example;
        else if (line == "In a unit file:") block_ = &entry.unit_example;
        else entry.lines.push_back(line);
    }

private:
    void take_item(const std::string& line) {
        constexpr std::string_view kItem = ".It Ic ";
        open_ = line.rfind(kItem, 0) == 0;
        if (open_) entries_.push_back({std::string(page_), section_, line.substr(kItem.size()), {}, {}, {}});
    }

    void take_example(const std::string& line) {
        if (line == ".Ed") block_ = nullptr;
        else if (line.rfind(".Bd -literal", 0) != 0) block_->push_back(shown(line));
    }

    /// Of mdoc's escapes only the backslash is in examples.
    static std::string shown(std::string line) {
        constexpr std::string_view kBackslash = "\\e";
        for (std::size_t at = 0; (at = line.find(kBackslash, at)) != line.npos; ++at) line.replace(at, kBackslash.size(), "\\");
        return line;
    }

    std::string_view page_;
    std::vector<ManualEntry>& entries_;
    std::string section_;
    int depth_ = 0;
    bool open_ = false; ///< does what comes belong to the last entry?
    std::vector<std::string>* block_ = nullptr;
};

} // namespace

std::vector<std::string> manual_lines(std::string_view page) {
    std::ifstream file(std::filesystem::path(SWATHE_TEST_DATA).parent_path() / "man" / page);
    REQUIRE(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

std::vector<ManualEntry> manual_entries() {
    std::vector<ManualEntry> entries;
    for (const std::string_view page : {kTomlPage, kServicePage}) {
        Reader reader(page, entries);
        for (const std::string& line : manual_lines(page)) reader.take(line);
    }
    return entries;
}

std::vector<std::string> facts_of(const Directive& d) {
    const bool in_toml = !d.toml_key.empty();
    std::vector<std::string> facts{in_toml ? fmt::format("Table: {}.", to_string(d.scope)) : fmt::format("Section: [{}].", d.unit_section),
                                   fmt::format("Type: {}.", to_string(d.type))};
    if (const auto unit = unit_of(d); !unit.empty()) facts.push_back(fmt::format("Unit: {}.", unit));
    facts.push_back(fmt::format("Default: {}.", d.default_text.empty() ? "required" : d.default_text));
    if (d.choices != nullptr) facts.push_back(fmt::format("Words: {}.", fmt::join(d.choices(), ", ")));
    if (in_toml && !d.unit_key.empty()) facts.push_back(fmt::format("Unit files: [{}] {}=.", d.unit_section, d.unit_key));
    return facts;
}

const ManualEntry& entry_of(const std::vector<ManualEntry>& entries, const Directive& d) {
    const bool of_daemon = d.scope == Scope::daemon || d.scope == Scope::rule;
    const std::string place = facts_of(d).front();
    const ManualEntry* found = nullptr;
    for (const ManualEntry& entry : entries) {
        if (entry.key != d.name() || entry.page != (of_daemon ? kTomlPage : kServicePage)) continue;
        if (entry.lines.empty() || entry.lines.front() != place) continue;
        REQUIRE_MESSAGE(found == nullptr, "there are two entries of ", entry.key);
        found = &entry;
    }
    REQUIRE_MESSAGE(found != nullptr, "there is no entry of ", std::string(d.name()), " with ", place);
    return *found;
}

} // namespace swathe
