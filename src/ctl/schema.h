#pragma once

#include <cstdint>
#include <string>

namespace swathe::ctl {

enum class Schema : std::uint8_t {
    service, ///< services.d/NAME.toml
    drop_in, ///< services.d/NAME.toml.d/*.toml: nothing is required
    daemon,  ///< swathe.toml and its drop-ins
};

/// A JSON schema (draft 7) of TOML files, made from the directive table: what an editor or a validator of JSON schemas
/// accepts, and says about each key. It is looser than the readers where a pattern cannot say what they know, and never
/// stricter in what the manual shows.
[[nodiscard]] std::string schema_text(Schema schema);

} // namespace swathe::ctl
