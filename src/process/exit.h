#pragma once

#include <cstdint>

namespace swathe {

/// How a child ended.
struct Exit {
    enum class Kind : std::uint8_t { code, signal, core };
    Kind kind = Kind::code;
    int value = 0; ///< exit status or signal number
    friend bool operator==(const Exit&, const Exit&) noexcept = default;
};

} // namespace swathe
