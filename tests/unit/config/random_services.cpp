#include "random_services.h"

#include "config/build.h"
#include "config/canonical.h"
#include "config/toml_reader.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

using T = ValueType;
using Literals = std::vector<std::string>; ///< values as TOML has them

/// What may be tried for a type: a reader refuses what is not for it.
Literals literals_of(const Directive& d, const std::vector<std::string>& others, const std::string& list) {
    switch (d.type) {
    case T::boolean: return {"true", "false"};
    case T::choice:
    case T::protocols: {
        Literals words;
        for (const std::string_view word : d.choices()) words.push_back(fmt::format("\"{}\"", word));
        words.emplace_back("true");
        return words;
    }
    case T::count: return {"0", "1", "4", "-7", "19", "500", "2147483647", "\"unlimited\""};
    case T::decimal: return {"4", "2.5", "0.125"};
    case T::day_times: return {"\"8:00-18:00\"", "[\"22:00-06:30\", \"12:00-24:00\"]"};
    case T::log_fields: return {"\"host\"", "[\"pid\", \"duration\", \"bytes\"]", "[]"};
    case T::rate: return {"\"100/s\"", "\"5/2h\"", "\"unlimited\""};
    case T::quoted_text: return {"\"Hello\"", "\" two\\r\\n 100% \\\"x\\\" \\\\n\\n\"", "\"\""};
    case T::time_span: return {"0", "5", "1.5", "\"2min 3s\"", "\"infinity\"", "\"250ms\"", "\"1h\""};
    case T::octal: return {"\"0\"", "\"77\"", "\"0750\"", "\"2770\""};
    case T::limit:
        return {"7", "\"64K:infinity\"", "\"1G 512M\"", "\"infinity\"", "\"1min 30s\"", "\"-5\"", "\"1024:4096\""};
    case T::amount: return {"7", "\"64M\"", "\"12.5%\"", "\"infinity\"", "\"1.5G\""};
    case T::size: return {"4096", "\"64K\"", "\"1M 1K\""};
    case T::percentage: return {"\"50%\"", "\"150.5%\""};
    case T::account: return {"\"web\"", "33", "\"a.b\""};
    case T::accounts: return {"\"adm\"", "[\"adm\", 4]"};
    case T::signal: return {"\"HUP\"", "\"SIGUSR1\"", "12", "\"RTMIN+3\""};
    case T::statuses: return {"3", "[3, \"TEMPFAIL\", \"KILL\"]", "\"SIGUSR2\""};
    case T::error_number: return {"\"EPERM\"", "13", "\"kill\""};
    case T::processors: return {"3", "[7, \"0-2, 4\"]", "\"1 2\""};
    case T::ports: return {"80", "[80, 443, \"8000-8999\"]", "\"all\""};
    case T::addresses:
        return {"\"192.0.2.0/24\"", "[\"192.0.2.1\", \"2001:db8::/64\", \"198.51.100.3-198.51.100.9\"]",
                "[\"0.0.0.0/0\", \"::/0\"]"};
    case T::prefixes: return {"\"203.0.113.0/24\"", "[\"203.0.113.7\", \"2001:db8:9::/48\"]"};
    case T::endpoints: return {"\"192.0.2.7:22\"", "[\"192.0.2.9\", \"192.0.2.0/30:80,90-99\", \"[2001:db8::1]:*\"]"};
    case T::interfaces: return {"\"eth0\"", "[\"eth0\", \"eth1\"]"};
    case T::socket_address: return {"\"192.0.2.1:80\"", "\"[::]:81\"", "\"0.0.0.0:82\""};
    case T::netns: return {"\"blue\"", "\"/run/netns/two words\""};
    case T::name: return {"\"http\"", "\"a b\"", "\"100%\""};
    case T::text: return {"\"Plain\"", "\"100% of \\\"it\\\", 'all'\"", "\"; no comment\"", "\"a\\\\b\""};
    case T::path:
        return {"\"/srv/a b\"", "\"-/srv/%x\"", "[\"/etc/x\", \"-/etc/y z\"]", fmt::format("\"{}\"", list), "\"~\""};
    case T::paths: return {"\"/srv/a b\"", "[\"-/opt\", \"+/m%nt\", \"-+/x\\\"y\"]"};
    case T::names: return {"\"TZ\"", "[\"A\", \"B\"]", "[\"A=x y\", \"C\"]"};
    case T::directories: return {"\"web\"", "[\"web/a b\", \"50%\"]"};
    case T::stream:
        return {"\"null\"",    "\"journal\"",       "\"append:/var/log/a b\"",
                "\"inherit\"", "\"truncate:/x%y\"", "\"file:/etc/z\""};
    case T::capabilities:
        return {"\"CAP_CHOWN\"", "[\"CAP_CHOWN CAP_KILL\", \"~CAP_KILL\"]", "[]", "\"~CAP_SYS_ADMIN\"",
                "[\"CAP_KILL\", \"\"]"};
    case T::system_calls: return {"\"@system-service\"", "[\"read write\", \"~write:EPERM\"]", "\"~@mount\""};
    case T::address_families: return {"\"AF_UNIX AF_INET\"", "[\"AF_INET AF_INET6\", \"~AF_INET6\"]", "\"none\""};
    case T::namespaces: return {"true", "\"net ipc\"", "[\"~user\", \"pid\"]"};
    case T::architectures: return {"\"native\"", "[\"native\", \"x86\"]"};
    case T::commands:
        return {"\"/bin/a $X ${Y} 'b c' \\\\;\"", "[\"/bin/b\", \"a b\", \"%n $HOME\", \"\", \"q\\\"\\\\\", \";\"]",
                "[[\"/bin/c\"], [\"/bin/d\", \"e\\nf\"]]", "\"-/bin/e ; +:/bin/f $Z ; @/bin/g h i%%j\"",
                "\"!/bin/k %n\""};
    case T::environment: return {"{ A = \"1 2\", B = \"\\\"%h\\\"\" }", "[\"B=x\", \"A=\", \"B=y\\\\z\"]"};
    case T::conditions:
        return {"\"/srv/a b\"", "[\"|/etc/x\", \"|!/etc/50%\"]", "\">=64M\"", "[\"4\", \"!=7\"]", "\"yes\"", "\"CAP_KILL\"",
                "[\"!>=5.4 '<=99'\", \"*\"]", "\"ID=debian \\\"NAME=a b\\\"\""};
    case T::services: {
        Literals names;
        if (d.toml_key == "before" || d.toml_key == "conflicts") return {"[\"z\"]"}; // of others this would contradict what else is said
        for (const std::string& other : others) names.push_back(fmt::format("[\"{}\"]", other));
        return names;
    }
    }
    return {};
}

