#include "ctl/rates.h"

#include "base/text.h"
#include "ctl/text.h"

#include <algorithm>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace swathe::ctl {
namespace {

using Key = std::tuple<std::string, std::string, std::string>;

Counts counts_of(const ListenerView& listener) {
    Counts sum;
    for (const ListenerView::Socket& socket : listener.sockets) {
        sum.lookups += socket.lookups;
        sum.steered += socket.steered;
        sum.no_socket += socket.no_socket;
        sum.errors += socket.assign_errors;
    }
    return sum;
}

bool fell(const Counts& before, const Counts& after) {
    return after.lookups < before.lookups || after.steered < before.steered || after.no_socket < before.no_socket ||
           after.errors < before.errors;
}

std::string per_second(double rate) { return rate > 0 && rate < 10 ? fmt::format("{:.1f}", rate) : fmt::format("{:.0f}", rate); }

std::vector<std::string> row_of(const std::string& name, const ListenerRate& rate) {
    return {name,
            rate.protocol,
            rate.state,
            per_second(rate.lookups),
            per_second(rate.steered),
            per_second(rate.no_socket),
            per_second(rate.errors),
            std::to_string(rate.total.lookups),
            std::to_string(rate.total.steered),
            std::to_string(rate.total.no_socket + rate.total.errors)};
}

} // namespace

std::vector<ListenerRate> rates_between(const StatusView& earlier, const StatusView& later, Duration elapsed) {
    std::map<Key, Counts> before;
    for (const ServiceView& service : earlier.services)
        for (const ListenerView& listener : service.listeners)
            before[{service.name, listener.name, listener.protocol}] = counts_of(listener);

    const double seconds = std::chrono::duration<double>(elapsed).count();
    const auto rate = [&](std::uint64_t from, std::uint64_t to) { return seconds > 0 ? static_cast<double>(to - from) / seconds : 0.0; };
    std::vector<ListenerRate> rates;
    for (const ServiceView& service : later.services)
        for (const ListenerView& listener : service.listeners) {
            const Counts after = counts_of(listener);
            Counts base = before[{service.name, listener.name, listener.protocol}];
            if (fell(base, after)) base = {};
            rates.push_back({service.name, listener.name, listener.protocol, service.state, rate(base.lookups, after.lookups),
                             rate(base.steered, after.steered), rate(base.no_socket, after.no_socket), rate(base.errors, after.errors),
                             after});
        }
    std::stable_sort(rates.begin(), rates.end(), [](const ListenerRate& a, const ListenerRate& b) {
        return std::tie(b.lookups, a.service, a.listener) < std::tie(a.lookups, b.service, b.listener);
    });
    return rates;
}

std::string show_rates(const std::vector<ListenerRate>& rates) {
    Table table;
    table.add({"LISTENER", "PROTO", "STATE", "LOOKUPS/S", "STEERED/S", "NO SOCKET/S", "ERRORS/S", "LOOKUPS", "STEERED", "FAILED"});
    ListenerRate sum;
    sum.protocol = sum.state = "-";
    for (const ListenerRate& rate : rates) {
        ListenerRate shown = rate;
        shown.protocol = escaped(rate.protocol);
        shown.state = escaped(rate.state);
        table.add(row_of(fmt::format("{}/{}", escaped(rate.service), escaped(rate.listener)), shown));
        for (double ListenerRate::*field :
             {&ListenerRate::lookups, &ListenerRate::steered, &ListenerRate::no_socket, &ListenerRate::errors})
            sum.*field += rate.*field;
        for (std::uint64_t Counts::*field : {&Counts::lookups, &Counts::steered, &Counts::no_socket, &Counts::errors})
            sum.total.*field += rate.total.*field;
    }
    table.add(row_of("all", sum));
    return table.to_string();
}

std::string rates_to_json(const std::vector<ListenerRate>& rates, std::int64_t realtime_usec, Duration elapsed) {
    using Json = nlohmann::ordered_json;
    Json listeners = Json::array();
    for (const ListenerRate& rate : rates)
        listeners.push_back({{"service", rate.service},
                             {"listener", rate.listener},
                             {"protocol", rate.protocol},
                             {"state", rate.state},
                             {"lookups_per_sec", rate.lookups},
                             {"steered_per_sec", rate.steered},
                             {"no_socket_per_sec", rate.no_socket},
                             {"assign_errors_per_sec", rate.errors},
                             {"lookups", rate.total.lookups},
                             {"steered", rate.total.steered},
                             {"no_socket", rate.total.no_socket},
                             {"assign_errors", rate.total.errors}});
    const Json all{{"time_usec", realtime_usec},
                   {"interval_sec", std::chrono::duration<double>(elapsed).count()},
                   {"listeners", std::move(listeners)}};
    return all.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string cut_to(const std::string& text, std::size_t rows, std::size_t columns) {
    std::string cut;
    for (const std::string_view line : split(text, '\n')) {
        if (rows-- == 0) break;
        std::size_t bytes = 0;
        for (std::size_t shown = 0; bytes < line.size() && shown < columns; ++shown)
            bytes += std::max<std::size_t>(1, utf8_length(line.substr(bytes)));
        cut.append(line.substr(0, bytes)) += '\n';
    }
    return cut;
}

} // namespace swathe::ctl
