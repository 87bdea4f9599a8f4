#include "model/architecture.h"

#include <algorithm>
#include <array>

namespace swathe {

std::string architecture_name(std::string_view machine) {
    struct Name {
        std::string_view uname, systemd;
    };
    static constexpr std::array kNames{
        Name{"x86_64", "x86-64"}, Name{"i686", "x86"},          Name{"i586", "x86"},        Name{"i486", "x86"},
        Name{"i386", "x86"},      Name{"aarch64", "arm64"},     Name{"aarch64_be", "arm64-be"}, Name{"ppc64le", "ppc64-le"},
        Name{"ppcle", "ppc-le"},  Name{"mips", "mips"},         Name{"armv8l", "arm"},      Name{"armv7l", "arm"},
        Name{"armv6l", "arm"},    Name{"loongarch64", "loongarch64"},
    };
    const auto known = std::find_if(kNames.begin(), kNames.end(), [&](const Name& n) { return n.uname == machine; });
    return std::string(known == kNames.end() ? machine : known->systemd);
}

} // namespace swathe
