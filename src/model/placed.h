#pragma once

#include "base/source_pos.h"

namespace swathe {

/// A value and the place where it was written.
template <class T> struct Placed {
    T value{};
    SourcePos pos;
};

} // namespace swathe
