#include "ctl/parse.h"

#include "base/text.h"
#include "ctl/help.h"
#include "supervise/stream_view.h"

#include <charconv>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace swathe::ctl {
namespace {

/// A decimal number in least..most.
std::optional<std::uint64_t> number_in(std::string_view text, std::uint64_t most, std::uint64_t least = 1) {
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most) return std::nullopt;
    return number;
}

/// Seconds with or without a fraction.
std::optional<std::chrono::milliseconds> interval_in(std::string_view text) {
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size() || !(seconds >= 0 && seconds <= 3600)) return std::nullopt;
    const auto interval = std::chrono::round<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
    if (interval < kShortestInterval || interval > kLongestInterval) return std::nullopt;
    return interval;
}

/// Seconds with or without a fraction, at most a year.
std::optional<Duration> pause_in(std::string_view text) {
    double seconds = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
    if (error != std::errc{} || end != text.data() + text.size() || !(seconds >= 0.001 && seconds <= 31536000)) return std::nullopt;
    return std::chrono::round<Duration>(std::chrono::duration<double>(seconds));
}

/// Where CLI11 puts what it reads; its addresses are CLI11's until the parse is over.
struct OptionSlot {
    std::string name;
    std::string value;
    bool flag = false;
    CLI::Option* option = nullptr;
};
struct VerbSlot {
    const Command* command = nullptr;
    CLI::App* app = nullptr;
    std::vector<std::string> words;
};

class Parser {
public:
    Parser() : app_("", "swathectl") {
        app_.require_subcommand(1); // exactly one: a service may be called "list"
        app_.set_help_flag("--help,-h");
        for (const Option& option : global_options())
            if (option.name != "--help") add_option(app_, option);
        for (const Command& command : commands()) add_command(command);
    }

    std::variant<Invocation, Message> run(int argc, const char* const* argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::CallForHelp&) {
            return Message{help(), Exit::ok};
        } catch (const CLI::ParseError& error) {
            return wrong(reason_of(error));
        }
        return collect();
    }

