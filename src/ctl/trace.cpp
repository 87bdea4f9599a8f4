// swathectl trace: the decisions of the dispatcher as they are made.

#include "control/json.h"
#include "ctl/answer.h"
#include "ctl/outlet.h"
#include "ctl/remote.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

namespace swathe::ctl {
namespace {

/// At most `left` decisions, which it counts down.
std::string text_of(const TraceBatch& batch, bool json, std::uint64_t& left) {
    std::string text;
    if (batch.lost > 0) text += json ? lost_to_json(batch.lost) + "\n" : show_lost(batch.lost);
    for (const TracedView& decision : batch.events) {
        if (left == 0) break;
        text += json ? to_json(decision) + "\n" : show_traced(decision);
        --left;
    }
    return text;
}

Exit failed(const Error& error) {
    complain(error.to_string());
    return Exit::failure;
}

Exit stream(ControlClient& client, const Outlet& outlet, const Invocation& invocation) {
    std::uint64_t left = invocation.number("--count", UINT64_MAX);
    std::string text = invocation.json ? "" : trace_heading();
    for (;;) {
        const auto wrote = outlet.write(text);
        if (!wrote) return failed(wrote.error());
        if (*wrote == Outlet::Outcome::over || left == 0) return Exit::ok;
        const auto batch = client.next_batch(outlet.ends());
        if (!batch) return complain(batch.error());
        if (!*batch) return Exit::ok;
        text = text_of(**batch, invocation.json, left);
    }
}

} // namespace

Exit run_trace(const Invocation& invocation) {
    TraceQuery query;
    query.listener = invocation.value_or_empty("--listener");
    query.drops = invocation.has("--drops");
    query.sample = static_cast<std::uint32_t>(invocation.number("--sample", 1));
    auto client = connect_to_daemon(invocation);
    if (!client) return complain(client.error());
    const auto outlet = Outlet::open();
    if (!outlet) return failed(outlet.error());
    if (const auto begun = client->trace(query); !begun) return complain(begun.error());
    return stream(*client, *outlet, invocation);
}

} // namespace swathe::ctl
