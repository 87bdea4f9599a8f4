#pragma once

#include "base/prefix.h"
#include "base/shared_value.h"
#include "model/placed.h"

#include <initializer_list>
#include <iterator>
#include <vector>

namespace swathe {

/// Address ranges in the order in which they were written, each with its place. It is made for files of a million lines: a prefix takes 24
/// bytes of a list, and copies share their storage. Elements are made when they are asked for, so they are values, not references.
class AddressList {
public:
    using value_type = Placed<AddressRange>;

    AddressList() = default;
    AddressList(std::initializer_list<value_type> all) {
        for (const value_type& one : all) push_back(one);
    }

    void push_back(const value_type& range);
    void append(const AddressList& more);
    void reserve(std::size_t ranges) { data_.own().records.reserve(ranges); }
    void clear() { data_ = {}; }

    [[nodiscard]] std::size_t size() const noexcept { return data_.get().records.size(); }
    [[nodiscard]] bool empty() const noexcept { return data_.get().records.empty(); }
    [[nodiscard]] value_type operator[](std::size_t at) const;
    [[nodiscard]] value_type front() const { return (*this)[0]; }
    [[nodiscard]] value_type back() const { return (*this)[size() - 1]; }

    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag; // elements are no objects of their own
        using value_type = AddressList::value_type;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = value_type;

        Iterator(const AddressList& list, std::size_t at) noexcept : list_(&list), at_(at) {}
        [[nodiscard]] value_type operator*() const { return (*list_)[at_]; }
        Iterator& operator++() noexcept {
            ++at_;
            return *this;
        }
        Iterator operator++(int) noexcept { return {*list_, at_++}; }
        friend bool operator==(const Iterator& a, const Iterator& b) noexcept { return a.at_ == b.at_; }

    private:
        const AddressList* list_;
        std::size_t at_;
    };
    [[nodiscard]] Iterator begin() const noexcept { return {*this, 0}; }
    [[nodiscard]] Iterator end() const noexcept { return {*this, size()}; }

private:
    enum class Kind : std::uint8_t { ipv4, ipv6, other };
    struct Record {
        U128 first;             ///< of a prefix; of `other`, its index there
        std::uint32_t line = 0;
        std::uint16_t column = 0;
        std::uint8_t length = 0;
        Kind kind = Kind::ipv4;
    };
    struct Run {
        std::size_t begin; ///< the first record that was written in `file`
        SourceFile file;
    };
    struct Data {
        std::vector<Record> records;
        std::vector<Run> runs;          ///< ascend
        std::vector<value_type> others; ///< no prefix, or too far to the right
    };
    SharedValue<Data> data_;
};

} // namespace swathe
