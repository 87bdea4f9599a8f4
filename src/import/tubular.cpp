#include "import/tubular.h"

#include "base/prefix.h"
#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace swathe {
namespace {

using Json = nlohmann::json;

std::optional<unsigned> number_in(std::string_view text) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

/// Bits behind the length do not count, as in Go's net.ParseCIDR().
std::optional<std::string> prefix_in(std::string_view text) {
    const std::size_t slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == text.npos) return address->to_string();
    const auto length = number_in(text.substr(slash + 1));
    if (!length || *length > (address->family == Family::ipv4 ? 32U : 128U)) return std::nullopt;
    return prefix_of(*address, *length).to_string();
}

struct Binding {
    std::string protocol, prefix;
    unsigned port = 0; ///< 0 = all
    friend bool operator==(const Binding&, const Binding&) noexcept = default;
};

using Words = std::vector<std::string>;

/// The words of each command of a line. Comments, and where output goes, are the shell's.
std::vector<Words> commands_of(std::string_view line) {
    std::vector<Words> commands(1);
    bool is_file = false; // the word behind ">"
    for (const std::string_view part : split(line, ' ')) {
        std::string_view word = trim(part);
        if (word.starts_with('#')) break;
        if (word.empty() || std::exchange(is_file, word.ends_with('>') || word.ends_with('<'))) continue;
        if (word.find_first_of("<>") != word.npos) continue;
        for (std::size_t end = word.find_first_of(";&|()"); end != word.npos; end = word.find_first_of(";&|()")) {
            if (end > 0) commands.back().emplace_back(word.substr(0, end));
            commands.emplace_back();
            word.remove_prefix(end + 1);
        }
        if (!word.empty()) commands.back().emplace_back(word);
    }
    return commands;
}

bool is_tubectl(std::string_view word) { return word == "tubectl" || word.ends_with("/tubectl"); }

class Importer {
public:
    Importer(SourceFile file, Report& report) : pos_{file, 0, 0}, report_(report) {}

    std::vector<WrittenService> run(std::string_view text) {
        const std::size_t begin = text.find_first_not_of(" \t\r\n");
        if (begin != text.npos && text[begin] == '{')
            read_json(text);
        else
            read_lines(text);
        std::vector<WrittenService> services;
        for (const auto& [label, bindings] : labels_)
            if (auto service = service_of(label, bindings)) services.push_back(std::move(*service));
        return services;
    }

private:
    void wrong(std::string_view why) { report_.error(pos_, "", why); }
    void left_out(std::string_view why) { report_.warning(pos_, "", why); }

    void read_json(std::string_view text) {
        const Json root = Json::parse(text, nullptr, false);
        const auto list = root.is_object() ? root.find("bindings") : root.end();
        if (!root.is_object() || list == root.end() || !list->is_array()) return wrong("expected JSON with a list \"bindings\"");
        std::size_t number = 0;
        for (const Json& item : *list) {
            ++number;
            const auto text_of = [&](const char* key) {
                const auto found = item.is_object() ? item.find(key) : item.end();
                return item.is_object() && found != item.end() && found->is_string() ? found->get<std::string>() : std::string();
            };
            const auto prefix = prefix_in(text_of("prefix"));
            if (text_of("label").empty() || !prefix) {
                wrong(fmt::format("binding {}: expected a label and a prefix", number));
                continue;
            }
            for (const char* protocol : {"tcp", "udp"}) add(text_of("label"), {protocol, *prefix, 0});
        }
    }

    void read_lines(std::string_view text) {
        for (const std::string_view whole : split(text, '\n')) {
            ++pos_.line;
            for (const Words& words : commands_of(whole)) read_shell(words);
        }
    }

    /// A command that only looks like a binding may be one by another name of the program.
    void read_shell(const Words& words) {
        const auto name = std::find_if(words.begin(), words.end(), is_tubectl);
        if (name != words.end()) return read_command({name + 1, words.end()});
        const auto verb = std::find_if(words.begin(), words.end(), [](const auto& word) { return word == "bind" || word == "unbind"; });
        if (words.end() - verb == 5) left_out("not carried over: whether it is tubectl's is not known");
    }

