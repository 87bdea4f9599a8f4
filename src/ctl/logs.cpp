// swathectl logs: the last output of services, and what comes.

#include "control/json.h"
#include "ctl/answer.h"
#include "ctl/outlet.h"
#include "ctl/remote.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

namespace swathe::ctl {
namespace {

constexpr std::uint64_t kLinesBefore = 10; // of what is there, before those that are waited for

std::string text_of(const LogBatch& batch, bool json) {
    std::string text;
    if (batch.lost > 0) text += json ? lost_to_json(batch.lost) + "\n" : show_lost(batch.lost);
    for (const LogLineView& line : batch.lines) text += json ? to_json(line) + "\n" : show_logged(line);
    return text;
}

Exit failed(const Error& error) {
    complain(error.to_string());
    return Exit::failure;
}

Exit stream(ControlClient& client, const Outlet& outlet, bool json) {
    for (;;) {
        const auto batch = client.next_log(outlet.ends());
        if (!batch) return complain(batch.error());
        if (!*batch) return Exit::ok;
        const auto wrote = outlet.write(text_of(**batch, json));
        if (!wrote) return failed(wrote.error());
        if (*wrote == Outlet::Outcome::over || (*batch)->complete) return Exit::ok;
    }
}

} // namespace

Exit run_logs(const Invocation& invocation) {
    LogQuery query;
    query.services = invocation.words;
    query.follow = invocation.has("--follow");
    query.lines = static_cast<std::uint32_t>(invocation.number("--lines", query.follow ? kLinesBefore : UINT32_MAX));
    auto client = connect_to_daemon(invocation);
    if (!client) return complain(client.error());
    const auto outlet = Outlet::open();
    if (!outlet) return failed(outlet.error());
    if (const auto begun = client->logs(query); !begun) return complain(begun.error());
    return stream(*client, *outlet, invocation.json);
}

} // namespace swathe::ctl
