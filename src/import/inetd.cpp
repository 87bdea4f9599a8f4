#include "import/inetd.h"

#include "base/prefix.h"
#include "base/text.h"
#include "config/limit_values.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr std::string_view kBlank = " \t\r";
constexpr std::int64_t kPerMinute = 256; ///< starts in a minute where a line says nothing: inetd(8), -R

std::vector<std::string> fields_of(std::string_view line) {
    std::vector<std::string> fields;
    for (std::size_t at = line.find_first_not_of(kBlank); at != line.npos; at = line.find_first_not_of(kBlank, at)) {
        const std::size_t end = std::min(line.find_first_of(kBlank, at), line.size());
        fields.emplace_back(line.substr(at, end - at));
        at = end;
    }
    return fields;
}

/// A line with those that continue it.
struct Entry {
    std::vector<std::string> fields;
    SourcePos pos;
};

std::vector<Entry> entries_of(std::string_view text, SourceFile file) {
    std::vector<Entry> entries;
    std::uint32_t number = 0;
    bool open = false; // may go on
    for (const std::string_view line : split(text, '\n')) {
        ++number;
        const std::vector<std::string> fields = fields_of(line);
        if (fields.empty() || fields.front().starts_with('#')) {
            open = false;
        } else if (open && kBlank.find(line.front()) != kBlank.npos) {
            auto& earlier = entries.back().fields;
            earlier.insert(earlier.end(), fields.begin(), fields.end());
        } else {
            entries.push_back({fields, {file, number, 0}});
            open = true;
        }
    }
    return entries;
}

/// "tcp6,rcvbuf=64k": the protocol, and what belongs to its socket.
struct SocketWords {
    std::string name; ///< "tcp", "udp", "unix"
    bool ipv4 = false, ipv6 = false;
    std::vector<std::string> options;
};

std::optional<SocketWords> protocol_of(std::string_view text) {
    const auto parts = split(text, ',');
    std::string_view name = parts.front();
    SocketWords protocol;
    for (std::size_t i = 1; i < parts.size(); ++i) protocol.options.emplace_back(parts[i]);
    if (name == "unix") return protocol.name = name, protocol;
    const bool both = name.ends_with("46");
    protocol.ipv6 = name.ends_with('6');
    protocol.ipv4 = !protocol.ipv6 || both;
    if (both) name.remove_suffix(1);
    if (name.ends_with('4') || name.ends_with('6')) name.remove_suffix(1);
    if (name != "tcp" && name != "udp") return std::nullopt;
    return protocol.name = name, protocol;
}

class Importer {
public:
    Importer(SourceFile file, const PortOf& ports, Report& report) : file_(file), ports_(ports), report_(report) {}

    std::vector<WrittenService> run(std::string_view text) {
        for (const Entry& entry : entries_of(text, file_)) {
            entry_ = &entry;
            if (entry.fields.size() == 1 && entry.fields.front().ends_with(':'))
                default_address_ = entry.fields.front().substr(0, entry.fields.front().size() - 1);
            else
                add();
        }
        return std::move(services_);
    }

private:
    bool refuse(std::string_view why) { return report_.warning(entry_->pos, "", why), false; }
    [[nodiscard]] const std::string& field(std::size_t number) const { return entry_->fields[number]; }

    void add() {
        if (entry_->fields.size() < 6) return void(refuse("not carried over: expected SERVICE TYPE PROTOCOL WAIT USER PROGRAM [WORD...]"));
        Draft draft(entry_->pos);
        std::string name;
        const bool done = put_socket(draft, name) && put_wait(draft) && put_user(draft) && put_program(draft, name);
        if (!done) return;
        if (auto service = draft.finish(names_, name, report_)) services_.push_back(std::move(*service));
    }

    /// The first three fields.
    bool put_socket(Draft& draft, std::string& name) {
        if (field(2).starts_with("rpc/"))
            return refuse("not carried over: RPC services are registered with a portmapper, which swathe does not do");
        const auto protocol = protocol_of(field(2));
        if (!protocol) return refuse(fmt::format("not carried over: there is no protocol {} here", quoted(field(2))));
        protocol_ = *protocol;
        for (const std::string& option : protocol_.options)
            if (!put_buffer(draft, option)) report_.warning(entry_->pos, "", fmt::format("{} has no counterpart", quoted(option)));
        return protocol_.name == "unix" ? put_unix(draft, name) : put_ip(draft, name);
    }

    static bool put_buffer(Draft& draft, std::string_view option) {
        for (const auto& [prefix, key] : {std::pair{"sndbuf=", "send_buffer"}, {"rcvbuf=", "receive_buffer"}}) {
            if (!option.starts_with(prefix)) continue;
            std::string size(option.substr(std::string_view(prefix).size()));
            if (!size.empty()) size.back() = static_cast<char>(std::toupper(static_cast<unsigned char>(size.back())));
            if (const auto bytes = parse_size(size); !bytes || *bytes == 0) return false;
            draft.listen(key, size);
            return true;
        }
        return false;
    }

    bool put_unix(Draft& draft, std::string& name) {
        const std::string& type = field(1);
        if (type != "stream" && type != "dgram" && type != "seqpacket")
            return refuse(fmt::format("not carried over: no UNIX socket is {}", quoted(type)));
        if (!field(0).starts_with('/')) return refuse(fmt::format("not carried over: {} is no absolute path", quoted(field(0))));
        draft.listen("protocol", fmt::format("unix-{}", type == "dgram" ? "datagram" : type));
        draft.listen("path", field(0));
        name = field(0).substr(field(0).rfind('/') + 1);
        return true;
    }