bool is_sound(const std::string& name, const std::string& text) {
    Report report;
    const auto root = read_toml(text, SourceFile("random.toml"));
    if (!root) return false;
    TomlService service;
    service.accepts = accept_in(*root).value_or(false);
    merge_toml_service(service, name, *root, SourceFile("random.toml"), report);
    return build_service(service, name, report).has_value() && !report.has_errors();
}

class Maker {
public:
    Maker(std::mt19937& random, std::string name, const std::vector<std::string>& others, const std::string& list)
        : random_(random), name_(std::move(name)), others_(others), list_(list) {}

    std::string run() {
        const std::size_t count = 1 + random_() % 3;
        for (std::size_t i = 0; i < count; ++i) {
            listeners_.push_back(random_() % 4 == 0 ? unix_listener(i) : ip_listener());
            if (count > 1) listeners_.back() += fmt::format("name = \"{}{}\"\n", pick({"a", "z 1", "m"}), i);
        }
        service_ = "exec_start = [\"/bin/true\"]\n";
        const bool accepts = count == 1 && random_() % 2 == 0; // such a .socket unit has a service of its own
        if (accepts) service_ += "accept = true\n";
        else service_ += "accept = false\n";
        if (accepts && !is_sound(name_, text())) service_ = "exec_start = [\"/bin/true\"]\n";
        vary(file_, Scope::file);
        for (std::string& listener : listeners_) vary(listener, Scope::listen);
        vary(service_, Scope::service);
        return text();
    }

private:
    std::string ip_listener() {
        const std::string claim = random_() % 4 == 0
                                      ? fmt::format("addresses_file = \"{}\"\n", list_)
                                      : fmt::format("addresses = {}\n", pick({"\"192.0.2.1\"", "[\"192.0.2.0/28\", \"2001:db8::1\"]"}));
        return fmt::format("protocol = \"{}\"\nports = {}\n{}", pick({"tcp", "udp"}), pick({"80", "[81, \"90-99\"]", "\"all\""}), claim);
    }

    std::string unix_listener(std::size_t number) {
        return fmt::format("protocol = \"{}\"\npath = \"{}{}{}\"\n", pick({"unix-stream", "unix-datagram", "unix-seqpacket"}),
                           pick({"/run/x%n/", "@abstract", "/run/web.sock"}), name_, number); // no two have one path
    }

    std::string pick(const Literals& all) { return all[random_() % all.size()]; }

    [[nodiscard]] std::string text() const {
        std::string out = file_;
        for (const std::string& listener : listeners_) out += "[[listen]]\n" + listener;
        return out + "[service]\n" + service_;
    }

    /// Adds a third of the keys, each if the whole is still valid.
    void vary(std::string& block, Scope scope) {
        std::vector<const Directive*> keys;
        for (const Directive& d : directives())
            if (d.scope == scope && !d.toml_key.empty() && random_() % 3 == 0) keys.push_back(&d);
        std::shuffle(keys.begin(), keys.end(), random_);
        for (const Directive* d : keys) {
            const Literals literals = literals_of(*d, others_, list_);
            if (literals.empty() || ("\n" + block).find(fmt::format("\n{} =", d->toml_key)) != std::string::npos)
                continue;
            const std::string before = block;
            for (int tries = 0; tries < 3 && block == before; ++tries) {
                block += fmt::format("{} = {}\n", d->toml_key, pick(literals));
                if (!is_sound(name_, text())) block = before;
            }
        }
    }

    std::mt19937& random_;
    std::string name_;
    const std::vector<std::string>& others_;
    const std::string& list_;
    std::string file_, service_;
    std::vector<std::string> listeners_;
};

} // namespace

std::string random_service(std::mt19937& random, const std::string& name, const std::vector<std::string>& others,
                           const std::string& list) {
    return Maker(random, name, others, list).run();
}

} // namespace swathe
