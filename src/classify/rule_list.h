#pragma once

#include "base/prefix.h"
#include "base/shared_value.h"
#include "model/config.h"

#include <iterator>
#include <span>

namespace swathe {

/// Index into RuleSet::rules. What tables, counters and explain call a rule.
using RuleId = std::uint32_t;

/// What a rule leads to. `listener` is meaningful for steer only.
struct Target {
    Verdict verdict = Verdict::pass;
    ListenerRef listener;
    friend auto operator<=>(const Target&, const Target&) noexcept = default;
};

/// What the rules cut from one endpoint have in common.
struct RuleTerms {
    Protocol protocol = Protocol::tcp;
    std::uint32_t ports = 0;   ///< index into RuleSet::port_sets
    std::uint32_t sources = 0; ///< index into RuleSet::source_sets; 0 = no `from`
    std::uint32_t strangers = 0; ///< likewise: `except_from`, sources that it does not match; 0 = none
    std::uint32_t blocked = 0;   ///< likewise: sources that it refuses where it wins; 0 = none
    std::uint32_t ifname = 0;  ///< index into RuleSet::interfaces; 0 = no `interface`
    std::uint32_t holes = 0;   ///< index into RuleSet::hole_sets; 0 = none
    Target target;
    friend bool operator==(const RuleTerms&, const RuleTerms&) noexcept = default;
};

/// One rule: protocol x destination prefix x port range set (x source prefix, x interface) -> target.
/// A listener of A addresses, P port ranges and S sources gives A x S rules, not A x P x S: port sets are shared.
struct Rule : RuleTerms {
    Prefix destination;
    SourcePos pos;
};

/// Rules in the order of the configuration, 32 bytes each: what follows each other and has the same terms shares them. Copies share
/// their storage. A rule is made when it is asked for, so it is a value, not a reference.
class RuleList {
public:
    void push_back(const Rule& rule);
    void pop_back() { data_.own().records.pop_back(); }
    void reserve(std::size_t rules) { data_.own().records.reserve(rules); }

    [[nodiscard]] std::size_t size() const noexcept { return data_.get().records.size(); }
    [[nodiscard]] bool empty() const noexcept { return data_.get().records.empty(); }
    [[nodiscard]] Rule operator[](std::size_t id) const;
    [[nodiscard]] Rule at(std::size_t id) const; ///< throws std::out_of_range
    [[nodiscard]] Rule front() const { return (*this)[0]; }
    [[nodiscard]] Rule back() const { return (*this)[size() - 1]; }

    // Parts of a rule, for who reads a million of them.
    [[nodiscard]] Prefix destination(RuleId id) const noexcept {
        const Record& record = data_.get().records[id];
        return {{record.family, record.first}, record.length};
    }
    /// Rules of one block share their terms.
    [[nodiscard]] std::uint32_t block_of(RuleId id) const noexcept { return data_.get().records[id].block; }
    [[nodiscard]] std::size_t blocks() const noexcept { return data_.get().blocks.size(); }
    [[nodiscard]] const RuleTerms& terms(std::uint32_t block) const noexcept { return data_.get().blocks[block].terms; }

    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = Rule;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Rule;
        Iterator(const RuleList& list, std::size_t at) noexcept : list_(&list), at_(at) {}
        [[nodiscard]] Rule operator*() const { return (*list_)[at_]; }
        Iterator& operator++() noexcept {
            ++at_;
            return *this;
        }
        Iterator operator++(int) noexcept { return {*list_, at_++}; }
        friend bool operator==(const Iterator& a, const Iterator& b) noexcept { return a.at_ == b.at_; }

    private:
        const RuleList* list_;
        std::size_t at_;
    };
    [[nodiscard]] Iterator begin() const noexcept { return {*this, 0}; }
    [[nodiscard]] Iterator end() const noexcept { return {*this, size()}; }

private:
    struct Record {
        U128 first;
        std::uint32_t block;
        std::uint32_t line, column;
        std::uint8_t length;
        Family family;
    };
    struct Block {
        RuleTerms terms;
        SourceFile file;
    };
    struct Data {
        std::vector<Record> records;
        std::vector<Block> blocks;
    };
    SharedValue<Data> data_;
};

} // namespace swathe
