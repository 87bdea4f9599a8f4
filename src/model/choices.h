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
template <> inline constexpr auto kChoices<SocketKind> = std::to_array<Choice<SocketKind>>(
    {{"tcp", SocketKind::tcp}, {"udp", SocketKind::udp}, {"unix-stream", SocketKind::unix_stream},
     {"unix-datagram", SocketKind::unix_datagram}, {"unix-seqpacket", SocketKind::unix_seqpacket}});
template <> inline constexpr auto kChoices<Timestamping> = std::to_array<Choice<Timestamping>>(
    {{"off", Timestamping::off}, {"us", Timestamping::us}, {"ns", Timestamping::ns}});
template <> inline constexpr auto kChoices<WhenDown> = std::to_array<Choice<WhenDown>>(
    {{"queue", WhenDown::queue}, {"drop", WhenDown::drop}, {"pass", WhenDown::pass}});
template <> inline constexpr auto kChoices<FamilySockets> = std::to_array<Choice<FamilySockets>>(
    {{"dual", FamilySockets::dual}, {"split", FamilySockets::split}});
template <> inline constexpr auto kChoices<ListenerMode> = std::to_array<Choice<ListenerMode>>(
    {{"shared", ListenerMode::shared}, {"reuseport", ListenerMode::reuseport}});
template <> inline constexpr auto kChoices<Activation> = std::to_array<Choice<Activation>>(
    {{"on-demand", Activation::on_demand}, {"eager", Activation::eager}});
template <> inline constexpr auto kChoices<ServiceType> = std::to_array<Choice<ServiceType>>(
    {{"simple", ServiceType::simple}, {"exec", ServiceType::exec}, {"notify", ServiceType::notify},
     {"notify-reload", ServiceType::notify_reload}, {"oneshot", ServiceType::oneshot}, {"forking", ServiceType::forking}});
template <> inline constexpr auto kChoices<NotifyAccess> = std::to_array<Choice<NotifyAccess>>(
    {{"none", NotifyAccess::none}, {"main", NotifyAccess::main}, {"exec", NotifyAccess::exec}, {"all", NotifyAccess::all}});
template <> inline constexpr auto kChoices<RestartMode> = std::to_array<Choice<RestartMode>>(
    {{"normal", RestartMode::normal}, {"overlap", RestartMode::overlap}});
template <> inline constexpr auto kChoices<StorePreserve> = std::to_array<Choice<StorePreserve>>(
    {{"no", StorePreserve::no}, {"restart", StorePreserve::restart}, {"yes", StorePreserve::yes}});
template <> inline constexpr auto kChoices<TimeoutFailure> = std::to_array<Choice<TimeoutFailure>>(
    {{"terminate", TimeoutFailure::terminate}, {"abort", TimeoutFailure::abort}, {"kill", TimeoutFailure::kill}});
template <> inline constexpr auto kChoices<KillMode> = std::to_array<Choice<KillMode>>(
    {{"control-group", KillMode::control_group}, {"mixed", KillMode::mixed}, {"process", KillMode::process}, {"none", KillMode::none}});
template <> inline constexpr auto kChoices<CpuScheduling> = std::to_array<Choice<CpuScheduling>>(
    {{"other", CpuScheduling::other}, {"batch", CpuScheduling::batch}, {"idle", CpuScheduling::idle}, {"fifo", CpuScheduling::fifo}, {"rr", CpuScheduling::rr}});
template <> inline constexpr auto kChoices<IoClass> = std::to_array<Choice<IoClass>>(
    {{"none", IoClass::none}, {"realtime", IoClass::realtime}, {"best-effort", IoClass::best_effort}, {"idle", IoClass::idle}});
template <> inline constexpr auto kChoices<ProtectSystem> = std::to_array<Choice<ProtectSystem>>(
    {{"no", ProtectSystem::no}, {"yes", ProtectSystem::yes}, {"full", ProtectSystem::full}, {"strict", ProtectSystem::strict}});
template <> inline constexpr auto kChoices<ProtectHome> = std::to_array<Choice<ProtectHome>>(
    {{"no", ProtectHome::no}, {"yes", ProtectHome::yes}, {"read-only", ProtectHome::read_only}, {"tmpfs", ProtectHome::tmpfs}});
template <> inline constexpr auto kChoices<ProtectProc> = std::to_array<Choice<ProtectProc>>(
    {{"default", ProtectProc::all}, {"ptraceable", ProtectProc::ptraceable}, {"invisible", ProtectProc::invisible}, {"noaccess", ProtectProc::noaccess}});
template <> inline constexpr auto kChoices<ProcSubset> = std::to_array<Choice<ProcSubset>>({{"all", ProcSubset::all}, {"pid", ProcSubset::pid}});
template <> inline constexpr auto kChoices<PreserveMode> = std::to_array<Choice<PreserveMode>>(
    {{"no", PreserveMode::no}, {"restart", PreserveMode::restart}, {"yes", PreserveMode::yes}});
template <> inline constexpr auto kChoices<LimitAction> = std::to_array<Choice<LimitAction>>(
    {{"pause", LimitAction::pause}, {"fail", LimitAction::fail}});
template <> inline constexpr auto kChoices<OverLimit> = std::to_array<Choice<OverLimit>>(
    {{"refuse", OverLimit::refuse}, {"queue", OverLimit::queue}, {"drop", OverLimit::drop}});
template <> inline constexpr auto kChoices<EnvironmentStyle> = std::to_array<Choice<EnvironmentStyle>>(
    {{"systemd", EnvironmentStyle::systemd}, {"ucspi", EnvironmentStyle::ucspi}});
template <> inline constexpr auto kChoices<RestartPolicy> = std::to_array<Choice<RestartPolicy>>(
    {{"no", RestartPolicy::no}, {"always", RestartPolicy::always}, {"on-success", RestartPolicy::on_success},
     {"on-failure", RestartPolicy::on_failure}, {"on-abnormal", RestartPolicy::on_abnormal},
     {"on-abort", RestartPolicy::on_abort}, {"on-watchdog", RestartPolicy::on_watchdog}});

/// Words of systemd's for the same that swathe does not have.
template <class T> inline constexpr std::array<std::string_view, 0> kNotOurs{};
template <> inline constexpr auto kNotOurs<ServiceType> = std::to_array<std::string_view>({"dbus", "idle"});

/// What `value` is called. Every value has a name.
template <class T> [[nodiscard]] constexpr std::string_view name_of(T value) noexcept {
    for (const auto& choice : kChoices<T>)
        if (choice.value == value) return choice.name;
    return {};
}

} // namespace swathe
