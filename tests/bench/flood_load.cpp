// The two sides of flood_bench:
//   flood_load syn|connect|datagram SOURCES ADDRESS:PORT A_SECOND SECONDS
//       so many from random addresses of a prefix, evenly: raw packets, which finish no handshake, or connections
//   flood_load visit|ask SOURCES ADDRESS:PORT CLIENTS SECONDS
//       well-behaved clients at those addresses, each again and again: connect and get a byte, or send a datagram and get it back
// All print JSON. IPv4 only. But for raw packets the addresses of SOURCES must be local; for these nobody should answer at them.

#include "support.h"

#include "base/address.h"
#include "base/prefix.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <random>
#include <string_view>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace swathe;
using namespace swathe::bench;

namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kTick = std::chrono::milliseconds(1);
constexpr timeval kPatience{0, 200'000}; ///< of a visitor: who is not answered by then was not served
constexpr std::size_t kOpen = 256;       ///< connections of a flood that are open at once

sockaddr_in to_ipv4(const SocketAddress& address) {
    sockaddr_storage raw{};
    if (address.to_sockaddr(raw) != sizeof(sockaddr_in)) die("IPv4 only");
    sockaddr_in plain{};
    std::memcpy(&plain, &raw, sizeof plain);
    return plain;
}

const sockaddr* as_sockaddr(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

/// Random addresses of a prefix, the same in each run.
class Sources {
public:
    Sources(const char* prefix, unsigned seed) : random_(seed) {
        const Prefix all = need(parse_prefix(prefix));
        if (all.family() != Family::ipv4) die("IPv4 only");
        first_ = static_cast<std::uint32_t>(all.address.bits.lo);
        others_ = all.length == 32 ? 0 : UINT32_MAX >> all.length;
    }
    sockaddr_in next() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(first_ | (static_cast<std::uint32_t>(random_()) & others_));
        return address;
    }
    std::uint32_t number() { return static_cast<std::uint32_t>(random_()); }

private:
    std::mt19937 random_;
    std::uint32_t first_, others_;
};

struct Place {
    sockaddr_in raw;
    explicit Place(const char* text) : raw(to_ipv4(need(parse_socket_address(text)))) {}
};

UniqueFd socket_at(const sockaddr_in& source, int type) {
    const int on = 1;
    const linger at_once{1, 0}; // a reset: no TIME_WAIT on either side
    UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    (void)::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience); // of connect(2), too
    if (!fd || ::bind(fd.get(), as_sockaddr(source), sizeof source) < 0) need(Status(system_failure("bind to a source")));
    return fd;
}

// --- floods

/// RFC 1071. `data` may begin with a pseudo header.
std::uint16_t checksum(const void* data, std::size_t size) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < size; i += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, static_cast<const char*>(data) + i, sizeof word);
        sum += word;
    }
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

/// The kernel fills in the length and the checksum.
iphdr ip_header(const sockaddr_in& from, const sockaddr_in& to, std::uint8_t protocol) {
    iphdr ip{};
    ip.version = 4;
    ip.ihl = sizeof ip / 4;
    ip.ttl = 64;
    ip.protocol = protocol;
    ip.saddr = from.sin_addr.s_addr;
    ip.daddr = to.sin_addr.s_addr;
    return ip;
}

std::uint16_t port_of(std::uint32_t number) { return htons(static_cast<std::uint16_t>(1024 + (number & 0x7fff))); }

struct Datagram {
    iphdr ip;
    udphdr udp{};
    char text[4] = {'f', 'l', 'o', 'd'};

    Datagram(const sockaddr_in& from, const sockaddr_in& to, std::uint32_t number) : ip(ip_header(from, to, IPPROTO_UDP)) {
        udp.source = port_of(number);
        udp.dest = to.sin_port;
        udp.len = htons(sizeof udp + sizeof text); // its checksum may be left out
    }
};
static_assert(sizeof(Datagram) == 32);

struct Syn {
    iphdr ip;
    tcphdr tcp{};

    Syn(const sockaddr_in& from, const sockaddr_in& to, std::uint32_t number) : ip(ip_header(from, to, IPPROTO_TCP)) {
        tcp.source = port_of(number);
        tcp.dest = to.sin_port;
        tcp.seq = number;
        tcp.doff = sizeof tcp / 4;
        tcp.syn = 1;
        tcp.window = htons(64240);
        struct { // RFC 9293, 3.1
            std::uint32_t from, to;
            std::uint8_t zero, protocol;
            std::uint16_t length;
            tcphdr tcp;
        } const pseudo{ip.saddr, ip.daddr, 0, IPPROTO_TCP, htons(sizeof(tcphdr)), tcp};
        tcp.check = checksum(&pseudo, sizeof pseudo);
    }
};
static_assert(sizeof(Syn) == 40);

