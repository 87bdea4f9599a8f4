#include "ctl/remote.h"

#include "base/text.h"
#include "control/json.h"
#include "ctl/answer.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

#include <unistd.h>

namespace swathe::ctl {

Reply<ControlClient> connect_to_daemon(const Invocation& invocation) {
    return ControlClient::connect(invocation.runtime_dir + "/control");
}

Exit run_status(const Invocation& invocation) {
    auto client = connect_to_daemon(invocation);
    if (!client) return complain(client.error());
    const bool one = !invocation.words.empty();
    const auto status = client->status(one ? invocation.words.front() : "");
    if (!status) return complain(status.error());

    const Look look = look_of(STDOUT_FILENO);
    if (invocation.json)
        print_line(to_json(*status));
    else if (one)
        for (const ServiceView& service : status->services) print(show_service(service, look, true));
    else
        print(show_status(*status, look));
    const bool down = one && !status->services.empty() && !is_up(status->services.front());
    return down ? Exit::not_running : Exit::ok;
}

Exit run_list(const Invocation& invocation) {
    auto client = connect_to_daemon(invocation);
    if (!client) return complain(client.error());
    const auto status = client->status("");
    if (!status) return complain(status.error());
    if (invocation.json)
        print_line(to_json(status->services));
    else
        print(show_list(status->services));
    return Exit::ok;
}

namespace {

Reply<void> act_on(ControlClient& client, const Invocation& invocation, const std::string& service) {
    switch (invocation.verb) {
    case Verb::start: return client.start(service);
    case Verb::stop: return client.stop(service);
    case Verb::restart: return client.restart(service, invocation.has("--overlap"));
    case Verb::pause: return client.pause(service, invocation.has("--max") ? invocation.seconds("--max") : kInfinity);
    case Verb::resume: return client.resume(service);
    case Verb::reload: return client.reload_service(service);
    case Verb::status:
    case Verb::list:
    case Verb::rules:
    case Verb::explain:
    case Verb::trace:
    case Verb::logs:
    case Verb::top:
    case Verb::check:
    case Verb::cat:
    case Verb::show:
    case Verb::keys:
    case Verb::diff:
    case Verb::edit:
    case Verb::revert:
    case Verb::convert:
    case Verb::import:
    case Verb::schema:
    case Verb::version:
    case Verb::completion: break;
    }
    return {};
}

/// A condition keeps a service from starting, and that is no failure.
void tell_skipped(ControlClient& client, const std::string& service) {
    const auto status = client.status(service);
    if (!status) return; // it was started, and something else is wrong by now
    for (const ServiceView& view : status->services)
        if (view.name == service && view.result == "exec-condition")
            print_line(escaped(service) + ": skipped: its exec_condition says no");
        else if (view.name == service && view.result == "condition")
            print_line(escaped(service) + ": skipped: " + escaped(view.failure));
}

} // namespace

Exit run_act(const Invocation& invocation) {
    auto client = connect_to_daemon(invocation);
    if (!client) return complain(client.error());
    Exit first_failure = Exit::ok;
    for (const std::string& service : invocation.words) {
        const auto done = act_on(*client, invocation, service);
        const bool starts = invocation.verb == Verb::start || invocation.verb == Verb::restart;
        if (done && starts) tell_skipped(*client, service);
        if (done) continue;
        complain(service + ": " + done.error().message);
        if (first_failure == Exit::ok) first_failure = exit_of(done.error().kind);
    }
    return first_failure;
}

Exit run_reload(const Invocation& invocation) {
    auto client = connect_to_daemon(invocation);
    if (!client) return complain(client.error());
    const auto lines = client->reload();
    if (!lines) return complain(lines.error());
    for (const std::string& line : *lines) print_line(escaped(line));
    return Exit::ok;
}

/// The daemon need not run for its client to have a version.
Exit run_version(const Invocation& invocation) {
    std::string daemon;
    if (auto client = connect_to_daemon(invocation)) {
        if (auto version = client->version()) daemon = std::move(*version);
    } else if (client.error().kind != Trouble::not_running) {
        complain(client.error().message);
    }
    if (invocation.json) {
        print_line(versions_to_json(SWATHE_VERSION, daemon));
        return Exit::ok;
    }
    print_line("swathectl " SWATHE_VERSION);
    if (!daemon.empty()) print_line("swathed " + escaped(daemon));
    return Exit::ok;
}

} // namespace swathe::ctl
