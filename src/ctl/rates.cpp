#include "ctl/rates.h"

#include "base/text.h"
#include "ctl/text.h"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace swathe::ctl {
namespace {

using Key = std::tuple<std::string, std::string, std::string>;

template <class C> constexpr std::array<std::uint64_t C::*, 0> kFields{};
template <>
constexpr std::array kFields<Counts>{&Counts::lookups, &Counts::steered, &Counts::no_socket, &Counts::errors,
                                     &Counts::refused};
template <> constexpr std::array kFields<Served>{&Served::accepted, &Served::failed, &Served::refused};

Counts counts_of(const ListenerView& listener) {
    Counts sum;
    for (const ListenerView::Socket& socket : listener.sockets) {
        sum.lookups += socket.lookups;
        sum.steered += socket.steered;
        sum.no_socket += socket.no_socket;
        sum.errors += socket.assign_errors;
        if (const auto& refused = socket.refused; refused)
            sum.refused += refused->rate + refused->source_rate + refused->blocked + refused->closed;
    }
    return sum;
}

Served served_by(const ConnectionsView& connections) {
    const auto& [total, source, load, times, condition] = connections.refused;
    return {connections.accepted, connections.failed, total + source + load + times + condition};
}

/// What each counter of C has grown by in a second.
template <class C> class Growth {
public:
    Growth(C before, const C& after, Duration elapsed)
        : before_(before), after_(after), seconds_(std::chrono::duration<double>(elapsed).count()) {
        const auto fell = [&](std::uint64_t C::*field) { return after.*field < before.*field; };
        if (std::any_of(kFields<C>.begin(), kFields<C>.end(), fell)) before_ = {};
    }
    double operator()(std::uint64_t C::*field) const {
        return seconds_ > 0 ? static_cast<double>(after_.*field - before_.*field) / seconds_ : 0.0;
    }

private:
    C before_, after_;
    double seconds_;
};

template <class C> void add(C& sum, const C& more) {
    for (std::uint64_t C::*field : kFields<C>) sum.*field += more.*field;
}

std::vector<ListenerRate> listener_rates(const StatusView& earlier, const StatusView& later, Duration elapsed) {
    std::map<Key, Counts> before;
    for (const ServiceView& service : earlier.services)
        for (const ListenerView& listener : service.listeners)
            before[{service.name, listener.name, listener.protocol}] = counts_of(listener);

    std::vector<ListenerRate> rates;
    for (const ServiceView& service : later.services)
        for (const ListenerView& listener : service.listeners) {
            const Counts after = counts_of(listener);
            const Growth<Counts> rate(before[{service.name, listener.name, listener.protocol}], after, elapsed);
            rates.push_back({service.name, listener.name, listener.protocol, service.state, rate(&Counts::lookups),
                             rate(&Counts::steered), rate(&Counts::no_socket), rate(&Counts::errors),
                             rate(&Counts::refused), after});
        }
    std::stable_sort(rates.begin(), rates.end(), [](const ListenerRate& a, const ListenerRate& b) {
        return std::tie(b.lookups, a.service, a.listener) < std::tie(a.lookups, b.service, b.listener);
    });
    return rates;
}

std::vector<ServiceRate> service_rates(const StatusView& earlier, const StatusView& later, Duration elapsed) {
    std::map<std::string, Served> before;
    for (const ServiceView& service : earlier.services)
        if (service.connections) before[service.name] = served_by(*service.connections);

    std::vector<ServiceRate> rates;
    for (const ServiceView& service : later.services) {
        if (!service.connections) continue;
        const Served after = served_by(*service.connections);
        const Growth<Served> rate(before[service.name], after, elapsed);
        rates.push_back({service.name, service.connections->now, service.connections->limit, rate(&Served::accepted),
                         rate(&Served::failed), rate(&Served::refused), after});
    }
    std::stable_sort(rates.begin(), rates.end(), [](const ServiceRate& a, const ServiceRate& b) {
        const double of_a = a.accepted + a.refused, of_b = b.accepted + b.refused;
        return std::tie(of_b, a.service) < std::tie(of_a, b.service);
    });
    return rates;
}

std::string per_second(double rate) {
    return rate > 0 && rate < 10 ? fmt::format("{:.1f}", rate) : fmt::format("{:.0f}", rate);
}

std::vector<std::string> row_of(const std::string& name, const ListenerRate& rate) {
    return {name,
            rate.protocol,
            rate.state,
            per_second(rate.lookups),
            per_second(rate.steered),
            per_second(rate.refused),
            per_second(rate.no_socket),
            per_second(rate.errors),
            std::to_string(rate.total.lookups),
            std::to_string(rate.total.steered),
            std::to_string(rate.total.refused),
            std::to_string(rate.total.no_socket + rate.total.errors)};
}

std::vector<std::string> row_of(const ServiceRate& rate) {
    return {escaped(rate.service),
            std::to_string(rate.now),
            rate.limit ? std::to_string(*rate.limit) : "-",
            per_second(rate.accepted),
            per_second(rate.failed),
            per_second(rate.refused),
            std::to_string(rate.total.accepted),
            std::to_string(rate.total.failed),
            std::to_string(rate.total.refused)};
}

std::string show_listeners(const std::vector<ListenerRate>& rates) {
    Table table;
    table.add({"LISTENER", "PROTO", "STATE", "LOOKUPS/S", "STEERED/S", "REFUSED/S", "NO SOCKET/S", "ERRORS/S",
               "LOOKUPS", "STEERED", "REFUSED", "FAILED"});
    ListenerRate sum;
    sum.protocol = sum.state = "-";
    for (const ListenerRate& rate : rates) {
        ListenerRate shown = rate;
        shown.protocol = escaped(rate.protocol);
        shown.state = escaped(rate.state);
        table.add(row_of(fmt::format("{}/{}", escaped(rate.service), escaped(rate.listener)), shown));
        for (double ListenerRate::*field : {&ListenerRate::lookups, &ListenerRate::steered, &ListenerRate::no_socket,
                                            &ListenerRate::errors, &ListenerRate::refused})
            sum.*field += rate.*field;
        add(sum.total, rate.total);
    }
    table.add(row_of("all", sum));
    return table.to_string();
}

std::string show_services(const std::vector<ServiceRate>& rates) {
    Table table;
    table.add({"SERVICE", "NOW", "LIMIT", "ACCEPTED/S", "FAILED/S", "REFUSED/S", "ACCEPTED", "FAILED", "REFUSED"});
    for (const ServiceRate& rate : rates) table.add(row_of(rate));
    return table.to_string();
}

using Json = nlohmann::ordered_json;

Json to_json(const ListenerRate& rate) {
    return {{"service", rate.service},
            {"listener", rate.listener},
            {"protocol", rate.protocol},
            {"state", rate.state},
            {"lookups_per_sec", rate.lookups},
            {"steered_per_sec", rate.steered},
            {"refused_per_sec", rate.refused},
            {"no_socket_per_sec", rate.no_socket},
            {"assign_errors_per_sec", rate.errors},
            {"lookups", rate.total.lookups},
            {"steered", rate.total.steered},
            {"refused", rate.total.refused},
            {"no_socket", rate.total.no_socket},
            {"assign_errors", rate.total.errors}};
}

Json to_json(const ServiceRate& rate) {
    return {{"service", rate.service},
            {"now", rate.now},
            {"limit", rate.limit ? Json(*rate.limit) : Json()},
            {"accepted_per_sec", rate.accepted},
            {"failed_per_sec", rate.failed},
            {"refused_per_sec", rate.refused},
            {"accepted", rate.total.accepted},
            {"failed", rate.total.failed},
            {"refused", rate.total.refused}};
}

template <class Rate> Json all_to_json(const std::vector<Rate>& rates) {
    Json list = Json::array();
    for (const Rate& rate : rates) list.push_back(to_json(rate));
    return list;
}

} // namespace

Rates rates_between(const StatusView& earlier, const StatusView& later, Duration elapsed) {
    return {listener_rates(earlier, later, elapsed), service_rates(earlier, later, elapsed)};
}

std::string show_rates(const Rates& rates) {
    const std::string listeners = show_listeners(rates.listeners);
    return rates.services.empty() ? listeners : listeners + "\n" + show_services(rates.services);
}

std::string rates_to_json(const Rates& rates, std::int64_t realtime_usec, Duration elapsed) {
    const Json all{{"time_usec", realtime_usec},
                   {"interval_sec", std::chrono::duration<double>(elapsed).count()},
                   {"listeners", all_to_json(rates.listeners)},
                   {"services", all_to_json(rates.services)}};
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
