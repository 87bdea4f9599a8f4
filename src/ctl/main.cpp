#include "ctl/answer.h"
#include "ctl/help.h"
#include "ctl/verbs.h"

#include <cstdio>

namespace swathe::ctl {
namespace {

Exit run(const Invocation& invocation) {
    switch (invocation.verb) {
    case Verb::status: return run_status(invocation);
    case Verb::list: return run_list(invocation);
    case Verb::rules: return run_rules(invocation);
    case Verb::explain: return run_explain(invocation);
    case Verb::trace: return run_trace(invocation);
    case Verb::logs: return run_logs(invocation);
    case Verb::top: return run_top(invocation);
    case Verb::check: return run_check(invocation);
    case Verb::start:
    case Verb::stop:
    case Verb::restart:
    case Verb::pause:
    case Verb::resume: return run_act(invocation);
    case Verb::reload: return invocation.words.empty() ? run_reload(invocation) : run_act(invocation);
    case Verb::cat: return run_cat(invocation);
    case Verb::show: return run_show(invocation);
    case Verb::keys: return run_keys(invocation);
    case Verb::diff: return run_diff(invocation);
    case Verb::edit: return run_edit(invocation);
    case Verb::revert: return run_revert(invocation);
    case Verb::convert: return run_convert(invocation);
    case Verb::import: return run_import(invocation);
    case Verb::schema: return run_schema(invocation);
    case Verb::version: return run_version(invocation);
    case Verb::completion: print(bash_completion()); return Exit::ok;
    }
    return Exit::usage;
}

Exit say(const Message& message) {
    (void)std::fputs(message.text.c_str(), message.exit == Exit::ok ? stdout : stderr);
    return message.exit;
}

} // namespace
} // namespace swathe::ctl

int main(int argc, char** argv) {
    using namespace swathe::ctl;
    const auto parsed = parse(argc, argv);
    const auto* message = std::get_if<Message>(&parsed);
    const Exit exit = message != nullptr ? say(*message) : run(std::get<Invocation>(parsed));
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) { // a full disk must not look like success
        std::perror("swathectl: standard output");
        return static_cast<int>(Exit::failure);
    }
    return static_cast<int>(exit);
}
