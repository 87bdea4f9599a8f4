#include "base/text.h"
#include "ctl/show.h"

#include <ctime>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

std::string date_of(std::int64_t realtime_usec) {
    const auto seconds = static_cast<std::time_t>(realtime_usec / 1'000'000);
    std::tm parts{};
    char text[16] = "";
    if (::localtime_r(&seconds, &parts) == nullptr || std::strftime(text, sizeof text, "%F", &parts) == 0) return "?";
    return text;
}

} // namespace

std::string show_logged(const LogLineView& line) {
    const bool told_apart = line.stream == "stdout" || line.stream == "stderr";
    return fmt::format("{} {} {}[{}]{}{}: {}\n", date_of(line.time_usec), time_of_day(line.time_usec), escaped(line.service), line.pid,
                       told_apart ? " " : "", told_apart ? line.stream : "", escaped_line(line.text));
}

} // namespace swathe::ctl
