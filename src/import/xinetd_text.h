#pragma once

#include "config/report.h"
#include "model/placed.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// "name = values", "name += values", "name -= values".
struct XinetdAttribute {
    enum class Op : std::uint8_t { set, add, remove };
    std::string name;
    Op op = Op::set;
    std::vector<std::string> values;
    SourcePos pos;
};

/// "service NAME" or, without a name, "defaults", with what stands between its braces.
struct XinetdSection {
    std::string name;
    bool defaults = false;
    std::vector<XinetdAttribute> attributes;
    SourcePos pos;
};

/// What one file says, in order.
struct XinetdText {
    struct Include {
        std::string path;
        bool directory = false; ///< all files in it, but those with a "." in their name or a "~" at its end
        SourcePos pos;
    };
    std::vector<XinetdSection> sections;
    std::vector<Include> includes;
};

/// xinetd.conf(5). Reports as errors what is none of it, each line once, and goes on.
[[nodiscard]] XinetdText parse_xinetd(std::string_view text, SourceFile file, Report& report);

} // namespace swathe
