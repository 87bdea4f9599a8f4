#pragma once

#include "base/error.h"

namespace swathe {

/// While it lives, what libbpf prints in this thread is kept for the error message; libbpf itself never writes to stderr.
class LibbpfLog {
public:
    LibbpfLog();
    ~LibbpfLog();
    LibbpfLog(const LibbpfLog&) = delete;
    LibbpfLog& operator=(const LibbpfLog&) = delete;

    /// "WHAT: <last lines of libbpf>: strerror"
    [[nodiscard]] Failure failure(const std::string& what, int errno_value) const;
};

} // namespace swathe
