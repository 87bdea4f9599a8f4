#include "config/directive_tables.h"

#include "config/setters.h"

#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

constexpr std::array kTable{
    Directive{service, "no_new_privileges", "Service", "NoNewPrivileges", T::boolean, replace, "false",
              "No program that it executes gives it more privileges", kNoWords,
              into<&Service::no_new_privileges, read_boolean>},
};

} // namespace

std::span<const Directive> sandbox_directives() { return kTable; }

} // namespace swathe
