#pragma once

#include "control/client.h"
#include "ctl/parse.h"

namespace swathe::ctl {

[[nodiscard]] Reply<ControlClient> connect_to_daemon(const Invocation& invocation);

} // namespace swathe::ctl
