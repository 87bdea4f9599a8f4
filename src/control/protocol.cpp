#include "control/protocol.h"

namespace swathe {

const char* error_name(Refusal kind) noexcept {
    switch (kind) {
    case Refusal::failed: return "org.swathe.Error.Failed";
    case Refusal::no_such_service: return "org.swathe.Error.NoSuchService";
    case Refusal::bad_request: return "org.swathe.Error.BadRequest";
    }
    return "org.swathe.Error.Failed";
}

std::optional<Refusal> refusal_of(std::string_view name) noexcept {
    for (const Refusal kind : {Refusal::failed, Refusal::no_such_service, Refusal::bad_request})
        if (name == error_name(kind)) return kind;
    return std::nullopt;
}

} // namespace swathe
