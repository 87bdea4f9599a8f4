#include "base/journal.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

namespace swathe {
namespace {

/// "NAME=VALUE\n", or where the value has line feeds: "NAME\n", its length in 64 bits (little-endian), the value, "\n".
void append_field(std::string& datagram, const LogField& field) {
    datagram += field.name;
    if (field.value.find('\n') == std::string_view::npos) {
        datagram += '=';
    } else {
        datagram += '\n';
        for (unsigned shift = 0; shift < 64; shift += 8) datagram += static_cast<char>(std::uint64_t{field.value.size()} >> shift & 0xffU);
    }
    datagram += field.value;
    datagram += '\n';
}

} // namespace

Status Journal::open() {
    if (fd_) return {};
    fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd_) return system_failure("socket");
    return {};
}

Result<bool> Journal::send(std::span<const LogField> fields) {
    if (auto opened = open(); !opened) return Failure(std::move(opened).error());
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path_.size() >= sizeof address.sun_path) return failure(path_, ENAMETOOLONG);
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);

    datagram_.clear();
    for (const LogField& field : fields) append_field(datagram_, field);
    // Named each time: journald may have been started anew.
    while (::sendto(fd_.get(), datagram_.data(), datagram_.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                    sizeof address) < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return false;
        return system_failure("journal");
    }
    return true;
}

} // namespace swathe
