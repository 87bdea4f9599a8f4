#pragma once

#include "base/error.h"

#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

struct mnl_socket; // opaque: libmnl is included in this directory's .cpp files only
struct nlmsghdr;
struct nlattr;

namespace swathe {

/// One netlink socket of the calling thread's network namespace, where it stays.
class Netlink {
public:
    /// `protocol`: NETLINK_ROUTE, NETLINK_SOCK_DIAG.
    [[nodiscard]] static Result<Netlink> open(int protocol);

    /// Asks the kernel to filter dumps by the fields of their request (NETLINK_GET_STRICT_CHK, 4.20). An older kernel dumps
    /// everything, so the caller filters too.
    void ask_for_strict_dumps();

    using Visit = std::function<void(const nlmsghdr&)>;

    /// Sends one dump request and visits each answer. Errors: the kernel's; EINTR when the tables changed meanwhile, so
    /// that the answers do not fit together.
    [[nodiscard]] Status dump(nlmsghdr& request, const Visit& visit);

    /// Sends one dump request and reads answers up to the first that is `wanted`. Is there one? The rest of them is left unread, so that
    /// the socket is of no more use. Errors: as dump().
    using Wanted = std::function<bool(const nlmsghdr&)>;
    [[nodiscard]] Result<bool> find(nlmsghdr& request, const Wanted& wanted);

    /// Sends one request and visits its one answer. Errors: the kernel's errno.
    [[nodiscard]] Status ask(nlmsghdr& request, const Visit& visit);

    /// Sends `requests`, at most kLargestBatch (NLM_F_ACK is added), and returns the errno that the kernel gave each; 0 = done.
    [[nodiscard]] Result<std::vector<int>> send_batch(const std::vector<nlmsghdr*>& requests);
    static constexpr std::size_t kLargestBatch = 64; ///< so that the answers fit the socket's default receive buffer

private:
    struct Close { void operator()(mnl_socket* socket) const noexcept; };
    [[nodiscard]] Status send(nlmsghdr& request);
    [[nodiscard]] Result<std::size_t> receive();
    [[nodiscard]] Result<bool> read_until(const Wanted& wanted);
    [[nodiscard]] Status read_answers(const Visit& visit);

    std::unique_ptr<mnl_socket, Close> socket_;
    std::vector<char> buffer_;
    std::uint32_t sequence_ = 0;
};

/// Visits the attributes behind the `body_bytes` of fixed body that the message begins with. Malformed ones end it.
void for_each_attribute(const nlmsghdr& message, std::size_t body_bytes, const std::function<void(const nlattr&)>& visit);

/// How often a dump that changes under our hands is begun anew.
inline constexpr int kDumpAttempts = 8;

/// dump(), again from the start while the tables change, `parse(message, out)` filling `out`.
template <class T, class Parse>
[[nodiscard]] Result<std::vector<T>> dump_all(Netlink& netlink, nlmsghdr& request, const Parse& parse) {
    std::vector<T> out;
    for (int attempt = 1;; ++attempt) {
        out.clear();
        auto done = netlink.dump(request, [&](const nlmsghdr& message) { parse(message, out); });
        if (done) return out;
        if (done.error().errno_value != EINTR || attempt == kDumpAttempts) return Failure(std::move(done).error());
    }
}

} // namespace swathe
