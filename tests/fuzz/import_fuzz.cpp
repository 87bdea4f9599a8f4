// inetd.conf, xinetd.conf and tubular's bindings: whatever they are, what is made of them loads.

#include "check.h"
#include "config/build.h"
#include "config/toml_reader.h"
#include "config/write_toml.h"
#include "import/inetd.h"
#include "import/tubular.h"
#include "import/xinetd.h"

using namespace swathe;

namespace {

std::optional<std::uint16_t> port_of(const std::string& service, std::string_view) {
    return service == "echo" ? std::optional<std::uint16_t>(7) : std::nullopt;
}

std::vector<WrittenService> imported(char format, std::string_view text, Report& report) {
    const SourceFile file("fuzz");
    if (format == 'i') return import_inetd(text, file, port_of, report);
    if (format == 'x') return import_xinetd({parse_xinetd(text, file, report)}, port_of, report);
    return import_tubular(text, file, report);
}

void check_loads(const WrittenService& service) {
    const std::string text = to_toml(service);
    const auto root = read_toml(text, SourceFile("made"));
    FUZZ_CHECK(root.has_value(), "{}", text);
    Report report;
    TomlService read;
    read.accepts = accept_in(*root).value_or(false);
    merge_toml_service(read, service.name, *root, SourceFile("made"), report);
    const bool built = build_service(read, service.name, report).has_value();
    FUZZ_CHECK(built && !report.has_errors(), "{}", text);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    Report report;
    for (const WrittenService& service : imported(text.front(), text.substr(1), report)) check_loads(service);
    return 0;
}
