// The commands around sockets: one list of them.
#include "supervise/command_list.h"
#include "support.h"

#include <deque>
#include <set>
#include <tuple>

using namespace swathe;
using namespace swathe::test;

namespace {

using ListPhase = CommandList::Phase;
using Trouble = CommandList::Trouble;

std::string text_of(const ListAction& action) {
    if (const auto* start = std::get_if<StartCommand>(&action)) return "start#" + std::to_string(start->index);
    return std::string("SIG") + sigabbrev_np(std::get<SignalCommand>(action).number);
}

/// A list on its way, and what it has asked for.
struct OneList {
    std::vector<Command> commands;
    Duration timeout = 90s;
    CommandList now{};
    Monotonic clock = kStart;

    std::string give(const ListEvent& event) {
        const ListStep decided = step(commands, timeout, now, event, clock);
        now = decided.next;
        std::string said;
        for (const ListAction& action : decided.actions) said += (said.empty() ? "" : " ") + text_of(action);
        return said;
    }
    std::string give_after(Duration pause, const ListEvent& event) {
        clock = later(clock, pause);
        return give(event);
    }
    std::string fire() {
        clock = now.timer.value();
        return give(ListTimer{});
    }
};

OneList running(std::vector<Command> commands, Duration timeout = 90s) {
    OneList list{std::move(commands), timeout};
    REQUIRE(list.give(BeginList{}) == "start#0");
    return list;
}

} // namespace

TEST_CASE("command list: one command after another, each with the whole time") {
    OneList list = running({command(), command(), command()});
    CHECK(list.now.timer == later(kStart, 90s));
    CHECK(list.give_after(80s, CommandEnded{code(0)}) == "start#1");
    CHECK(list.now.timer == later(kStart, 170s));
    CHECK(list.give_after(80s, CommandEnded{code(0)}) == "start#2");
    CHECK(list.give(CommandEnded{code(0)}).empty());
    CHECK(list.now.phase == ListPhase::ended);
    CHECK(list.now.trouble == Trouble::none);
    CHECK_FALSE(list.now.timer);
}

TEST_CASE("command list: an empty one is over at once") {
    OneList list;
    CHECK(list.give(BeginList{}).empty());
    CHECK(list.now.phase == ListPhase::ended);
    CHECK(list.now.trouble == Trouble::none);
}

TEST_CASE("command list: the first that fails is the last, unless it has a \"-\"") {
    const ListEvent failures[] = {CommandEnded{code(1)}, CommandEnded{killed(SIGTERM)}, CommandEnded{dumped(SIGSEGV)}, CommandRefused{}};
    for (const ListEvent& failure : failures) {
        CAPTURE(failure.index());
        OneList strict = running({command(), command()});
        CHECK(strict.give(failure).empty());
        CHECK(strict.now.phase == ListPhase::ended);
        CHECK(strict.now.trouble == Trouble::command);
        CHECK(strict.now.index == 0);
        OneList lenient = running({command(true), command()});
        CHECK(lenient.give(failure) == "start#1");
        CHECK(lenient.now.trouble == Trouble::none);
    }
}

TEST_CASE("command list: what takes too long is asked, and killed after as long again, in spite of a \"-\"") {
    OneList list = running({command(true), command()}, 2s);
    CHECK(list.fire() == "SIGTERM SIGCONT");
    CHECK(list.now.phase == ListPhase::sigterm);
    CHECK(list.now.timer == later(kStart, 4s));
    CHECK(list.give(CommandEnded{code(0)}).empty()); // those that it has started may be there
    CHECK(list.now.phase == ListPhase::sigterm);
    CHECK(list.fire() == "SIGKILL");
    CHECK(list.now.timer == later(kStart, 6s));
    CHECK(list.give(NobodyLeft{}).empty());
    CHECK(list.now.phase == ListPhase::ended);
    CHECK(list.now.trouble == Trouble::timeout);
    CHECK_FALSE(list.now.timer);
}

TEST_CASE("command list: who is gone after the TERM is not killed, and who hangs in the kernel is left behind") {
    OneList willing = running({command()}, 2s);
    willing.fire();
    CHECK(willing.give(NobodyLeft{}).empty());
    CHECK(willing.now.phase == ListPhase::ended);
    OneList hanging = running({command()}, 2s);
    hanging.fire();
    hanging.fire();
    CHECK(hanging.fire().empty());
    CHECK(hanging.now.phase == ListPhase::ended);
    CHECK(hanging.now.trouble == Trouble::timeout);
}

TEST_CASE("command list: without a limit there is no timer, but for one that is called off") {
    OneList list = running({command()}, kInfinity);
    CHECK_FALSE(list.now.timer);
    CHECK(list.give(CallOff{}) == "SIGTERM SIGCONT");
    CHECK(list.now.timer == later(kStart, kPatienceAfterTerm));
    CHECK(list.give(CallOff{}).empty());
    CHECK(list.fire() == "SIGKILL");
    list.give(NobodyLeft{});
    CHECK(list.now.trouble == Trouble::called_off);
}

TEST_CASE("command list: one that has not begun is called off without a word") {
    OneList list{{command()}};
    CHECK(list.give(CallOff{}).empty());
    CHECK(list.now.phase == ListPhase::ended);
    CHECK(list.now.trouble == Trouble::called_off);
    CHECK(list.give(BeginList{}).empty());
}

TEST_CASE("command list: in every state every event leaves one that makes sense, and timers alone lead to the end") {
    const std::vector<Command> commands{command(true), command()};
    const ListEvent events[] = {BeginList{},  CommandRefused{}, CommandEnded{code(0)}, CommandEnded{code(1)},
                                NobodyLeft{}, ListTimer{},      CallOff{}};
    using Key = std::tuple<ListPhase, Trouble, std::size_t, bool>;
    const auto key_of = [](const CommandList& l) { return Key{l.phase, l.trouble, l.index, l.timer.has_value()}; };
    std::set<Key> seen;
    std::deque<CommandList> open{CommandList{}};
    while (!open.empty()) {
        const CommandList state = open.front();
        open.pop_front();
        if (!seen.insert(key_of(state)).second) continue;
        CHECK(state.timer.has_value() == (state.phase != ListPhase::waiting && state.phase != ListPhase::ended));
        CHECK((state.phase == ListPhase::ended || state.index < commands.size()));
        for (const ListEvent& event : events) {
            const ListStep decided = step(commands, 1s, state, event, kStart);
            if (state.phase == ListPhase::ended) CHECK((decided.next == state && decided.actions.empty()));
            open.push_back(decided.next);
        }
        OneList alone{commands, 1s, state};
        if (state.phase == ListPhase::waiting) alone.give(BeginList{});
        for (int i = 0; i < 3 && alone.now.phase != ListPhase::ended; ++i) alone.fire();
        CHECK(alone.now.phase == ListPhase::ended);
    }
    CHECK(seen.size() > 8);
}