class Flood {
public:
    Flood(std::string_view kind, const char* sources, const char* place) : kind_(kind), sources_(sources, 1), place_(place) {
        if (kind_ == "connect") return;
        raw_ = UniqueFd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
        if (!raw_) need(Status(system_failure("raw socket")));
    }

    /// What could not be sent in its millisecond is sent in the next one, but no more than there is of one.
    void run(double a_second, std::chrono::duration<double> length) {
        const auto begin = Clock::now(), end = begin + std::chrono::duration_cast<Clock::duration>(length);
        double owed = 0;
        for (auto at = begin; at < end; at = Clock::now()) {
            owed = std::min(owed, a_second / 100) + a_second * std::chrono::duration<double>(kTick).count();
            for (; owed >= 1 && Clock::now() < end; --owed) send();
            std::this_thread::sleep_until(at + kTick);
        }
        seconds_ = std::chrono::duration<double>(Clock::now() - begin).count();
    }
    [[nodiscard]] nlohmann::json result() const { return {{"sent", sent_}, {"per_s", static_cast<double>(sent_) / seconds_}}; }

private:
    void send() {
        const sockaddr_in from = sources_.next();
        if (kind_ == "syn") return send_raw(Syn(from, place_.raw, sources_.number()));
        if (kind_ == "datagram") return send_raw(Datagram(from, place_.raw, sources_.number()));
        open_.push_back(socket_at(from, SOCK_STREAM | SOCK_NONBLOCK));
        sent_ += ::connect(open_.back().get(), as_sockaddr(place_.raw), sizeof place_.raw) == 0 || errno == EINPROGRESS;
        if (open_.size() > kOpen) open_.pop_front();
    }
    template <class Packet> void send_raw(const Packet& packet) {
        sent_ += ::sendto(raw_.get(), &packet, sizeof packet, 0, as_sockaddr(place_.raw), sizeof place_.raw) > 0;
    }

    std::string_view kind_;
    Sources sources_;
    Place place_;
    UniqueFd raw_;
    std::deque<UniqueFd> open_;
    std::uint64_t sent_ = 0;
    double seconds_ = 0;
};

// --- who is to be served

struct Visits {
    std::uint64_t served = 0, failed = 0;
};

bool visit(const sockaddr_in& source, const Place& place) {
    const UniqueFd fd = socket_at(source, SOCK_STREAM);
    char byte = 0;
    return ::connect(fd.get(), as_sockaddr(place.raw), sizeof place.raw) == 0 && ::recv(fd.get(), &byte, 1, 0) == 1;
}

bool ask(const sockaddr_in& source, const Place& place) {
    const UniqueFd fd = socket_at(source, SOCK_DGRAM);
    char byte = 'x';
    return ::connect(fd.get(), as_sockaddr(place.raw), sizeof place.raw) == 0 && ::send(fd.get(), &byte, 1, 0) == 1 &&
           ::recv(fd.get(), &byte, 1, 0) == 1;
}

nlohmann::json visit_all(bool (*once)(const sockaddr_in&, const Place&), const char* sources, const Place& place, unsigned clients,
                         std::chrono::duration<double> length) {
    const auto begin = Clock::now(), end = begin + std::chrono::duration_cast<Clock::duration>(length);
    std::vector<Visits> visits(clients);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < clients; ++i)
        threads.emplace_back([&, i] {
            Sources own(sources, 100 + i);
            while (Clock::now() < end) ++(once(own.next(), place) ? visits[i].served : visits[i].failed);
        });
    for (std::thread& thread : threads) thread.join();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    Visits sum;
    for (const Visits& one : visits) {
        sum.served += one.served;
        sum.failed += one.failed;
    }
    return {{"per_s", static_cast<double>(sum.served) / seconds}, {"served", sum.served}, {"failed", sum.failed}};
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc == 6 ? argv[1] : "";
    const double many = argc == 6 ? std::atof(argv[4]) : 0, seconds = argc == 6 ? std::atof(argv[5]) : 0;
    const std::chrono::duration<double> length(seconds);
    const bool floods = what == "syn" || what == "connect" || what == "datagram", visits = what == "visit" || what == "ask";
    if (!floods && !visits) die("usage: flood_load syn|connect|datagram|visit|ask SOURCES ADDRESS:PORT A_SECOND|CLIENTS SECONDS");
    if (!(many >= 1 && many <= (floods ? 1e6 : 64)) || !(seconds > 0 && seconds < 60)) die("too many, or too long");
    if (visits) {
        fmt::print("{}\n", visit_all(what == "ask" ? ask : visit, argv[2], Place(argv[3]), static_cast<unsigned>(many), length).dump());
        return 0;
    }
    Flood flood(what, argv[2], argv[3]);
    flood.run(many, length);
    fmt::print("{}\n", flood.result().dump());
    return 0;
}
