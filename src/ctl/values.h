#pragma once

#include "config/texts.h"
#include "config/written.h"

#include <string>
#include <vector>

namespace swathe::ctl {

/// What `swathectl show` says: the value of each key of a service that counts in the end, and where it comes from.
struct ShownValue {
    struct Part {
        std::string text; ///< "" = the part has no text of its own: the value's is all
        std::vector<SourcePos> places;
    };
    const Directive* directive = nullptr;
    std::string block;       ///< "", "listen", "service"; in unit names the unit: "foo.socket"
    std::string listener;    ///< the listener's name, where it is a listener's
    std::string text;        ///< as it would be written; of a default in the manual's words
    std::vector<Part> parts; ///< of lists from more places than one; else one
    bool is_default = false;
};

/// In TOML's names. In the order of the directive table, listeners between the file's own keys and the service's.
[[nodiscard]] std::vector<ShownValue> values_in_toml(const WrittenService& service);

/// In the names of units. Reports what no unit can say.
[[nodiscard]] std::vector<ShownValue> values_in_units(const WrittenService& service, Report& left_out);

/// What a unit of systemd's says to us, in the names of units.
[[nodiscard]] std::vector<ShownValue> values_beside(const BesideText& unit);

/// Those of the keys, in either format's names. `unknown` gets the first that no directive has.
[[nodiscard]] std::vector<ShownValue> only_keys(std::vector<ShownValue> values, const std::vector<std::string>& keys,
                                                std::string& unknown);

[[nodiscard]] std::string values_table(const std::vector<ShownValue>& values, Format names);
[[nodiscard]] std::string values_json(const std::string& service, Format written, const std::vector<std::string>& files,
                                      const std::vector<ShownValue>& values, Format names);

} // namespace swathe::ctl
