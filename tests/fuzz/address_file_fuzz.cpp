// Files of addresses: each line is read as parse_claim() reads it alone, and what is wrong is named with its line and column.

#include "base/unique_fd.h"
#include "check.h"
#include "config/address_file.h"
#include "config/net_values.h"

#include <optional>
#include <sys/mman.h>
#include <unistd.h>

using namespace swathe;

namespace {

/// A file in memory, written anew for each input: the reader takes a path.
class MemoryFile {
public:
    MemoryFile() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)), path_(fmt::format("/proc/self/fd/{}", fd_.get())) {}
    void write(std::string_view text) const {
        FUZZ_CHECK(::ftruncate(fd_.get(), 0) == 0 && ::pwrite(fd_.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()),
                   "memfd");
    }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    UniqueFd fd_;
    std::string path_;
};

/// The entry of a line, where it has one.
std::optional<std::string_view> entry_of(std::string_view line) {
    constexpr std::string_view kSpace = " \t\r";
    line = line.substr(0, line.find('#'));
    const std::size_t begin = line.find_first_not_of(kSpace);
    if (begin == line.npos) return std::nullopt;
    return line.substr(begin, line.find_last_not_of(kSpace) - begin + 1);
}

/// What must come of `text`, or nothing if it must be refused.
std::optional<std::vector<AddressRange>> expected_of(std::string_view text) {
    std::vector<AddressRange> ranges;
    for (const std::string_view line : split(text, '\n')) {
        const auto entry = entry_of(line);
        if (!entry) continue;
        const auto range = parse_claim(*entry);
        if (!range) return std::nullopt;
        ranges.push_back(*range);
    }
    return ranges;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const MemoryFile file;
    const std::string_view text = fuzz::text_of(data, size);
    file.write(text);
    const SourceFile toml("fuzz.toml");
    Report report;
    const ValueContext context{report, "addresses_file", ""};
    std::vector<Endpoint> endpoints;
    const bool ok = read_addresses_file(Raw{file.path(), {toml, 3, 5}}, context, endpoints);
    const Diagnostics said = report.take();
    fuzz::check_diagnostics(said, SourceFile(file.path()), text);
    FUZZ_CHECK(ok != has_errors(said), "ok = {}, but {} diagnostics", ok, said.size());

    const auto lines = split(text, '\n');
    if (std::any_of(lines.begin(), lines.end(), [](std::string_view line) { return line.size() > 1024; })) {
        FUZZ_CHECK(!ok, "a line of more than 1024 bytes was taken");
        return 0;
    }
    const auto expected = expected_of(text);
    FUZZ_CHECK(ok == expected.has_value(), "taken: {}", ok);
    if (!ok) return 0;
    const auto& addresses = endpoints.at(0).addresses;
    FUZZ_CHECK(addresses.size() == expected->size(), "{} addresses of {}", addresses.size(), expected->size());
    for (std::size_t i = 0; i < addresses.size(); ++i)
        FUZZ_CHECK(addresses[i].value == (*expected)[i], "{}", addresses[i].value.to_string());
    return 0;
}
