#include "control/json.h"

#include "control/json_status_fields.h"

#include <type_traits>

#include <nlohmann/json.hpp>

namespace swathe {
namespace json_text {

using Json = nlohmann::ordered_json; // fields come out in the order they are listed below

/// The winner: what it leads to stands in the answer itself.
struct WinnerRule : RuleView {};

template <> struct Fields<WinnerRule> : Listed {
    template <class V, class F> static void each(V& rule, F& f) { rule_place(rule, f); }
};

struct Writer {
    Json& out;
    template <class T> void operator()(const char* name, const T& value) { out[name] = written(value); }
    template <class T> void if_known(const char* name, const std::optional<T>& value) {
        if (value) out[name] = written(*value);
    }
    void nullable(const char* name, const std::string& text) { out[name] = text.empty() ? Json(nullptr) : Json(text); }

    template <class T> static Json written(const std::optional<T>& value) { return value ? written(*value) : Json(nullptr); }
    template <class T> static Json written(const std::vector<T>& values) {
        Json array = Json::array();
        for (const T& value : values) array.push_back(written(value));
        return array;
    }
    template <class T> static Json written(const T& value) {
        if constexpr (Fields<T>::listed) {
            Json object = Json::object();
            Writer fields{object};
            Fields<T>::each(value, fields);
            return object;
        } else {
            return Json(value);
        }
    }
};

/// Throws nlohmann's exceptions where a field has another type; caught in read_as.
struct Reader {
    const Json& in;
    template <class T> void operator()(const char* name, T& value) {
        if (const auto found = in.find(name); found != in.end()) read(*found, value);
    }
    template <class T> void if_known(const char* name, std::optional<T>& value) { (*this)(name, value); }
    void nullable(const char* name, std::string& text) {
        if (const auto found = in.find(name); found != in.end() && !found->is_null()) read(*found, text);
    }

