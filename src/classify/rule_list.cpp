#include "classify/rule_list.h"

#include <stdexcept>

namespace swathe {

void RuleList::push_back(const Rule& rule) {
    static_assert(sizeof(Record) == 32);
    Data& data = data_.own();
    const RuleTerms& terms = rule;
    if (data.blocks.empty() || data.blocks.back().terms != terms || data.blocks.back().file != rule.pos.file)
        data.blocks.push_back({terms, rule.pos.file});
    data.records.push_back({rule.destination.address.bits, static_cast<std::uint32_t>(data.blocks.size() - 1), rule.pos.line,
                            rule.pos.column, rule.destination.length, rule.destination.family()});
}

Rule RuleList::operator[](std::size_t id) const {
    const Data& data = data_.get();
    const Record& record = data.records[id];
    const Block& block = data.blocks[record.block];
    return {block.terms, {{record.family, record.first}, record.length}, {block.file, record.line, record.column}};
}

Rule RuleList::at(std::size_t id) const {
    if (id >= size()) throw std::out_of_range("RuleList::at");
    return (*this)[id];
}

} // namespace swathe
