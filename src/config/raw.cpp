#include "config/raw.h"

namespace swathe {
namespace {

struct KindName {
    const char* operator()(const std::string&) const { return "a string"; }
    const char* operator()(std::int64_t) const { return "an integer"; }
    const char* operator()(double) const { return "a number with a fraction"; }
    const char* operator()(bool) const { return "a boolean"; }
    const char* operator()(const Raw::List&) const { return "an array"; }
    const char* operator()(const Raw::Table&) const { return "a table"; }
    const char* operator()(const Raw::Other& other) const { return other.name; }
};

} // namespace

const char* Raw::kind() const { return std::visit(KindName{}, value); }

} // namespace swathe
