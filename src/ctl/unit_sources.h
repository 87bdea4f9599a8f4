#pragma once

#include "config/loader.h"
#include "config/texts.h"

#include <string>
#include <string_view>
#include <vector>

namespace swathe::ctl {

/// A configuration with what its files say.
struct Seen : Texts {
    Loaded loaded;
};
[[nodiscard]] Seen look_at(const SearchPath& path);

/// Which service and which of its files a word on the command line means.

/// The files of the service `name`, or of the one file or unit that is called so ("foo.socket", "swathe.toml"); aliases
/// count. In the order in which they are read; they point into `seen`.
[[nodiscard]] std::vector<const SourceList*> sources_called(const Seen& seen, std::string_view name);

/// The service that is called `name`, by its own name; "" = none.
[[nodiscard]] std::string service_called(const Seen& seen, std::string_view name);

/// What the unit of systemd's that is called `name` ("foo.socket") says to us; null = there is none.
[[nodiscard]] const BesideText* beside_called(const Seen& seen, std::string_view name);

/// As sources_called(), and where that finds nothing the files of such a unit.
[[nodiscard]] std::vector<const SourceList*> shown_sources(const Seen& seen, std::string_view name);

/// "there is no service "nam"; did you mean name?" Of a unit that systemd supervises: that its files are systemd's to change.
[[nodiscard]] std::string no_such_service(const Seen& seen, std::string_view name);

/// A file of a service and its text, as `swathectl cat` prints it.
struct SourceText {
    std::string unit; ///< "foo.socket": what it has a say in
    const Source* source = nullptr;
    std::string text; ///< of files that count
};

[[nodiscard]] std::string sources_text(const std::vector<SourceText>& files);
[[nodiscard]] std::string sources_json(const std::vector<SourceText>& files);

} // namespace swathe::ctl
