#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// What became of a file of the configuration.
enum class SourceUse : std::uint8_t {
    read,   ///< what it says counts
    mask,   ///< empty, or a link to /dev/null: it says nothing, and what it hides stays hidden
    hidden, ///< another one of the same name comes before it
    broken, ///< it could not be read; reported
};

struct Source {
    std::string path;
    SourceUse use = SourceUse::read;
    std::string hidden_by; ///< the path of what comes before it; "" unless hidden
};

/// All files that have a say in one unit, or in what one TOML file defines. swathe-units(7) has the rules.
struct SourceList {
    std::string name;                 ///< "foo.socket", "foo@bar.service", "foo.toml", "swathe.toml"
    std::string service;              ///< whose it is: "foo"; "" = nobody's, or the daemon's
    std::vector<std::string> aliases; ///< its other names, sorted: links to it
    std::vector<Source> files;        ///< the file itself, then those that it hides; none = there are drop-ins only
    std::vector<Source> drop_ins;     ///< in the order in which they are applied; hidden ones follow what hides them

    [[nodiscard]] bool masked() const noexcept { return !files.empty() && files.front().use == SourceUse::mask; }
};

/// The drop-in directories of a unit called `name` ("foo-bar@x.service"), best first: foo-bar@x.service.d, foo-bar@.service.d,
/// foo-.service.d, foo-@x.service.d, foo-@.service.d. The one of its type is not among them.
[[nodiscard]] std::vector<std::string> drop_in_directories(std::string_view name);

/// "foo@.service" for "foo@bar.service"; "" for what is no instance.
[[nodiscard]] std::string template_of(std::string_view name);
[[nodiscard]] bool is_template(std::string_view name) noexcept; ///< "foo@.service"

} // namespace swathe
