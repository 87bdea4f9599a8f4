#pragma once

#include "config/directives.h"
#include "config/values.h"

#include <type_traits>

/// How a row of the directive table stores what was read. For the files that hold rows, and for nobody else.
namespace swathe {

template <class C, class M> C class_of(M C::*);
template <class M, class C> M member_of(M C::*);

/// What holds a member of `T`: a service, or a listener, holds those of the structs that it is made of.
template <class T>
using OwnerOf = std::conditional_t<std::is_base_of_v<T, Service>, Service, std::conditional_t<std::is_base_of_v<T, Listener>, Listener, T>>;

/// Setter: `Read` reads into `Member` of the target.
template <auto Member, auto Read> bool into(const Raw& raw, const ValueContext& context, const Recipient& target) {
    using Owner = OwnerOf<decltype(class_of(Member))>;
    return Read(raw, context, std::get<Owner*>(target)->*Member);
}

/// Setter: `Read` fills more than one member of the target.
template <class Owner, auto Read> bool whole(const Raw& raw, const ValueContext& context, const Recipient& target) {
    return Read(raw, context, *std::get<OwnerOf<Owner>*>(target));
}

/// Setter for a member with a choice of words.
template <auto Member> bool chosen(const Raw& raw, const ValueContext& context, const Recipient& target) {
    return into<Member, &read_choice<decltype(member_of(Member))>>(raw, context, target);
}

template <class T> std::vector<std::string_view> words_of() {
    std::vector<std::string_view> words;
    words.reserve(kChoices<T>.size());
    for (const auto& choice : kChoices<T>) words.push_back(choice.name);
    return words;
}

inline constexpr auto kNoWords = static_cast<std::vector<std::string_view> (*)()>(nullptr);

} // namespace swathe
