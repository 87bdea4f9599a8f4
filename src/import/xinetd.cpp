#include "import/xinetd.h"

#include "import/xinetd_service.h"

#include <algorithm>

namespace swathe {
namespace {

using Op = XinetdAttribute::Op;

/// What a service has once `later` was said after `earlier`.
void merge(XinetdAttribute& earlier, const XinetdAttribute& later) {
    std::vector<std::string>& values = earlier.values;
    earlier.pos = later.pos;
    if (later.op == Op::set) values.clear();
    if (later.op != Op::remove) {
        values.insert(values.end(), later.values.begin(), later.values.end());
        return;
    }
    std::erase_if(
        values, [&](const std::string& value) { return std::find(later.values.begin(), later.values.end(), value) != later.values.end(); });
}

void merge(XinetdValues& values, const std::vector<XinetdAttribute>& attributes) {
    for (const XinetdAttribute& attribute : attributes) {
        XinetdAttribute empty = attribute;
        empty.values.clear();
        merge(values.try_emplace(attribute.name, std::move(empty)).first->second, attribute);
    }
}

bool names(const XinetdValues& values, const char* list, const std::string& id) {
    const auto found = values.find(list);
    return found != values.end() && std::find(found->second.values.begin(), found->second.values.end(), id) != found->second.values.end();
}

} // namespace

std::vector<WrittenService> import_xinetd(const std::vector<XinetdText>& files, const PortOf& ports, Report& report) {
    XinetdValues defaults;
    for (const XinetdText& file : files)
        for (const XinetdSection& section : file.sections)
            if (section.defaults) merge(defaults, section.attributes);
    Names taken;
    std::vector<WrittenService> services;
    for (const XinetdText& file : files)
        for (const XinetdSection& section : file.sections) {
            if (section.defaults) continue;
            XinetdValues values = defaults;
            values.erase("disabled");
            values.erase("enabled");
            merge(values, section.attributes);
            const auto id = values.find("id");
            const std::string name = id == values.end() || id->second.values.empty() ? section.name : id->second.values.front();
            const bool off = names(defaults, "disabled", name) || (defaults.contains("enabled") && !names(defaults, "enabled", name));
            if (off)
                report.warning(section.pos, "", "not carried over: the defaults switch it off");
            else if (auto service = XinetdService(section, std::move(values), ports, report).run(taken, name))
                services.push_back(std::move(*service));
        }
    return services;
}

} // namespace swathe
