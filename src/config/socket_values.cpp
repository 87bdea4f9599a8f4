#include "config/socket_values.h"

#include "config/limits.h"
#include "config/limit_values.h"
#include "config/net_values.h"
#include "config/number.h"
#include "config/values.h"
#include "config/words.h"

#include <limits>

#include <strings.h>

namespace swathe {
namespace {

constexpr Duration kLongestKeepAlive = std::chrono::seconds(32767); // net/tcp.h, MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL
constexpr std::int64_t kMostKeepAlives = 127;                       // MAX_TCP_KEEPCNT
constexpr Duration kLongestDefer = std::chrono::seconds(32767);

std::optional<std::int64_t> integer_in(const Raw& raw, const ValueContext& context, std::int64_t min, std::int64_t max,
                                       std::string_view or_else = "") {
    std::optional<std::int64_t> value;
    if (const auto* integer = raw.get<std::int64_t>()) value = *integer;
    if (const auto* text = raw.get<std::string>(); text != nullptr && context.is_unit) value = parse_signed(*text);
    if (value && *value >= min && *value <= max) return value;
    context.refuse(raw.pos, fmt::format("expected an integer from {} to {}{}", min, max, or_else));
    return std::nullopt;
}

template <class T>
bool read_integer(const Raw& raw, const ValueContext& context, std::int64_t min, std::int64_t max, std::optional<T>& out) {
    const auto value = integer_in(raw, context, min, max);
    if (value) out = static_cast<T>(*value);
    return value.has_value();
}

/// What the kernel counts in seconds; a part of one counts as a whole.
bool read_seconds(const Raw& raw, const ValueContext& context, Duration longest, std::optional<Duration>& out) {
    Duration span{};
    if (!read_time_span(raw, context, span)) return false;
    span = std::chrono::ceil<std::chrono::seconds>(span);
    if (span > longest)
        return context.refuse(raw.pos, fmt::format("longer than {} s", std::chrono::duration_cast<std::chrono::seconds>(longest).count()));
    out = span == Duration::zero() ? std::nullopt : std::optional(span);
    return true;
}

struct TosWord {
    std::string_view word;
    int value;
};
constexpr TosWord kTosWords[] = { // netinet/ip.h, IPTOS_
    {"low-delay", 0x10}, {"throughput", 0x08}, {"reliability", 0x04}, {"low-cost", 0x02}};

bool add_symlink(const std::string& path, const SourcePos& where, const ValueContext& context, std::vector<Placed<std::string>>& out) {
    if (!path.starts_with('/') || path.ends_with('/')) return context.refuse(where, fmt::format("{} is no absolute path", quoted(path)));
    if (path.size() > limits::kPathBytes) return context.refuse(where, fmt::format("longer than {} bytes", limits::kPathBytes));
    if (out.size() == limits::kSymlinks) return context.refuse(where, fmt::format("more than {} of them", limits::kSymlinks));
    out.push_back({path, where});
    return true;
}

bool is_unix_name(const Raw& item) {
    const auto* text = item.get<std::string>();
    return text != nullptr && (text->starts_with('/') || text->starts_with('@'));
}

bool read_unix_line(const Raw& raw, const ValueContext& context, SocketKind kind, SocketUnit& out) {
    if (items_of(raw).size() != 1)
        return context.refuse(raw.pos, "a UNIX socket stands on a line of its own, and its path has no white space");
    SocketUnit::Line line{kind, {}, {}, raw.pos};
    if (!read_unix_path(items_of(raw).front(), context, line.path)) return false;
    out.lines.push_back(std::move(line));
    return true;
}

} // namespace

bool read_socket_kind(const Raw& raw, const ValueContext& context, Listener& out) {
    SocketKind kind{};
    if (!read_choice(raw, context, kind)) return false;
    out.become(kind);
    return true;
}

bool read_priority(const Raw& raw, const ValueContext& context, std::optional<int>& out) {
    return read_integer(raw, context, 0, limits::kCount, out);
}

bool read_ip_tos(const Raw& raw, const ValueContext& context, std::optional<int>& out) {
    if (const auto* text = raw.get<std::string>())
        for (const TosWord& known : kTosWords)
            if (*text == known.word) {
                out = known.value;
                return true;
            }
    const auto value = integer_in(raw, context, 0, 255, ", \"low-delay\", \"throughput\", \"reliability\" or \"low-cost\"");
    if (value) out = static_cast<int>(*value);
    return value.has_value();
}

bool read_ip_ttl(const Raw& raw, const ValueContext& context, std::optional<int>& out) { return read_integer(raw, context, 1, 255, out); }

bool read_mark(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out) {
    return read_integer(raw, context, 0, std::numeric_limits<std::uint32_t>::max(), out);
}

bool read_buffer(const Raw& raw, const ValueContext& context, std::optional<std::uint32_t>& out) {
    std::optional<std::uint64_t> size;
    if (const auto* number = raw.get<std::int64_t>()) {
        if (*number >= 0) size = static_cast<std::uint64_t>(*number);
    } else {
        const std::string* text = string_of(raw, context);
        if (text == nullptr) return false;
        size = parse_size(*text);
    }
    if (!size) return context.refuse(raw.pos, "expected a number of bytes such as 65536 or \"64K\"");
    if (*size > limits::kSocketBufferBytes) return context.refuse(raw.pos, fmt::format("more than {} bytes", limits::kSocketBufferBytes));
    out = *size > 0 ? std::optional(static_cast<std::uint32_t>(*size)) : std::nullopt;
    return true;
}

bool read_keep_alive_span(const Raw& raw, const ValueContext& context, std::optional<Duration>& out) {
    return read_seconds(raw, context, kLongestKeepAlive, out);
}

bool read_keep_alive_probes(const Raw& raw, const ValueContext& context, std::optional<int>& out) {
    if (!read_integer(raw, context, 0, kMostKeepAlives, out)) return false;
    if (*out == 0) out.reset();
    return true;
}

bool read_defer_accept(const Raw& raw, const ValueContext& context, std::optional<Duration>& out) {
    return read_seconds(raw, context, kLongestDefer, out);
}

bool read_congestion(const Raw& raw, const ValueContext& context, std::string& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const bool word = !text->empty() && text->find_first_of(" \t\r\n") == text->npos;
    if (!word || text->size() > limits::kCongestionBytes)
        return context.refuse(raw.pos, fmt::format("{} is no name of a congestion control algorithm", quoted(*text)));
    out = *text;
    return true;
}

bool read_timestamping(const Raw& raw, const ValueContext& context, Timestamping& out) {
    const auto* text = raw.get<std::string>();
    if (!context.is_unit || text == nullptr) return read_choice(raw, context, out);
    for (const char* word : {"usec", "\u00b5s", "\u03bcs"}) // micro sign, Greek mu
        if (*text == word) {
            out = Timestamping::us;
            return true;
        }
    if (*text == "us" || *text == "ns" || *text == "off") return read_choice(raw, context, out);
    bool on = *text == "nsec";
    if (!on && !read_boolean(raw, context, on)) return false;
    out = on ? Timestamping::ns : Timestamping::off;
    return true;
}

bool read_device(const Raw& raw, const ValueContext& context, std::string& out) {
    Guard guard;
    if (raw.get<Raw::List>() != nullptr) return context.refuse(raw.pos, fmt::format("expected a string, found {}", raw.kind()));
    if (const auto* text = raw.get<std::string>(); text != nullptr && *text == "*") { // systemd's word for none
        out.clear();
        return true;
    }
    if (!read_interfaces(raw, context, guard)) return false;
    out = guard.interfaces.front().value;
    return true;
}

bool read_unix_path(const Raw& raw, const ValueContext& context, std::string& out) {
    const std::string* text = string_of(raw, context);
    if (text == nullptr) return false;
    const bool abstract = text->starts_with('@');
    if (!abstract && !text->starts_with('/'))
        return context.refuse(raw.pos, fmt::format("{} is neither an absolute path nor \"@NAME\"", quoted(*text)));
    if (text->size() < 2 || (!abstract && text->ends_with('/')))
        return context.refuse(raw.pos, fmt::format("{} names no socket", quoted(*text)));
    if (text->size() > limits::kUnixPathBytes) return context.refuse(raw.pos, fmt::format("longer than {} bytes", limits::kUnixPathBytes));
    out = *text;
    return true;
}

bool read_node_mode(const Raw& raw, const ValueContext& context, mode_t& out) { return read_umask(raw, context, out); }

bool read_symlinks(const Raw& raw, const ValueContext& context, std::vector<Placed<std::string>>& out) {
    if (!context.is_unit)
        return each_of_some(raw, context, [&](const Raw& item) {
            const std::string* text = string_of(item, context);
            return text != nullptr && add_symlink(*text, item.pos, context, out);
        });
    const std::string* line = string_of(raw, context);
    if (line == nullptr) return false;
    const auto words = split_words(*line);
    if (!words) return context.refuse(raw.pos, words.error().message);
    bool ok = true;
    for (const Word& word : *words) ok = add_symlink(word.text, raw.pos, context, out) && ok;
    return ok;
}

bool read_listen(const Raw& raw, const ValueContext& context, Protocol protocol, SocketUnit& out) {
    const bool tcp = protocol == Protocol::tcp;
    if (!items_of(raw).empty() && is_unix_name(items_of(raw).front()))
        return read_unix_line(raw, context, tcp ? SocketKind::unix_stream : SocketKind::unix_datagram, out);
    SocketUnit::Line line{tcp ? SocketKind::tcp : SocketKind::udp, {}, {}, raw.pos};
    if (!read_listen_line(raw, context, line.endpoints)) return false;
    out.lines.push_back(std::move(line));
    return true;
}

bool read_listen_seqpacket(const Raw& raw, const ValueContext& context, SocketUnit& out) {
    return read_unix_line(raw, context, SocketKind::unix_seqpacket, out);
}

} // namespace swathe
