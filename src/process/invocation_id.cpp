#include "process/invocation_id.h"

#include <fmt/format.h>
#include <sys/random.h>

namespace swathe {

Result<std::string> new_invocation_id() {
    unsigned char bytes[16];
    if (::getrandom(bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) return system_failure("getrandom");
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

} // namespace swathe
