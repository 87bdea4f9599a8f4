#include "config/directive_tables.h"
#include "config/loading_values.h"
#include "config/net_values.h"
#include "config/setters.h"

#include <array>

namespace swathe {
namespace {

using enum Scope;
using enum Repeat;
using T = ValueType;

/// The unit's reader asks the lines themselves: nobody behind it has a use for the names.
bool check_protections(const Raw& raw, const ValueContext& context, Service&) {
    std::vector<std::string> names;
    return read_protections(raw, context, names);
}

bool is_selector(const std::string& word) { return word == "tcp" || word == "udp" || word.starts_with('#'); }

bool add_range(const Raw& raw, const ValueContext& context, SocketUnit& out) {
    const auto items = items_of(raw);
    SocketUnit::Range range{{}, {}, items.empty() ? raw.pos : items.front().pos};
    const std::string* first = items.empty() ? nullptr : items.front().get<std::string>();
    const bool selects = first != nullptr && is_selector(*first);
    if (selects) range.listener = *first;
    if (items.size() == (selects ? 1U : 0U)) return context.refuse(range.pos, "no endpoint");
    bool ok = true;
    for (const Raw& item : items.subspan(selects ? 1 : 0)) ok = read_listen_line(item, context, range.endpoints) && ok;
    if (ok) out.ranges.push_back(std::move(range));
    return ok;
}

constexpr std::array kTable{
    Directive{daemon, "strict", "", "", T::boolean, replace, "false", "Every warning about unit files is an error", kNoWords,
              into<&DaemonSettings::strict, read_boolean>},
    Directive{daemon, "allow_unsupported", "", "", T::names, add, "none",
              "Protections of systemd's that units may ask for although there are none", kNoWords,
              into<&DaemonSettings::allow_unsupported, read_protections>},
    Directive{file, "", "X-Swathe", kAllowUnsupported, T::names, add, "none",
              "Protections that this unit may ask for although there are none", kNoWords, whole<Service, check_protections>},
    Directive{socket_unit, "", "X-Swathe", "Listen", T::endpoints, add, "none", "More endpoints for a listener of the unit", kNoWords,
              whole<SocketUnit, add_range>},
};

} // namespace

std::span<const Directive> loading_directives() { return kTable; }

} // namespace swathe
