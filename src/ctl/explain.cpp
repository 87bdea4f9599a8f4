#include "base/text.h"
#include "control/json.h"
#include "ctl/answer.h"
#include "ctl/batch.h"
#include "ctl/offline.h"
#include "ctl/remote.h"
#include "ctl/show.h"
#include "ctl/verbs.h"

#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace swathe::ctl {
namespace {

/// Answers questions, an answer each and in order.
class Explainer {
public:
    virtual ~Explainer() = default;
    [[nodiscard]] virtual Reply<std::vector<Reply<ExplainView>>> explain(const std::vector<ExplainQuery>& queries) = 0;
};

Reply<ExplainView> reply_of(Result<ExplainView> result) {
    if (result) return std::move(*result);
    return tl::unexpected(ClientError{Trouble::bad_request, result.error().to_string()});
}

class ByDaemon final : public Explainer {
public:
    ByDaemon(ControlClient client, std::string netns, bool kernel, bool live)
        : client_(std::move(client)), netns_(std::move(netns)), kernel_(kernel), live_(live) {}
    Reply<std::vector<Reply<ExplainView>>> explain(const std::vector<ExplainQuery>& queries) override {
        std::vector<Reply<ExplainView>> answers;
        for (ExplainQuery query : queries) {
            query.netns = netns_;
            query.kernel = kernel_;
            query.live = live_;
            answers.push_back(client_.explain(query));
        }
        return answers;
    }

private:
    ControlClient client_;
    std::string netns_;
    bool kernel_;
    bool live_;
};

class ByTables final : public Explainer {
public:
    explicit ByTables(Offline offline) : offline_(std::move(offline)) {}
    Reply<std::vector<Reply<ExplainView>>> explain(const std::vector<ExplainQuery>& queries) override {
        std::vector<Reply<ExplainView>> answers;
        for (const ExplainQuery& query : queries) answers.push_back(reply_of(offline_.explain(query)));
        return answers;
    }

private:
    Offline offline_;
};

class ByProgram final : public Explainer {
public:
    explicit ByProgram(Offline offline) : offline_(std::move(offline)) {}
    Reply<std::vector<Reply<ExplainView>>> explain(const std::vector<ExplainQuery>& queries) override {
        auto asked = offline_.ask(queries);
        if (!asked) return tl::unexpected(ClientError{Trouble::failed, asked.error().to_string()});
        std::vector<Reply<ExplainView>> answers;
        for (auto& answer : *asked) answers.push_back(reply_of(std::move(answer)));
        return answers;
    }

private:
    Offline offline_;
};

using ExplainerPtr = std::unique_ptr<Explainer>;

tl::unexpected<ClientError> refused(const Diagnostics& found) {
    for (const Diagnostic& diagnostic : found)
        if (diagnostic.severity == Diagnostic::Severity::error) complain(diagnostic.to_string());
    return tl::unexpected(ClientError{Trouble::failed, "the configuration has errors"});
}

Reply<Offline> offline_of(const Invocation& invocation) {
    auto offline = load_offline(search_path_of(invocation.value_or_empty("--config")), invocation.value_or_empty("--netns"));
    if (offline) return std::move(*offline);
    return refused(offline.error());
}

Reply<ExplainerPtr> explainer_offline(const Invocation& invocation) {
    auto offline = offline_of(invocation);
    if (!offline) return tl::unexpected(std::move(offline).error());
    if (invocation.has("--kernel")) return ExplainerPtr(std::make_unique<ByProgram>(std::move(*offline)));
    return ExplainerPtr(std::make_unique<ByTables>(std::move(*offline)));
}

Reply<ExplainerPtr> explainer_for(const Invocation& invocation) {
    if (invocation.has("--config")) return explainer_offline(invocation);
    auto client = connect_to_daemon(invocation);
    if (!client) return tl::unexpected(std::move(client).error());
    return ExplainerPtr(std::make_unique<ByDaemon>(std::move(*client), invocation.value_or_empty("--netns"), invocation.has("--kernel"),
                                                   invocation.has("--live")));
}

/// Lines in, objects out, a chunk at a time; a chunk's answers are out before the next is waited for.
class Batch {
public:
    explicit Batch(Explainer& explainer) : explainer_(explainer) {}