private:
    void add_option(CLI::App& app, const Option& option) {
        OptionSlot& slot = *options_.emplace_back(std::make_unique<OptionSlot>());
        slot.name = std::string(option.name);
        const std::string names = option.letter.empty() ? slot.name : fmt::format("{},{}", option.letter, option.name);
        slot.option = option.value.empty() ? app.add_flag(names, slot.flag) : app.add_option(names, slot.value);
    }

    void add_command(const Command& command) {
        VerbSlot& verb = *verbs_.emplace_back(std::make_unique<VerbSlot>());
        verb.command = &command;
        verb.app = app_.add_subcommand(std::string(command.name));
        verb.app->fallthrough(); // global options may follow the verb
        verb.app->set_help_flag("--help,-h");
        verb.app->add_option("words", verb.words)->expected(0, static_cast<int>(kMany)); // counted by misfit_of()
        for (const Option& option : command.options) add_option(*verb.app, option);
    }

    std::string help() const {
        const Command* command = given();
        return command != nullptr ? help_of(*command) : help_of_all();
    }

    /// In the words of the command table, where CLI11 would use its own.
    std::string reason_of(const CLI::ParseError& error) const {
        if (const std::vector<std::string> rest = app_.remaining(true); !rest.empty()) return unknown(rest.front());
        return given() == nullptr ? "command expected" : error.what();
    }

    std::string unknown(const std::string& word) const {
        const bool option = word.starts_with("-");
        std::vector<std::string_view> known;
        if (option)
            for (const auto& slot : options_) known.push_back(slot->name);
        else
            for (const Command& one : commands()) known.push_back(one.name);
        const auto nearest = nearest_name(word, known);
        return fmt::format("unknown {} {}{}", option ? "option" : "command", swathe::quoted(word),
                           nearest ? fmt::format("; did you mean {}?", *nearest) : "");
    }

    const Command* given() const {
        for (const auto& verb : verbs_)
            if (verb->app->parsed()) return verb->command;
        return nullptr;
    }

    static Message wrong(const std::string& what) { return {"swathectl: " + what + "\nTry \"swathectl --help\".\n", Exit::usage}; }

    std::variant<Invocation, Message> collect() const {
        Invocation invocation;
        for (const auto& slot : options_)
            if (slot->option->count() > 0) invocation.options.emplace(slot->name, slot->value);
        for (const auto& verb : verbs_)
            if (verb->app->parsed()) {
                invocation.verb = verb->command->verb;
                invocation.words = verb->words;
            }
        invocation.json = invocation.has("--json");
        if (invocation.has("--runtime-dir")) invocation.runtime_dir = invocation.value_or_empty("--runtime-dir");
        if (const std::string misfit = misfit_of(*given(), invocation); !misfit.empty())
            return wrong(fmt::format("{}: {}", given()->name, misfit));
        return invocation;
    }

    /// Which words and options go together; "" if these do.
    static std::string misfit_of(const Command& command, const Invocation& invocation) {
        if (invocation.words.size() < command.min_words) return fmt::format("{} expected", command.words);
        if (invocation.words.size() > command.max_words)
            return fmt::format("unexpected argument {}", swathe::quoted(invocation.words[command.max_words]));
        if (command.verb == Verb::schema && !invocation.words.empty() && !is_schema(invocation.words.front()))
            return "the schemas are service, drop-in and daemon";
        if (command.verb == Verb::import && !is_source(invocation.words.front())) return "the formats are inetd, xinetd and tubular";
        if (command.verb == Verb::edit && invocation.has("--full") && invocation.has("--drop-in"))
            return "--full edits no drop-in; leave out --full or --drop-in";
        if (command.verb == Verb::completion && invocation.words.front() != "bash") return "the only shell is bash";
        if (command.verb == Verb::explain) return misfit_of_explain(invocation);
        if (command.verb == Verb::rules)
            if (const char* misfit = misfit_of_rules(invocation); *misfit != '\0') return misfit;
        for (const auto& [option, most] :
             {std::pair{"--sample", std::uint64_t{kMostSparse}}, {"--count", kMostEvents}, {"--limit", kMostListed}})
            if (invocation.has(option) && !number_in(invocation.value_or_empty(option), most))
                return fmt::format("{}: expected a number in 1-{}", option, most);
        if (invocation.has("--lines") && !number_in(invocation.value_or_empty("--lines"), kMostLines, 0))
            return fmt::format("--lines: expected a number in 0-{}", kMostLines);
        if (invocation.has("--max") && !pause_in(invocation.value_or_empty("--max"))) return "--max: expected seconds in 0.001-31536000";
        if (invocation.has("--interval") && !interval_in(invocation.value_or_empty("--interval")))
            return "--interval: expected seconds in 0.1-3600";
        return "";
    }

    static bool is_source(std::string_view word) { return word == "inetd" || word == "xinetd" || word == "tubular"; }
    static bool is_schema(std::string_view word) { return word == "service" || word == "drop-in" || word == "daemon"; }

    static const char* misfit_of_rules(const Invocation& invocation) {
        if (invocation.has("--config") && (invocation.has("--sort") || invocation.has("--never-hit")))
            return "only a daemon counts hits; leave out --config";
        if (invocation.has("--sort") && invocation.value_or_empty("--sort") != "hits") return "the only other order is --sort hits";
        return "";
    }

    static const char* misfit_of_explain(const Invocation& invocation) {
        if (invocation.has("--kernel") && invocation.has("--interface"))
            return "the kernel cannot be told an interface in a test run; leave out --kernel or --interface";
        if (invocation.has("--live") && invocation.has("--kernel")) return "--live asks the BPF program, too; leave out --kernel";
        if (invocation.has("--live") && invocation.has("--config")) return "--live asks about what runs; leave out --config";
        if (!invocation.has("--batch")) return invocation.words.size() == 3 ? "" : "PROTO ADDR PORT expected";
        if (!invocation.words.empty() || invocation.has("--from") || invocation.has("--interface"))
            return "with --batch the questions come from standard input";
        return "";
    }

    CLI::App app_;
    std::vector<std::unique_ptr<OptionSlot>> options_;
    std::vector<std::unique_ptr<VerbSlot>> verbs_;
};

} // namespace

std::string Invocation::value_or_empty(std::string_view option) const {
    const auto found = options.find(option);
    return found == options.end() ? std::string{} : found->second;
}

std::uint64_t Invocation::number(std::string_view option, std::uint64_t otherwise) const {
    return has(option) ? number_in(value_or_empty(option), UINT64_MAX, 0).value_or(otherwise) : otherwise;
}

Duration Invocation::seconds(std::string_view option) const { return pause_in(value_or_empty(option)).value_or(kInfinity); }

std::chrono::milliseconds Invocation::interval() const {
    return has("--interval") ? interval_in(value_or_empty("--interval")).value_or(kDefaultInterval) : kDefaultInterval;
}

std::variant<Invocation, Message> parse(int argc, const char* const* argv) { return Parser{}.run(argc, argv); }

} // namespace swathe::ctl
