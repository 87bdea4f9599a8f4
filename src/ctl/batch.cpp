#include "ctl/batch.h"

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::vector<std::string> words_of(std::string_view line) {
    std::vector<std::string> words;
    for (;;) {
        const std::size_t begin = line.find_first_not_of(kBlanks);
        if (begin == line.npos) return words;
        line.remove_prefix(begin);
        const std::size_t end = std::min(line.find_first_of(kBlanks), line.size());
        words.emplace_back(line.substr(0, end));
        line.remove_prefix(end);
    }
}

bool may_be_address(const std::string& word) { return word.find_first_of(".:") != word.npos; }

} // namespace

Result<ExplainQuery> read_batch_line(std::string_view line) {
    std::vector<std::string> words = words_of(line);
    if (words.size() < 3 || words.size() > 5) return failure("expected PROTO ADDR PORT [FROM-ADDR[:PORT]] [IFACE]");
    ExplainQuery query;
    query.protocol = std::move(words[0]);
    query.address = std::move(words[1]);
    query.port = std::move(words[2]);
    const bool only_interface = words.size() == 4 && words[3] != "-" && !may_be_address(words[3]);
    if (words.size() > 3 && !only_interface && words[3] != "-") query.from = std::move(words[3]);
    if (only_interface) query.interface = std::move(words[3]);
    if (words.size() == 5 && words[4] != "-") query.interface = std::move(words[4]);
    return query;
}

void BatchReader::feed(std::string_view bytes, std::vector<BatchItem>& items) {
    for (;;) {
        const std::size_t end = bytes.find('\n');
        keep(bytes.substr(0, end));
        if (end == bytes.npos) return;
        end_line(items);
        bytes.remove_prefix(end + 1);
    }
}

void BatchReader::finish(std::vector<BatchItem>& items) {
    if (!line_.empty() || too_long_) end_line(items);
}

void BatchReader::keep(std::string_view part) {
    if (line_.size() + part.size() > kLongestBatchLine) too_long_ = true;
    if (!too_long_) line_ += part;
}

void BatchReader::end_line(std::vector<BatchItem>& items) {
    if (too_long_) {
        items.emplace_back(Error{fmt::format("line longer than {} bytes", kLongestBatchLine), 0, std::nullopt});
    } else if (auto query = read_batch_line(line_); query) {
        items.emplace_back(std::move(*query));
    } else {
        items.emplace_back(std::move(query).error());
    }
    line_.clear();
    too_long_ = false;
}

} // namespace swathe::ctl
