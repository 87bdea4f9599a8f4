#include "supervise/live.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

std::string text_of(const Opinion& opinion) {
    return opinion.verdict == Verdict::steer ? fmt::format("steer to {}", opinion.target) : to_string(opinion.verdict);
}

/// Who gets it instead: "nginx (pid 812) on tcp 0.0.0.0:80", "edge/http", "nobody".
std::string winner_of(const Evidence& evidence) {
    if (evidence.other) return evidence.other->to_string();
    return evidence.live.verdict == Verdict::steer ? evidence.live.target : "nobody";
}

bool is_attached(const std::vector<AttachedProgram>& programs) {
    return std::any_of(programs.begin(), programs.end(), [](const AttachedProgram& p) { return p.ours; });
}

/// `program "other" (id 7), attached after ours`; several are joined by "or". "" = there is none that it can have been.
std::string suspects(const Evidence& evidence) {
    std::string text;
    bool before = true;
    for (const AttachedProgram& program : evidence.programs) {
        if (program.ours) before = false;
        if (program.ours || (evidence.chosen_before && *evidence.chosen_before != before)) continue;
        text += fmt::format("{}program \"{}\" (id {}), attached {} ours", text.empty() ? "" : ", or ", program.name, program.id,
                            before ? "before" : "after");
    }
    return text;
}

/// A drop comes true only where no program selects a socket (SK_LOOKUP verdicts), so against our own choice only a socket does.
std::string blame_programs(const Evidence& evidence) {
    const bool somebody = evidence.live.verdict != Verdict::drop;
    const bool by_drop = !somebody && evidence.passed_over;
    const std::string who = somebody || by_drop ? suspects(evidence) : "";
    if (who.empty()) return "";
    if (by_drop) return fmt::format("{}, refuses it: {} does not get it", who, evidence.passed_over->to_string());
    return fmt::format("{}, chose another socket: {}", who, winner_of(evidence));
}

std::string cause_of(const Evidence& evidence) {
    if (evidence.connected) return fmt::format("a connection comes before all rules: {}", winner_of(evidence));
    if (!is_attached(evidence.programs))
        return fmt::format("our program is not attached to the network namespace: {} gets it", winner_of(evidence));
    if (evidence.limited) return fmt::format("the limits of {} let in no more at the moment", evidence.tables.target);
    if (!evidence.unusable.empty())
        return fmt::format("the socket of {} is of no use: {}; {} gets it", evidence.tables.target, evidence.unusable, winner_of(evidence));
    if (std::string blamed = blame_programs(evidence); !blamed.empty()) return blamed;
    if (evidence.tables.verdict == Verdict::pass && evidence.live.verdict == Verdict::steer)
        return fmt::format("the kernel's own lookup finds the home of {}", winner_of(evidence));
    return fmt::format("{} gets it, and it is not known why", winner_of(evidence));
}

} // namespace

bool follows_tables(const Evidence& evidence) {
    switch (evidence.tables.verdict) {
    case Verdict::steer: return evidence.live == evidence.tables;
    case Verdict::drop: return evidence.live.verdict == Verdict::drop;
    case Verdict::pass: break;
    }
    if (evidence.live.verdict == Verdict::drop) return !evidence.passed_over;
    return evidence.live.verdict == Verdict::pass && (evidence.bound_there || evidence.connected);
}

std::string disagreement(const Evidence& evidence) {
    std::string text;
    if (evidence.program != evidence.tables)
        text = fmt::format("the tables say {}, the BPF program {}: a mistake of swathe's own; please report it", text_of(evidence.tables),
                           text_of(evidence.program));
    if (follows_tables(evidence)) return text;
    if (!text.empty()) text += "; ";
    return text + fmt::format("the tables say {}, but {}", text_of(evidence.tables), cause_of(evidence));
}

void overrule(ExplainView& view, const LiveAnswer& answer) {
    view.verdict = to_string(answer.live.verdict);
    view.service = answer.service;
    view.listener = answer.listener;
    view.source = "live";
    view.disagreement = answer.disagreement;
    if (!answer.as_tables_say && view.rule) {
        view.others.insert(view.others.begin(), std::move(*view.rule));
        view.rule.reset();
    }
    if (!answer.other) return;
    ForeignSocketView& socket = view.socket.emplace();
    socket.address = answer.other->address.to_string();
    if (answer.other->pid == 0) return;
    socket.pid = answer.other->pid;
    socket.process = answer.other->process;
}

} // namespace swathe
