#include "tools/server.h"

#include "tools/connection.h"
#include "tools/datagrams.h"

#include <fcntl.h>
#include <memory>
#include <optional>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace swathe::tools {

/// One socket. What it does beyond being watched depends on its kind.
struct Source {
    Kind kind;
    UniqueFd fd; ///< of a connection: in `connection`
    std::unique_ptr<Connection> connection{};
    std::optional<Datagrams> datagrams{};
    std::uint32_t events = 0;
    std::time_t last = 0; ///< when something came
    Source* before = nullptr;
    Source* after = nullptr;

    static void* operator new(std::size_t size) noexcept { return std::malloc(size); }
    static void operator delete(void* at) noexcept { std::free(at); }
    [[nodiscard]] int descriptor() const noexcept { return connection ? connection->fd() : fd.get(); }
    [[nodiscard]] bool is_door() const noexcept { return kind == Kind::listener || kind == Kind::datagrams; }
};

namespace {

constexpr int kAccepts = 64; // then it is somebody else's turn
constexpr int kEvents = 64;
constexpr std::uint32_t kIn = EPOLLIN;

std::time_t monotonic() noexcept {
    timespec now{};
    (void)::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

std::uint32_t events_of(Connection::Next next) noexcept {
    switch (next) {
    case Connection::Next::read: return kIn;
    case Connection::Next::write: return EPOLLOUT;
    case Connection::Next::both: return EPOLLIN | EPOLLOUT;
    case Connection::Next::end: return 0;
    }
    return 0;
}

bool out_of_descriptors(int error) noexcept { return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM; }

} // namespace

void Server::List::append(Source* source) noexcept {
    source->before = last;
    source->after = nullptr;
    (last != nullptr ? last->after : first) = source;
    last = source;
}

void Server::List::remove(Source* source) noexcept {
    (source->before != nullptr ? source->before->after : first) = source->after;
    (source->after != nullptr ? source->after->before : last) = source->before;
}

Server::Server(Service service, unsigned idle, Complain complain) noexcept
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), now_(monotonic()), last_(now_), idle_(idle), service_(service), complain_(complain) {}

Server::~Server() {
    for (List* list : {&doors_, &clients_})
        while (list->first != nullptr) {
            const std::unique_ptr<Source> source(list->first);
            list->remove(source.get());
        }
}

bool Server::add(int fd, Kind kind) noexcept {
    auto* source = new Source{kind, UniqueFd(fd)};
    if (source == nullptr) return errno = ENOMEM, false;
    switch (kind) {
    case Kind::connection:
        source->connection = std::make_unique<Connection>(service_, std::move(source->fd));
        if (!source->connection) return delete source, errno = ENOMEM, false;
        break;
    case Kind::datagrams: source->datagrams.emplace(service_, fd); break;
    case Kind::listener:
        if (::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) return delete source, false;
        break;
    case Kind::flow: break;
    }
    return add_source(source);
}

bool Server::add_source(Source* source) noexcept {
    source->last = now_;
    (source->is_door() ? doors_ : clients_).append(source);
    if (source->is_door()) return watch(source, kIn);
    go_on(source); // what can be said at once needs no watching
    return true;
}

bool Server::watch(Source* source, std::uint32_t events) noexcept {
    if (source->events == events) return true;
    epoll_event event{};
    event.events = events;
    event.data.ptr = source;
    const int what = source->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    source->events = events;
    return ::epoll_ctl(epoll_.get(), what, source->descriptor(), &event) == 0;
}

void Server::go_on(Source* source) noexcept {
    Connection::Next next = Connection::Next::end;
    if (source->connection)
        next = source->connection->go_on();
    else if (go_on_with_flow(service_, source->fd.get()))
        next = Connection::Next::read;
    if (next == Connection::Next::end || !watch(source, events_of(next))) end(source);
}

void Server::accept_all(Source* listener) noexcept {
    for (int i = 0; i < kAccepts; ++i) {
        UniqueFd fd(::accept4(listener->fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (fd) {
            (void)add(fd.release(), Kind::connection);
            continue;
        }
        if (errno == ECONNABORTED || errno == EINTR) continue;
        if (errno == EINVAL) return end(listener); // it no longer listens
        if (out_of_descriptors(errno)) {
            complain_("who comes has to wait: accept", errno);
            listen(false);
        }
        return;
    }
}

void Server::listen(bool on) noexcept {
    paused_ = !on;
    for (Source* door = doors_.first; door != nullptr; door = door->after)
        if (door->kind == Kind::listener) (void)watch(door, on ? kIn : 0);
}

void Server::handle(Source* source) noexcept {
    source->last = now_;
    last_ = now_;
    switch (source->kind) {
    case Kind::listener: return accept_all(source);
    case Kind::datagrams: return source->datagrams->go_on(complain_);
    case Kind::connection:
    case Kind::flow:
        clients_.remove(source);
        clients_.append(source);
        return go_on(source);
    }
}

void Server::end(Source* source) noexcept {
    (void)watch(source, 0); // closing it is not enough where inetd left duplicates
    (source->is_door() ? doors_ : clients_).remove(source);
    delete source;
    if (paused_) listen(true);
}

void Server::end_idle() noexcept {
    while (idle_ != 0 && clients_.first != nullptr && now_ - clients_.first->last >= idle_) end(clients_.first);
}

bool Server::over() const noexcept {
    if (clients_.first != nullptr) return false;
    return doors_.first == nullptr || (idle_ != 0 && now_ - last_ >= idle_);
}

int Server::wait_ms() const noexcept {
    if (idle_ == 0) return -1;
    const std::time_t since = clients_.first != nullptr ? clients_.first->last : last_;
    const std::time_t left = since + idle_ - now_;
    return left <= 0 ? 0 : static_cast<int>(left * 1000);
}

bool Server::run() noexcept {
    while (!over()) {
        epoll_event events[kEvents];
        const int count = ::epoll_wait(epoll_.get(), events, kEvents, wait_ms());
        if (count < 0 && errno != EINTR) return false;
        now_ = monotonic();
        for (int i = 0; i < count; ++i) handle(static_cast<Source*>(events[i].data.ptr));
        end_idle();
    }
    return true;
}

} // namespace swathe::tools
