#include "ctl/commands.h"

#include <array>

namespace swathe::ctl {
namespace {

constexpr Option kConfig{"--config", "DIR", "read this directory instead of the search path, and ask no daemon", Offer::directory};

constexpr std::array kRulesOptions{
    kConfig,
    Option{"--sort", "hits", "put the rules first that decided the most packets (rule_counters)", Offer::sorting},
    Option{"--never-hit", "", "list only the rules that decided no packet (rule_counters)"},
    Option{"--limit", "N", "list at most N"},
};
constexpr std::array kExplainOptions{
    Option{"--from", "ADDR[:PORT]", "where the packet comes from"},
    Option{"--interface", "IF", "the interface it comes in through", Offer::interface},
    Option{"--netns", "NAME", "ask about this network namespace, by its name in the configuration", Offer::netns},
    kConfig,
    Option{"--kernel", "", "ask the BPF program instead of the tables"},
    Option{"--live", "", "ask the whole kernel, and say who else has a part in it"},
    Option{"--batch", "", "read one question a line from standard input, print one JSON object a line"},
};
constexpr std::array kTraceOptions{
    Option{"--listener", "NAME", "only what rules of this listener decide; NAME may be SERVICE/NAME"},
    Option{"--drops", "", "only packets that are refused"},
    Option{"--sample", "K", "one decision in K, at random"},
    Option{"--count", "N", "exit after so many decisions"},
};
constexpr std::array kLogsOptions{
    Option{"--follow", "", "go on with the lines that come", Offer::nothing, "-f"},
    Option{"--lines", "N", "only the last N lines (with --follow: 10)", Offer::nothing, "-n"},
};
constexpr std::array kTopOptions{
    Option{"--interval", "SEC", "seconds between two tables (default 2)"},
    Option{"--count", "N", "exit after so many tables"},
};
constexpr std::array kCheckOptions{
    Option{"--config", "DIR", "read this directory instead of the search path", Offer::directory},
    Option{"--netns", "NAME", "look at this network namespace instead of the current one", Offer::netns},
};

constexpr std::array kRestartOptions{
    Option{"--overlap", "", "let the old instance go only when the new one is ready"},
};
constexpr std::array kPauseOptions{
    Option{"--max", "SEC", "resume after so many seconds"},
};

constexpr std::array kCatOptions{kConfig};
constexpr std::array kShowOptions{
    Option{"--unit", "", "in the names and values of unit files"},
    kConfig,
};
constexpr std::array kDiffOptions{kConfig};
constexpr Option kDropIn{"--drop-in", "FILE", "the drop-in's name (default override)"};
constexpr Option kNoReload{"--no-reload", "", "do not make the daemon read its configuration anew"};
constexpr std::array kEditOptions{
    Option{"--full", "", "edit a copy of the file itself instead of a drop-in"},
    kDropIn,
    kConfig,
    kNoReload,
};
constexpr std::array kRevertOptions{
    kDropIn,
    kConfig,
    kNoReload,
};
constexpr std::array kConvertOptions{
    Option{"--output", "DIR", "write files into this directory, and overwrite none", Offer::directory},
    Option{"--drop-ins", "", "fold in the drop-ins beside each file"},
};

constexpr std::array kImportOptions{kConvertOptions[0]};

constexpr std::array kGlobal{
    Option{"--json", "", "print JSON"},
    Option{"--runtime-dir", "DIR", "where the daemon's control socket is (default /run/swathe)", Offer::directory},
    Option{"--help", "", "print this and exit"},
};

constexpr std::array kCommands{
    Command{Verb::status, "status", "[NAME]", 0, 1, Offer::service, "show the daemon and its services, or one of them", {}},
    Command{Verb::list, "list", "", 0, 0, Offer::nothing, "list the services, one a line", {}},
    Command{Verb::rules, "rules", "", 0, 0, Offer::nothing, "list the rules in the order in which the dispatcher prefers them",
            kRulesOptions},
    Command{Verb::explain, "explain", "[PROTO ADDR PORT]", 0, 3, Offer::protocol, "say what becomes of a packet, and why",
            kExplainOptions},
    Command{Verb::trace, "trace", "", 0, 0, Offer::nothing, "watch the decisions about packets as they are made", kTraceOptions},
    Command{Verb::logs, "logs", "[NAME...]", 0, kMany, Offer::service, "show the last output of services", kLogsOptions},
    Command{Verb::top, "top", "", 0, 0, Offer::nothing, "show how much each listener gets, again and again", kTopOptions},
    Command{Verb::check, "check", "", 0, 0, Offer::nothing, "find what is wrong with a configuration, without a daemon",
            kCheckOptions},
    Command{Verb::start, "start", "NAME...", 1, kMany, Offer::service, "start services", {}},
    Command{Verb::stop, "stop", "NAME...", 1, kMany, Offer::service, "stop services; who connects waits in the backlog", {}},
    Command{Verb::restart, "restart", "NAME...", 1, kMany, Offer::service, "stop services and start them again",
            kRestartOptions},
    Command{Verb::pause, "pause", "NAME...", 1, kMany, Offer::service, "let new connections wait in the backlog", kPauseOptions},
    Command{Verb::resume, "resume", "NAME...", 1, kMany, Offer::service, "serve who waits since pause", {}},
    Command{Verb::reload, "reload", "[NAME...]", 0, kMany, Offer::service,
            "make the daemon read its configuration anew, or services theirs", {}},
    Command{Verb::cat, "cat", "NAME", 1, 1, Offer::service, "print the files of a service in the order in which they are applied",
            kCatOptions},
    Command{Verb::show, "show", "NAME [KEY...]", 1, kMany, Offer::service, "show what each key of a service is set to, and where",
            kShowOptions},
    Command{Verb::keys, "keys", "[KEY]", 0, 1, Offer::key, "list the keys of configuration files, or tell all about one", {}},
    Command{Verb::diff, "diff", "[NAME]", 0, 1, Offer::service, "show which files change, hide or mask others", kDiffOptions},
    Command{Verb::edit, "edit", "NAME", 1, 1, Offer::service, "edit a drop-in of a service, and check it before it counts", kEditOptions},
    Command{Verb::revert, "revert", "NAME", 1, 1, Offer::service, "remove the drop-ins and copies that override a service's files",
            kRevertOptions},
    Command{Verb::convert, "convert", "FILE...", 1, kMany, Offer::file, "turn unit files into TOML, and TOML into unit files",
            kConvertOptions},
    Command{Verb::import, "import", "inetd|xinetd|tubular FILE", 2, 2, Offer::source,
            "turn the configuration of another super-server into TOML", kImportOptions},
    Command{Verb::schema, "schema", "[service|drop-in|daemon]", 0, 1, Offer::schema, "print the JSON schema of TOML files", {}},
    Command{Verb::version, "version", "", 0, 0, Offer::nothing, "print the versions of swathectl and of the daemon", {}},
    Command{Verb::completion, "completion", "SHELL", 1, 1, Offer::shell, "print a completion script; SHELL is bash", {}},
};

} // namespace

std::span<const Command> commands() noexcept { return kCommands; }
std::span<const Option> global_options() noexcept { return kGlobal; }

} // namespace swathe::ctl
