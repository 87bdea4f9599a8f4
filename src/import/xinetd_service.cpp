#include "import/xinetd_service.h"

#include "base/prefix.h"
#include "base/text.h"
#include "config/limit_values.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace swathe {
namespace {

template <class N> std::optional<N> number_of(std::string_view text) {
    N value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return !text.empty() && error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// "128.138.0.0" and "128.138" are all of 128.138: zeros at the end stand for anything.
std::optional<std::string> network_of(std::string_view text) {
    std::uint32_t address = 0;
    unsigned parts = 0, known = 0;
    for (const std::string_view part : split(text, '.')) {
        const auto number = number_of<std::uint8_t>(part);
        if (!number || ++parts > 4) return std::nullopt;
        address = address << 8 | *number;
        if (*number != 0) known = parts;
    }
    address <<= 8 * (4 - parts);
    return fmt::format("{}/{}", Address::v4(address).to_string(), 8 * known);
}

/// "10.1.2.3/8": bits behind the length do not count.
std::optional<std::string> masked(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    const auto length = number_of<std::uint8_t>(text.substr(slash + 1));
    if (!address || !length || *length > (address->family == Family::ipv4 ? 32 : 128)) return std::nullopt;
    return prefix_of(*address, *length).to_string();
}

/// What only_from and no_access say in one word: several prefixes where it is factorised. Nothing = no numbers.
std::optional<std::vector<std::string>> sources_of(std::string_view word) {
    std::vector<std::string> all;
    const std::size_t brace = word.find('{');
    if (brace != word.npos && word.ends_with('}')) {
        for (const std::string_view part : split(word.substr(brace + 1, word.size() - brace - 2), ',')) {
            const auto one = network_of(fmt::format("{}{}", word.substr(0, brace), part));
            if (!one) return std::nullopt;
            all.push_back(*one);
        }
        return all;
    }
    std::optional<std::string> one = word.find('/') != word.npos ? masked(word) : network_of(word);
    if (!one && parse_address(word)) one = std::string(word);
    if (!one) return std::nullopt;
    return std::vector{*one};
}

bool is_unlimited(std::string_view text) { return text == "UNLIMITED"; }

/// Attributes and the keys that say the same.
constexpr std::pair<std::string_view, std::string_view> kKeys[] = {
    {"banner", "banner_file"},   {"instances", "max_connections"}, {"per_source", "max_connections_per_source"},
    {"rlimit_as", "limit_as"},   {"rlimit_cpu", "limit_cpu"},      {"rlimit_data", "limit_data"},
    {"rlimit_rss", "limit_rss"}, {"rlimit_stack", "limit_stack"},  {"rlimit_files", "limit_nofile"},
    {"env", "environment"},      {"passenv", "pass_environment"},  {"access_times", "access_times"}};

std::string_view key_for(std::string_view attribute) {
    for (const auto& [name, key] : kKeys)
        if (name == attribute) return key;
    return attribute;
}

} // namespace

struct XinetdService::Handler {
    std::string_view attribute;
    Put put;
    bool each_only = false; ///< means nothing where one process has the socket alone
};

const XinetdService::Handler XinetdService::kHandlers[] = {
    {"id", &XinetdService::put_nothing},
    {"type", &XinetdService::put_nothing},
    {"disable", &XinetdService::put_nothing},
    {"flags", &XinetdService::put_flags},
    {"socket_type", &XinetdService::put_nothing},
    {"protocol", &XinetdService::put_nothing},
    {"wait", &XinetdService::put_nothing},
    {"user", &XinetdService::put_nothing},
    {"group", &XinetdService::put_nothing},
    {"server", &XinetdService::put_nothing},
    {"server_args", &XinetdService::put_nothing},
    {"port", &XinetdService::put_nothing},
    {"bind", &XinetdService::put_nothing},
    {"interface", &XinetdService::put_nothing},
    {"groups", &XinetdService::put_nothing},
    {"only_from", &XinetdService::put_sources},
    {"no_access", &XinetdService::put_sources},
    {"instances", &XinetdService::put_limit, true},
    {"per_source", &XinetdService::put_limit, true},
    {"cps", &XinetdService::put_rate},
    {"max_load", &XinetdService::put_load, true},
    {"access_times", &XinetdService::put_list, true},
    {"nice", &XinetdService::put_nice},
    {"umask", &XinetdService::put_umask},
    {"env", &XinetdService::put_list},
    {"passenv", &XinetdService::put_list},
    {"banner", &XinetdService::put_text, true},
    {"log_on_success", &XinetdService::put_log, true},
    {"log_on_failure", &XinetdService::put_log, true},
    {"rlimit_as", &XinetdService::put_resource},
    {"rlimit_cpu", &XinetdService::put_resource},
    {"rlimit_data", &XinetdService::put_resource},
    {"rlimit_rss", &XinetdService::put_resource},
    {"rlimit_stack", &XinetdService::put_resource},
    {"rlimit_files", &XinetdService::put_resource}};

bool XinetdService::refuse(std::string_view why) {
    report_.warning(section_.pos, "", fmt::format("not carried over: {}", why));
    return false;
}

bool XinetdService::left_out(const XinetdAttribute& attribute, std::string_view why) {
    report_.warning(attribute.pos, attribute.name, why);
    return true;
}

const XinetdAttribute* XinetdService::find(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : &found->second;
}

std::string XinetdService::first(std::string_view name) const {
    const XinetdAttribute* const attribute = find(name);
    return attribute == nullptr || attribute->values.empty() ? std::string() : attribute->values.front();
}

bool XinetdService::has_word(std::string_view name, std::string_view word) const {
    const XinetdAttribute* const attribute = find(name);
    return attribute != nullptr && std::find(attribute->values.begin(), attribute->values.end(), word) != attribute->values.end();
}

std::optional<WrittenService> XinetdService::run(Names& names, const std::string& name) {
    if (first("disable") == "yes") return refuse("it is disabled"), std::nullopt;
    const bool done = put_kind() && put_socket() && put_address() && put_program() && put_rest();
    return done ? draft_.finish(names, name, report_) : std::nullopt;
}

bool XinetdService::put_kind() {
    for (const auto& [type, why] : {std::pair{"RPC", "RPC services are registered with a portmapper, which swathe does not do"},
                                    {"TCPMUX", "there is no TCP port multiplexer here"},
                                    {"TCPMUXPLUS", "there is no TCP port multiplexer here"}})
        if (has_word("type", type)) return refuse(why);
    if (find("redirect") != nullptr) return refuse("redirect needs a program that does it, such as systemd-socket-proxyd(8)");
    if (has_word("flags", "SENSOR")) return refuse("a sensor serves nobody");
    internal_ = has_word("type", "INTERNAL");
    if (internal_ && !builtin_program(section_.name))
        return refuse(fmt::format("no program does what xinetd's own {} does", quoted(section_.name)));
    return true;
}

bool XinetdService::put_socket() {
    const std::string type = first("socket_type");
    if (type != "stream" && type != "dgram") return refuse(fmt::format("there are no sockets of type {} here", quoted(type)));
    protocol_ = type == "stream" ? "tcp" : "udp";
    const std::string said = first("protocol");
    if (!said.empty() && said.substr(0, 3) != protocol_) return refuse(fmt::format("no {} socket speaks {}", type, quoted(said)));
    const auto port = port_named(first("port").empty() ? section_.name : first("port"), protocol_, ports_);
    if (!port) return refuse(fmt::format("no port is known for {}/{}", section_.name, protocol_));
    draft_.listen("protocol", protocol_);
    draft_.listen("ports", Raw::List{Raw{std::int64_t{*port}, section_.pos}});
    const std::string wait = first("wait");
    if (wait != "yes" && wait != "no") return refuse("it does not say whether to wait");
    each_ = wait == "no";
    if (each_)
        draft_.serve_each();
    else
        draft_.serve_all();
    return true;
}

bool XinetdService::put_address() {
    const std::string bind = first("bind").empty() ? first("interface") : first("bind");
    if (!bind.empty()) {
        if (!parse_address(bind)) return refuse(fmt::format("{} is no address; names of hosts are not looked up", quoted(bind)));
        draft_.listen("addresses", list_of({bind}));
        return true;
    }
    const bool ipv6 = has_word("flags", "IPv6") || first("protocol").ends_with('6');
    draft_.listen("addresses", ipv6 ? list_of({"0.0.0.0/0", "::/0"}) : list_of({"0.0.0.0/0"}));
    return true;
}

bool XinetdService::put_program() {
    if (!first("user").empty()) draft_.service("user", first("user"));
    if (!first("group").empty()) draft_.service("group", first("group"));
    std::string server = first("server");
    if (internal_) server = *builtin_program(section_.name);
    if (!server.starts_with('/'))
        return refuse(server.empty() ? "it has no server" : fmt::format("{} is no absolute path", quoted(server)));
    const XinetdAttribute* const args = find("server_args");
    std::vector<std::string> argv = args == nullptr || internal_ ? std::vector<std::string>() : args->values;
    if (!has_word("flags", "NAMEINARGS") || argv.empty())
        argv.insert(argv.begin(), internal_ ? server : server.substr(server.rfind('/') + 1));
    draft_.run(server, std::move(argv));
    return true;
}

bool XinetdService::put_flags(const XinetdAttribute& attribute) {
    for (const std::string& flag : attribute.values) {
        if (flag == "NODELAY" && protocol_ == "tcp") draft_.listen("no_delay", true);
        if (flag == "KEEPALIVE" && protocol_ == "tcp") draft_.listen("keep_alive", true);
        if (flag == "INTERCEPT" || flag == "LABELED") (void)left_out(attribute, fmt::format("{} has no counterpart", flag));
    }
    return true;
}

bool XinetdService::put_rest() {
    for (const auto& [name, attribute] : values_) {
        const auto known = std::find_if(std::begin(kHandlers), std::end(kHandlers),
                                        [&wanted = attribute.name](const Handler& h) { return h.attribute == wanted; });
        if (known == std::end(kHandlers)) {
            (void)left_out(attribute, "has no counterpart");
        } else if (known->each_only && !each_) {
            if (name != "instances") (void)left_out(attribute, "has no counterpart where one process has the socket alone");
        } else if (!(this->*known->put)(attribute)) {
            return false;
        }
    }
    compare_sources();
    return true;
}

/// Of two that fit xinetd takes the longer prefix.
void XinetdService::compare_sources() {
    const XinetdAttribute* const allowed = find("only_from");
    const XinetdAttribute* const refused = find("no_access");
    if (allowed == nullptr || refused == nullptr) return;
    const auto prefixes = [](const XinetdAttribute& attribute) {
        std::vector<Prefix> all;
        for (const std::string& word : attribute.values)
            for (const std::string& source : sources_of(word).value_or(std::vector<std::string>()))
                if (const auto prefix = parse_prefix(source)) all.push_back(*prefix);
        return all;
    };
    for (const Prefix& inner : prefixes(*allowed))
        for (const Prefix& outer : prefixes(*refused))
            if (outer.contains(inner))
                (void)left_out(*refused, fmt::format("keeps out {} here, though only_from has it: xinetd lets the longer prefix win",
                                                     inner.to_string()));
}

bool XinetdService::put_nothing(const XinetdAttribute&) { return true; }

bool XinetdService::put_text(const XinetdAttribute& attribute) {
    if (attribute.values.size() != 1 || !attribute.values.front().starts_with('/')) return left_out(attribute, "is no absolute path");
    if (protocol_ == "udp") return left_out(attribute, "has no counterpart for UDP");
    draft_.service(key_for(attribute.name), attribute.values.front());
    return true;
}

bool XinetdService::put_limit(const XinetdAttribute& attribute) {
    if (attribute.values.size() == 1 && is_unlimited(attribute.values.front())) return true; // so it is anyway
    const auto number = attribute.values.size() == 1 ? number_of<std::int32_t>(attribute.values.front()) : std::nullopt;
    if (!number || *number < 1) return left_out(attribute, "is no number");
    draft_.service(key_for(attribute.name), std::int64_t{*number});
    if (attribute.name == "per_source") draft_.service("source_prefix_ipv6", std::int64_t{128}); // it counts addresses
    return true;
}

bool XinetdService::put_resource(const XinetdAttribute& attribute) {
    if (attribute.values.size() != 1) return left_out(attribute, "is no limit");
    const std::string& text = attribute.values.front();
    if (!is_unlimited(text) && !parse_size(text)) return left_out(attribute, "is no limit");
    draft_.service(key_for(attribute.name), is_unlimited(text) ? std::string("infinity") : text);
    return true;
}

/// "cps = RATE SECONDS": xinetd turns the service off for so long.
bool XinetdService::put_rate(const XinetdAttribute& attribute) {
    const auto rate = attribute.values.empty() ? std::nullopt : number_of<std::int32_t>(attribute.values.front());
    if (!rate || *rate < 1 || *rate > 1000000) return left_out(attribute, "is no rate");
    draft_.listen("connection_rate", fmt::format("{}/s", *rate));
    return true;
}

bool XinetdService::put_load(const XinetdAttribute& attribute) {
    const auto load = attribute.values.size() == 1 ? number_of<double>(attribute.values.front()) : std::nullopt;
    if (!load || !(*load >= 0.01 && *load <= 1000000)) return left_out(attribute, "is no load average");
    draft_.service("max_load", *load);
    return true;
}

bool XinetdService::put_nice(const XinetdAttribute& attribute) {
    const auto nice = attribute.values.size() == 1 ? number_of<std::int32_t>(attribute.values.front()) : std::nullopt;
    if (!nice || *nice < -20 || *nice > 19) return left_out(attribute, "is no nice value");
    draft_.service("nice", std::int64_t{*nice});
    return true;
}

bool XinetdService::put_umask(const XinetdAttribute& attribute) {
    const std::string text = attribute.values.size() == 1 ? attribute.values.front() : std::string();
    if (text.empty() || text.size() > 4 || text.find_first_not_of("01234567") != text.npos) return left_out(attribute, "is no file mode");
    draft_.service("umask", text);
    return true;
}

bool XinetdService::put_list(const XinetdAttribute& attribute) {
    if (!attribute.values.empty()) draft_.service(key_for(attribute.name), list_of(attribute.values));
    return true;
}

bool XinetdService::put_log(const XinetdAttribute& attribute) {
    constexpr std::pair<std::string_view, std::string_view> kFields[] = {{"HOST", "host"},     {"PID", "pid"},   {"DURATION", "duration"},
                                                                         {"TRAFFIC", "bytes"}, {"EXIT", "exit"}, {"ATTEMPT", "host"}};
    std::vector<std::string> fields;
    for (const std::string& word : attribute.values) {
        const auto known = std::find_if(std::begin(kFields), std::end(kFields), [&](const auto& field) { return field.first == word; });
        if (known == std::end(kFields))
            (void)left_out(attribute, fmt::format("{} has no counterpart", quoted(word)));
        else if (std::find(fields.begin(), fields.end(), known->second) == fields.end())
            fields.emplace_back(known->second);
    }
    if (!fields.empty()) draft_.service(attribute.name, list_of(fields));
    return true;
}

/// What lets fewer in than before may be left out; what lets more in may not.
bool XinetdService::put_sources(const XinetdAttribute& attribute) {
    const bool allows = attribute.name == "only_from";
    std::vector<std::string> all;
    for (const std::string& word : attribute.values) {
        const auto sources = sources_of(word);
        if (!sources && !allows)
            return refuse(fmt::format("no_access has {}, which is no address, and would let in who was kept out", quoted(word)));
        if (!sources)
            (void)left_out(attribute, fmt::format("{} is no address: nobody is let in by it", quoted(word)));
        else
            all.insert(all.end(), sources->begin(), sources->end());
    }
    if (all.empty()) return !allows || refuse("only_from lets nobody in");
    draft_.listen(allows ? "from" : "except_from", list_of(all));
    return true;
}

} // namespace swathe