    Exit run() {
        std::vector<char> chunk(kBatchChunk);
        for (;;) {
            const ssize_t n = ::read(STDIN_FILENO, chunk.data(), chunk.size());
            if (n < 0 && errno == EINTR) continue;
            if (n < 0) {
                complain(system_failure("standard input").value().to_string());
                return Exit::failure;
            }
            std::vector<BatchItem> items;
            if (n == 0)
                reader_.finish(items);
            else
                reader_.feed({chunk.data(), static_cast<std::size_t>(n)}, items);
            if (const Exit exit = answer(items); exit != Exit::ok) return exit;
            if (n == 0) return all_well_ ? Exit::ok : Exit::failure;
        }
    }

private:
    /// Not ok: no use to go on.
    Exit answer(const std::vector<BatchItem>& items) {
        std::vector<ExplainQuery> queries;
        for (const BatchItem& item : items)
            if (const auto* query = std::get_if<ExplainQuery>(&item)) queries.push_back(*query);
        const auto answers = explainer_.explain(queries);
        if (!answers) return complain(answers.error());

        auto next = answers->begin();
        for (const BatchItem& item : items) {
            ++line_;
            if (const auto* error = std::get_if<Error>(&item))
                print_error(error->to_string());
            else if (const auto& reply = *next++; reply)
                print_line(to_json(*reply));
            else
                print_error(reply.error().message);
        }
        return std::fflush(stdout) == 0 ? Exit::ok : Exit::failure;
    }

    void print_error(const std::string& why) {
        all_well_ = false;
        print_line(batch_error_to_json(line_, why));
    }

    Explainer& explainer_;
    BatchReader reader_;
    std::uint64_t line_ = 0;
    bool all_well_ = true;
};

Exit explain_one(const Invocation& invocation, Explainer& explainer) {
    const ExplainQuery query{invocation.words[0],
                             invocation.words[1],
                             invocation.words[2],
                             invocation.value_or_empty("--from"),
                             invocation.value_or_empty("--interface"),
                             invocation.has("--kernel"),
                             invocation.has("--live"),
                             invocation.value_or_empty("--netns")};
    const auto answers = explainer.explain({query});
    if (!answers) return complain(answers.error());
    const Reply<ExplainView>& answer = answers->front();
    if (!answer) return complain(answer.error());
    if (invocation.json)
        print_line(to_json(*answer));
    else
        print(show_explain(query, *answer));
    return Exit::ok;
}

Reply<std::vector<RuleView>> rules_for(const Invocation& invocation) {
    const RuleQuery query{invocation.has("--sort"), invocation.has("--never-hit"),
                          static_cast<std::uint32_t>(invocation.number("--limit", 0))};
    if (invocation.has("--config")) {
        auto rules = rules_offline(search_path_of(invocation.value_or_empty("--config")), query);
        if (!rules) return refused(rules.error());
        return std::move(*rules);
    }
    auto client = connect_to_daemon(invocation);
    if (!client) return tl::unexpected(std::move(client).error());
    return client->rules(query);
}

} // namespace

Exit run_explain(const Invocation& invocation) {
    const auto explainer = explainer_for(invocation);
    if (!explainer) return complain(explainer.error());
    return invocation.has("--batch") ? Batch(**explainer).run() : explain_one(invocation, **explainer);
}

Exit run_rules(const Invocation& invocation) {
    const auto rules = rules_for(invocation);
    if (!rules) return complain(rules.error());
    if (invocation.json)
        print_line(to_json(*rules));
    else
        print(show_rules(*rules));
    return Exit::ok;
}

} // namespace swathe::ctl