    template <class T> static void read(const Json& from, std::optional<T>& value) {
        if (from.is_null()) return value.reset();
        read(from, value.emplace());
    }
    template <class T> static void read(const Json& from, std::vector<T>& values) {
        for (const Json& element : from.get_ref<const Json::array_t&>()) read(element, values.emplace_back());
    }
    template <class T> static void read(const Json& from, T& value) {
        if constexpr (Fields<T>::listed) {
            (void)from.get_ref<const Json::object_t&>(); // throws unless it is an object
            Reader fields{from};
            Fields<T>::each(value, fields);
        } else {
            from.get_to(value);
        }
    }
};

std::string dump(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

template <class T> Result<T> read_as(std::string_view text) {
    try {
        T value;
        Reader::read(Json::parse(text), value);
        return value;
    } catch (const nlohmann::json::exception& error) {
        return failure(std::string("not an answer of swathed: ") + error.what());
    }
}

template <> struct Fields<TracedView::Rule> : Listed {
    template <class V, class F> static void each(V& rule, F& f) {
        f("prefix", rule.prefix);
        f("ports", rule.ports);
        f("file", rule.file);
        f("line", rule.line);
        f("column", rule.column);
    }
};

template <> struct Fields<TracedView> : Listed {
    template <class V, class F> static void each(V& decision, F& f) {
        f("time_usec", decision.time_usec);
        f.nullable("netns", decision.netns);
        f("protocol", decision.protocol);
        f("source", decision.source);
        f("destination", decision.destination);
        f.nullable("interface", decision.interface);
        rule_target(decision, f);
        f("rule", decision.rule);
        f.nullable("error", decision.error);
    }
};

template <> struct Fields<TraceBatch> : Listed {
    template <class V, class F> static void each(V& batch, F& f) {
        f("events", batch.events);
        f("lost", batch.lost);
        f.nullable("ended", batch.ended);
    }
};

template <> struct Fields<LogLineView> : Listed {
    template <class V, class F> static void each(V& line, F& f) {
        f("time_usec", line.time_usec);
        f("service", line.service);
        f("pid", line.pid);
        f("stream", line.stream);
        f("priority", line.priority);
        f("text", line.text);
    }
};

template <> struct Fields<LogBatch> : Listed {
    template <class V, class F> static void each(V& batch, F& f) {
        f("lines", batch.lines);
        f("lost", batch.lost);
        f("complete", batch.complete);
        f.nullable("ended", batch.ended);
    }
};

template <> struct Fields<ForeignSocketView> : Listed {
    template <class V, class F> static void each(V& socket, F& f) {
        f("process", socket.process);
        f("pid", socket.pid);
        f("address", socket.address);
    }
};

/// ExplainView with the winner in its short form.
struct Explained {
    std::string verdict, service, listener;
    std::optional<WinnerRule> rule;
    std::vector<RuleView> others;
    std::string source;
    std::optional<ForeignSocketView> socket;
    std::string disagreement;
    std::optional<std::string> reason, limits;
};

template <> struct Fields<Explained> : Listed {
    template <class V, class F> static void each(V& answer, F& f) {
        rule_target(answer, f);
        f("rule", answer.rule);
        f("others", answer.others);
        f("source", answer.source);
        f("socket", answer.socket);
        f.nullable("disagreement", answer.disagreement);
        f.if_known("reason", answer.reason);
        f.if_known("limits", answer.limits);
    }
};

const char* to_string(Diagnostic::Severity severity) noexcept {
    switch (severity) {
    case Diagnostic::Severity::error: return "error";
    case Diagnostic::Severity::warning: return "warning";
    case Diagnostic::Severity::note: return "note";
    }
    return "error";
}

Json written_diagnostic(const Diagnostic& diagnostic) {
    Error plain = diagnostic.error;
    const SourcePos where = plain.pos.value_or(SourcePos{});
    plain.pos.reset();
    Json object = Json::object();
    Writer f{object};
    f("severity", std::string(to_string(diagnostic.severity)));
    f.nullable("file", where.file.name());
    f("line", where.line);
    f("column", where.column);
    f("message", plain.to_string());
    return object;
}

} // namespace json_text

using namespace json_text;

std::string to_json(const StatusView& status) { return dump(Writer::written(status)); }
std::string to_json(const std::vector<ServiceView>& services) { return dump(Writer::written(services)); }
std::string to_json(const std::vector<RuleView>& rules) { return dump(Writer::written(rules)); }

std::string to_json(const ExplainView& answer) {
    Explained short_form{answer.verdict, answer.service, answer.listener, std::nullopt, answer.others, answer.source,
                         answer.socket, answer.disagreement, answer.reason, answer.limits};
    if (answer.rule) short_form.rule = WinnerRule{*answer.rule};
    return dump(Writer::written(short_form));
}

std::string to_json(const TracedView& decision) { return dump(Writer::written(decision)); }
std::string to_json(const TraceBatch& batch) { return dump(Writer::written(batch)); }

std::string to_json(const LogLineView& line) { return dump(Writer::written(line)); }
std::string to_json(const LogBatch& batch) { return dump(Writer::written(batch)); }

std::string to_json(const Diagnostics& diagnostics) {
    Json array = Json::array();
    for (const Diagnostic& diagnostic : diagnostics) array.push_back(written_diagnostic(diagnostic));
    return dump(array);
}

std::string batch_error_to_json(std::uint64_t line, const std::string& error) {
    return dump(Json{{"line", line}, {"error", error}});
}

std::string lost_to_json(std::uint64_t lost) { return dump(Json{{"lost", lost}}); }

std::string versions_to_json(const std::string& swathectl, const std::string& swathed) {
    Json object = Json::object();
    Writer f{object};
    f("swathectl", swathectl);
    f.nullable("swathed", swathed);
    return dump(object);
}

Result<StatusView> read_status(std::string_view text) { return read_as<StatusView>(text); }
Result<TraceBatch> read_trace(std::string_view text) { return read_as<TraceBatch>(text); }
Result<LogBatch> read_log(std::string_view text) { return read_as<LogBatch>(text); }
Result<std::vector<RuleView>> read_rules(std::string_view text) { return read_as<std::vector<RuleView>>(text); }

Result<ExplainView> read_explain(std::string_view text) {
    auto read = read_as<Explained>(text);
    if (!read) return Failure(std::move(read).error());
    ExplainView answer{read->verdict, read->service, read->listener, std::nullopt, std::move(read->others), read->source,
                       std::move(read->socket), read->disagreement, read->reason, read->limits};
    if (read->rule) {
        answer.rule = std::move(*read->rule);
        answer.rule->verdict = answer.verdict;
        answer.rule->service = answer.service;
        answer.rule->listener = answer.listener;
    }
    return answer;
}

std::string as_utf8(std::string_view text) {
    text = text.substr(0, text.find('\0'));
    return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

} // namespace swathe
