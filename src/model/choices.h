#pragma once

#include "model/config.h"

#include <array>
#include <string_view>

namespace swathe {

/// The names of an enumeration's values in configuration files, systemd's where it has them.
template <class T> struct Choice {
    std::string_view name;
    T value;
};

template <class T> inline constexpr std::array<Choice<T>, 0> kChoices{};

template <> inline constexpr auto kChoices<Protocol> = std::to_array<Choice<Protocol>>(
    {{"tcp", Protocol::tcp}, {"udp", Protocol::udp}});
template <> inline constexpr auto kChoices<WhenDown> = std::to_array<Choice<WhenDown>>(
    {{"queue", WhenDown::queue}, {"drop", WhenDown::drop}, {"pass", WhenDown::pass}});
template <> inline constexpr auto kChoices<FamilySockets> = std::to_array<Choice<FamilySockets>>(
    {{"dual", FamilySockets::dual}, {"split", FamilySockets::split}});
template <> inline constexpr auto kChoices<Activation> = std::to_array<Choice<Activation>>(
    {{"on-demand", Activation::on_demand}, {"eager", Activation::eager}});
template <> inline constexpr auto kChoices<ServiceType> = std::to_array<Choice<ServiceType>>(
    {{"simple", ServiceType::simple}, {"exec", ServiceType::exec}, {"notify", ServiceType::notify}});
template <> inline constexpr auto kChoices<LimitAction> = std::to_array<Choice<LimitAction>>(
    {{"pause", LimitAction::pause}, {"fail", LimitAction::fail}});
template <> inline constexpr auto kChoices<RestartPolicy> = std::to_array<Choice<RestartPolicy>>(
    {{"no", RestartPolicy::no}, {"always", RestartPolicy::always}, {"on-success", RestartPolicy::on_success},
     {"on-failure", RestartPolicy::on_failure}, {"on-abnormal", RestartPolicy::on_abnormal},
     {"on-abort", RestartPolicy::on_abort}, {"on-watchdog", RestartPolicy::on_watchdog}});

/// Words of systemd's for the same that are not supported yet.
template <class T> inline constexpr std::array<std::string_view, 0> kNotYet{};
template <> inline constexpr auto kNotYet<ServiceType> = std::to_array<std::string_view>({"forking", "oneshot", "dbus", "idle", "notify-reload"});

/// What `value` is called. Every value has a name.
template <class T> [[nodiscard]] constexpr std::string_view name_of(T value) noexcept {
    for (const auto& choice : kChoices<T>)
        if (choice.value == value) return choice.name;
    return {};
}

} // namespace swathe
