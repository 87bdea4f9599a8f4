#pragma once

#include "base/unique_fd.h"
#include "tools/inherited.h"
#include "tools/services.h"

#include <ctime>

namespace swathe::tools {

struct Source;

/// Serves one service on any number of sockets until nothing is left to be served: connections and flows that ended, and of sockets that
/// anybody may come to none, or only such as nobody came to for a while.
class Server {
public:
    using Complain = void (*)(const char* what, int error); ///< error: an errno

    /// `idle` seconds without a byte end a connection or a flow, and without a client the server; 0 = neither.
    Server(Service service, unsigned idle, Complain complain) noexcept;
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    ~Server();

    /// Owns `fd` from now on. Listening sockets become non-blocking, for all who share them: another process may be faster.
    /// False: errno says why.
    [[nodiscard]] bool add(int fd, Kind kind) noexcept;
    /// False: errno says why.
    [[nodiscard]] bool run() noexcept;

private:
    struct List { ///< of sources, by how long nothing came
        Source* first = nullptr;
        Source* last = nullptr;
        void append(Source* source) noexcept;
        void remove(Source* source) noexcept;
    };
    [[nodiscard]] bool add_source(Source* source) noexcept;
    [[nodiscard]] bool watch(Source* source, std::uint32_t events) noexcept;
    void handle(Source* source) noexcept;
    void go_on(Source* source) noexcept;
    void accept_all(Source* listener) noexcept;
    void listen(bool on) noexcept; ///< pauses all listeners while there is no descriptor left, and goes on
    void end(Source* source) noexcept;
    void end_idle() noexcept;
    [[nodiscard]] bool over() const noexcept;
    [[nodiscard]] int wait_ms() const noexcept; ///< -1 = as long as it takes

    UniqueFd epoll_;
    List doors_;   ///< listeners and datagram sockets: who comes is new
    List clients_; ///< connections and flows
    std::time_t now_, last_; ///< CLOCK_MONOTONIC, seconds; when somebody came last
    unsigned idle_;
    Service service_;
    Complain complain_;
    bool paused_ = false;
};

} // namespace swathe::tools