    /// `words`: [OPTION...] VERB [WORD...], as tubectl(1) takes them.
    void read_command(Words words) {
        while (!words.empty() && words.front().starts_with('-')) {
            const bool has_value = words.front().find('=') != std::string::npos || words.size() == 1;
            if (words.front().find("netns") != std::string::npos)
                left_out("what is bound in another network namespace needs netns in its listener");
            words.erase(words.begin(), words.begin() + (has_value ? 1 : 2));
        }
        if (words.empty()) return;
        const std::string verb = words.front();
        words.erase(words.begin());
        if (verb == "bind" || verb == "unbind") return read_binding(verb, words);
        if (verb == "load-bindings") return left_out("not carried over: its file is to be imported by itself");
        if (verb.starts_with("register")) left_out("not carried over: sockets are opened and passed on by swathed");
    }

    void read_binding(const std::string& verb, const Words& words) {
        if (words.size() != 4) return wrong(fmt::format("expected tubectl {} LABEL PROTOCOL PREFIX PORT", verb));
        const auto port = number_in(words[3]);
        const auto prefix = prefix_in(words[2]);
        if (words[1] != "tcp" && words[1] != "udp") return wrong(fmt::format("{} is no protocol", swathe::quoted(words[1])));
        if (!prefix) return wrong(fmt::format("{} is no prefix", swathe::quoted(words[2])));
        if (!port || *port > 65535) return wrong(fmt::format("{} is no port", swathe::quoted(words[3])));
        const Binding binding{words[1], *prefix, *port};
        verb == "bind" ? add(words[0], binding) : take_back(words[0], binding);
    }

    void take_back(const std::string& label, const Binding& binding) {
        const auto found = labels_.find(label);
        if (found == labels_.end() || std::erase(found->second, binding) == 0)
            return left_out("not carried over: there is no such binding before it");
        if (found->second.empty()) labels_.erase(found);
    }

    void add(const std::string& label, Binding binding) {
        places_.try_emplace(label, pos_);
        labels_[label].push_back(std::move(binding));
    }

    /// One listener for all prefixes of a protocol that have the same port.
    std::optional<WrittenService> service_of(const std::string& label, const std::vector<Binding>& bindings) {
        const SourcePos pos = places_.at(label);
        std::map<std::pair<std::string, unsigned>, std::vector<std::string>> listeners;
        for (const Binding& binding : bindings) listeners[{binding.protocol, binding.port}].push_back(binding.prefix);
        std::optional<WrittenService> service;
        for (const auto& [key, prefixes] : listeners) {
            auto part = listener_of(label, key.first, key.second, prefixes, listeners.size() > 1);
            if (!part) return std::nullopt;
            if (!service)
                service = std::move(part);
            else
                service->text.listeners.push_back(std::move(part->text.listeners.front()));
        }
        service->name = names_.take(label);
        report_.warning(pos, "",
                        fmt::format("which program serves {} is not said here; exec_start is only a guess", swathe::quoted(label)));
        return service;
    }

    std::optional<WrittenService> listener_of(const std::string& label, const std::string& protocol, unsigned port,
                                              const std::vector<std::string>& prefixes, bool named) {
        Draft draft(places_.at(label));
        draft.listen("protocol", protocol);
        if (named) draft.listen("name", port == 0 ? protocol : fmt::format("{}-{}", protocol, port));
        draft.listen("addresses", list_of(prefixes));
        draft.listen("ports",
                     port == 0 ? RawValue(Raw::List{Raw{std::string("all"), pos_}}) : RawValue(Raw::List{Raw{std::int64_t{port}, pos_}}));
        draft.run(label, {label});
        Names unused;
        return draft.finish(unused, label, report_);
    }

    SourcePos pos_;
    Report& report_;
    Names names_;
    std::map<std::string, std::vector<Binding>> labels_;
    std::map<std::string, SourcePos> places_;
};

} // namespace

std::vector<WrittenService> import_tubular(std::string_view text, SourceFile file, Report& report) {
    return Importer(file, report).run(text);
}

} // namespace swathe
