#pragma once

#include "control/backend.h"

#include <memory>
#include <string>
#include <vector>

namespace swathe::test {

/// A daemon that knows the services "edge" and "slow". What is asked of "slow" is done when the test says so.
struct FakeBackend final : ControlBackend {
    Answer<StatusView> status(const std::string& service) override {
        StatusView view;
        view.daemon.version = "9.9";
        view.daemon.pid = 42;
        for (const char* name : {"edge", "slow"})
            if (service.empty() || service == name) {
                view.services.emplace_back().name = name;
                view.services.back().status_text = status_text;
            }
        if (view.services.empty()) return unknown(service);
        return view;
    }
    Answer<std::vector<RuleView>> rules(const RuleQuery& query) override {
        std::vector<RuleView> views(query.limit == 0 ? rule_count : query.limit, RuleView{});
        if (query.by_hits) views.front().hits = 7;
        if (query.never_hit) views.front().hits = 0;
        return views;
    }
    Answer<ExplainView> explain(const ExplainQuery& query) override {
        if (query.protocol != "tcp") return tl::unexpected(ControlError{Refusal::bad_request, "protocol \xff?"});
        ExplainView view;
        view.verdict = "steer";
        view.service = query.address + "|" + query.port + "|" + query.from + "|" + query.interface;
        view.source = query.live ? "live" : query.kernel ? "kernel" : "tables";
        return view;
    }
    Answer<TraceHandle> trace(const TraceQuery& query, TraceSink to) override {
        if (query.listener == "nobody") return unknown(query.listener);
        asked = query;
        sink = std::move(to);
        auto handle = std::make_shared<int>();
        trace_alive = handle;
        return TraceHandle(std::move(handle));
    }
    Answer<LogHandle> logs(const LogQuery& query, LogFeed to) override {
        for (const std::string& service : query.services)
            if (service == "nobody") return unknown(service);
        asked_logs = query;
        feed = std::move(to);
        auto handle = std::make_shared<int>();
        logs_alive = handle;
        return LogHandle(std::move(handle));
    }
    void start(const std::string& service, Done done) override { act("start", service, std::move(done)); }
    void stop(const std::string& service, Done done) override { act("stop", service, std::move(done)); }
    void restart(const std::string& service, bool overlap, Done done) override {
        act(overlap ? "restart --overlap" : "restart", service, std::move(done));
    }
    void reload_service(const std::string& service, Done done) override { act("reload", service, std::move(done)); }
    void pause(const std::string& service, Duration longest, Done done) override {
        act(longest == kInfinity ? "pause" : ("pause " + std::to_string(longest.count())).c_str(), service, std::move(done));
    }
    void resume(const std::string& service, Done done) override { act("resume", service, std::move(done)); }
    void reload(Reloaded done) override {
        ++reloads;
        if (!reload_works) return done(tl::unexpected(ControlError{Refusal::failed, "a.toml:1:1: no"}));
        done(std::vector<std::string>{"one", "tw\xffo"});
    }

    static tl::unexpected<ControlError> unknown(const std::string& service) {
        return tl::unexpected(ControlError{Refusal::no_such_service, "no service " + service});
    }
    void act(const char* verb, const std::string& service, Done done) {
        acts.push_back(std::string(verb) + " " + service);
        if (service == "slow") return waiting.push_back(std::move(done));
        if (service == "edge") return done({});
        done(unknown(service));
    }

    TraceQuery asked; ///< of the last trace
    TraceSink sink;
    std::weak_ptr<int> trace_alive;
    LogQuery asked_logs;
    LogFeed feed;
    std::weak_ptr<int> logs_alive;
    std::string status_text;
    std::size_t rule_count = 3;
    bool reload_works = true;
    int reloads = 0;
    std::vector<std::string> acts;
    std::vector<Done> waiting;
};

} // namespace swathe::test