    bool put_ip(Draft& draft, std::string& name) {
        if (field(1) != (protocol_.name == "tcp" ? "stream" : "dgram"))
            return refuse(fmt::format("not carried over: no {} socket is {}", protocol_.name, quoted(field(1))));
        std::string hosts = default_address_;
        name = field(0);
        if (const std::size_t colon = name.rfind(':'); colon != name.npos) {
            hosts = name.substr(0, colon);
            name.erase(0, colon + 1);
        }
        if (name == "tcpmux" || name.starts_with("tcpmux/")) return refuse("not carried over: there is no TCP port multiplexer here");
        const auto port = port_named(name, protocol_.name, ports_);
        if (!port) return refuse(fmt::format("not carried over: no port is known for {}/{}", name, protocol_.name));
        draft.listen("protocol", protocol_.name);
        draft.listen("ports", Raw::List{Raw{std::int64_t{*port}, entry_->pos}});
        return put_addresses(draft, hosts);
    }

    bool put_addresses(Draft& draft, const std::string& hosts) {
        std::vector<std::string> addresses;
        for (const std::string_view host : split(hosts, ',')) {
            std::string address(host);
            if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
            if (address.empty() || address == "*") {
                if (protocol_.ipv4) addresses.emplace_back("0.0.0.0/0");
                if (protocol_.ipv6) addresses.emplace_back("::/0");
            } else if (const auto known = parse_address(address); known) {
                addresses.push_back(*known == Address::any(known->family) ? address + "/0" : address);
            } else {
                return refuse(fmt::format("not carried over: {} is no address; names of hosts are not looked up", quoted(host)));
            }
        }
        draft.listen("addresses", list_of(addresses));
        return true;
    }

    /// The fourth field, with a limit behind it.
    bool put_wait(Draft& draft) {
        const std::size_t dot = field(3).find_first_of(".:/");
        const std::string wait = field(3).substr(0, dot);
        std::optional<std::int64_t> limit;
        if (dot != wait.npos) {
            limit = number_in(field(3).substr(dot + 1));
            if (!limit) return refuse(fmt::format("not carried over: {} is no limit", quoted(field(3))));
        }
        if (wait != "wait" && wait != "nowait")
            return refuse(fmt::format("not carried over: {} is neither wait nor nowait", quoted(field(3))));
        if (wait == "nowait" && protocol_.name == "unix" && field(1) == "dgram")
            return refuse("not carried over: a UNIX datagram socket has no connections to start an instance for");
        if (wait == "nowait") return put_each(draft, limit);
        draft.serve_all();
        draft.service("start_limit_interval_sec", std::string("1min"));
        draft.service("start_limit_burst", limit.value_or(kPerMinute));
        return true;
    }

    bool put_each(Draft& draft, std::optional<std::int64_t> limit) {
        draft.serve_each();
        if (limit && protocol_.name == "unix")
            report_.warning(entry_->pos, "", "a UNIX socket has no limit of connections per minute");
        else if (limit)
            draft.listen("connection_rate", fmt::format("{}/min", *limit));
        if (protocol_.name == "udp")
            report_.warning(entry_->pos, "", "each client has an instance and a socket of its own here, not each datagram");
        return true;
    }

    static std::optional<std::int64_t> number_in(std::string_view text) {
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
        const bool whole = error == std::errc{} && end == text.data() + text.size();
        return whole && number > 0 && number <= 1000000 ? std::optional(number) : std::nullopt;
    }

    /// "user", "user.group", "user:group"; a login class behind "/" is BSD's.
    bool put_user(Draft& draft) {
        const std::string& text = field(4);
        if (text.find('/') != text.npos)
            return refuse(fmt::format("not carried over: {} has a login class, which Linux has none of", quoted(text)));
        const std::size_t end = std::min(text.find(':') != text.npos ? text.find(':') : text.find('.'), text.size());
        draft.service("user", text.substr(0, end));
        if (end < text.size()) draft.service("group", text.substr(end + 1));
        return true;
    }

    bool put_program(Draft& draft, std::string& name) {
        const std::string& program = field(5);
        if (program == "internal") {
            const auto own = builtin_program(name);
            if (!own) return refuse(fmt::format("not carried over: no program does what inetd's own {} does", quoted(name)));
            draft.run(*own, {*own});
            return true;
        }
        if (!program.starts_with('/')) return refuse(fmt::format("not carried over: {} is no absolute path", quoted(program)));
        std::vector<std::string> argv(entry_->fields.begin() + 6, entry_->fields.end());
        if (argv.empty()) argv.push_back(program.substr(program.rfind('/') + 1));
        draft.run(program, std::move(argv));
        if (std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; }))
            name = program.substr(program.rfind('/') + 1);
        return true;
    }

    SourceFile file_;
    const PortOf& ports_;
    Report& report_;
    Names names_;
    std::vector<WrittenService> services_;
    const Entry* entry_ = nullptr;
    SocketWords protocol_;
    std::string default_address_ = "*";
};

} // namespace

std::vector<WrittenService> import_inetd(std::string_view text, SourceFile file, const PortOf& ports, Report& report) {
    return Importer(file, ports, report).run(text);
}

} // namespace swathe
