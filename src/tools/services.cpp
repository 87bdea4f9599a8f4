#include "tools/services.h"

#include <utility>

namespace swathe::tools {
namespace {

constexpr std::pair<std::string_view, Service> kNames[] = {{"echo", Service::echo},
                                                           {"discard", Service::discard},
                                                           {"chargen", Service::chargen},
                                                           {"daytime", Service::daytime},
                                                           {"time", Service::time}};
constexpr std::int64_t kEpoch = 2'208'988'800; // 1970 in seconds since 1900. RFC 868

std::size_t tell_daytime(std::time_t now, std::span<char> to) noexcept {
    std::tm local{};
    if (::localtime_r(&now, &local) == nullptr) return 0;
    return std::strftime(to.data(), to.size(), "%a %b %e %H:%M:%S %Y\r\n", &local);
}

std::size_t tell_time(std::time_t now, std::span<char> to) noexcept {
    const auto seconds = static_cast<std::uint32_t>(now + kEpoch);
    for (std::size_t i = 0; i < 4; ++i) to[i] = static_cast<char>(seconds >> (24 - 8 * i));
    return 4;
}

} // namespace

std::optional<Service> service_named(std::string_view argv0) noexcept {
    constexpr std::string_view kPrefix = "swathe-";
    argv0.remove_prefix(argv0.find_last_of('/') + 1); // npos + 1 = 0
    if (argv0.starts_with(kPrefix)) argv0.remove_prefix(kPrefix.size());
    for (const auto& [name, service] : kNames)
        if (name == argv0) return service;
    return std::nullopt;
}

std::size_t tell(Service service, std::time_t now, std::span<char> to) noexcept {
    switch (service) {
    case Service::daytime: return tell_daytime(now, to);
    case Service::time: return tell_time(now, to);
    case Service::echo:
    case Service::discard:
    case Service::chargen: return 0;
    }
    return 0;
}

} // namespace swathe::tools
