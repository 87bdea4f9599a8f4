#pragma once

#include "model/service.h"

namespace swathe {

/// When in the life of a service's sockets a command is run. systemd.socket(5), ExecStartPre= and its kin.
enum class SocketStage : std::uint8_t {
    start_pre,  ///< before a socket of the service is bound
    start_post, ///< after that, before traffic counts
    stop_pre,   ///< before the sockets are closed, when no process of the service is left
    stop_post,  ///< after that
};

[[nodiscard]] inline const std::vector<Command>& commands_of(const Service& service, SocketStage stage) noexcept {
    switch (stage) {
    case SocketStage::start_pre: return service.socket_start_pre;
    case SocketStage::start_post: return service.socket_start_post;
    case SocketStage::stop_pre: return service.socket_stop_pre;
    case SocketStage::stop_post: break;
    }
    return service.socket_stop_post;
}

[[nodiscard]] inline std::string_view key_of(SocketStage stage) noexcept {
    switch (stage) {
    case SocketStage::start_pre: return "socket_start_pre";
    case SocketStage::start_post: return "socket_start_post";
    case SocketStage::stop_pre: return "socket_stop_pre";
    case SocketStage::stop_post: break;
    }
    return "socket_stop_post";
}

/// The lists of commands around the sockets with the keys that set them, in the order in which they are run.
[[nodiscard]] inline auto socket_commands_of(const Service& service) noexcept {
    std::array<std::pair<std::string_view, const std::vector<Command>*>, 4> lists;
    for (std::size_t i = 0; i < lists.size(); ++i) {
        const auto stage = static_cast<SocketStage>(i);
        lists[i] = {key_of(stage), &commands_of(service, stage)};
    }
    return lists;
}

} // namespace swathe
