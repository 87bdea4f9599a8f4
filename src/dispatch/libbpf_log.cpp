#include "dispatch/libbpf_log.h"

#include "base/text.h"

#include <cstdarg>
#include <cstdio>
#include <mutex>

#include <bpf/libbpf.h>

namespace swathe {
namespace {

constexpr std::size_t kKeptBytes = std::size_t{64} << 10; // the verifier's log comes as one piece, its reason at the end
constexpr std::size_t kShownLines = 4;

thread_local std::string* kept = nullptr;

int keep(libbpf_print_level level, const char* format, va_list arguments) noexcept {
    if (kept == nullptr || level == LIBBPF_DEBUG) return 0;
    va_list copy;
    va_copy(copy, arguments);
    const int length = std::vsnprintf(nullptr, 0, format, copy);
    va_end(copy);
    if (length <= 0) return 0;
    std::string text(static_cast<std::size_t>(length) + 1, '\0');
    (void)std::vsnprintf(text.data(), text.size(), format, arguments);
    text.pop_back();
    kept->append(text);
    if (kept->size() > kKeptBytes) kept->erase(0, kept->size() - kKeptBytes);
    return length;
}

/// The frame around the verifier's log says nothing; the reason stands just before it ends.
bool worth_showing(std::string_view line) {
    return !line.empty() && line.substr(0, 3) != "-- " && line.substr(0, 10) != "processed " && line.find("failed to load") == line.npos;
}

} // namespace

LibbpfLog::LibbpfLog() {
    static std::once_flag once;
    std::call_once(once, [] { libbpf_set_print(keep); });
    static thread_local std::string text;
    text.clear();
    kept = &text;
}

LibbpfLog::~LibbpfLog() { kept = nullptr; }

Failure LibbpfLog::failure(const std::string& what, int errno_value) const {
    std::vector<std::string_view> lines;
    for (const std::string_view line : split(*kept, '\n'))
        if (worth_showing(trim(line))) lines.push_back(trim(line));
    std::string message = what;
    const std::size_t skipped = lines.size() > kShownLines ? lines.size() - kShownLines : 0;
    for (std::size_t i = skipped; i < lines.size(); ++i) {
        message += i == skipped ? ": " : "; ";
        message += lines[i];
    }
    return swathe::failure(std::move(message), errno_value);
}

} // namespace swathe
