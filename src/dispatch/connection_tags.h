#pragma once

#include "base/error.h"
#include "base/unique_fd.h"

#include <cstdint>
#include <string>

namespace swathe {

/// Says whose a TCP connection is: a listening socket is tagged, and the kernel hands its tag on to every connection that it takes from
/// then on (BPF_MAP_TYPE_SK_STORAGE with BPF_F_CLONE; Linux 5.4). Nothing else leads from a connection to its listener: its local address
/// is the one that was dialled, which other sockets of the host may have as well, and which a reload may have given to another listener.
/// A tag costs each connection some 100 bytes of kernel memory. Needs CAP_BPF. socket/connections.h reads the tags.
class ConnectionTags {
public:
    /// `pin_path`: where the tags outlive the process, and are taken up again; 0600 in a directory that is there. "" = nowhere.
    [[nodiscard]] static Result<ConnectionTags> create(const std::string& pin_path);

    /// Again with another value: replaced for the connections to come. `fd` is borrowed; the tag is gone when the socket is.
    [[nodiscard]] Status put(int fd, std::uint64_t tag);
    [[nodiscard]] int fd() const noexcept { return map_.get(); }

private:
    UniqueFd map_;
};

} // namespace swathe
