#include "ctl/text.h"

#include <algorithm>
#include <array>
#include <clocale>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <langinfo.h>
#include <unistd.h>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

const char* escape_of(Colour colour) noexcept {
    switch (colour) {
    case Colour::none: return "";
    case Colour::green: return "\x1b[32m";
    case Colour::yellow: return "\x1b[33m";
    case Colour::red: return "\x1b[31m";
    case Colour::grey: return "\x1b[90m";
    }
    return "";
}

std::int64_t realtime_usec() noexcept {
    timespec ts{};
    (void)::clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * 1'000'000LL + ts.tv_nsec / 1000;
}

} // namespace

Look look_of(int fd) {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* terminal = std::getenv("TERM");
    const bool dumb = terminal == nullptr || std::strcmp(terminal, "dumb") == 0;
    (void)std::setlocale(LC_CTYPE, "");
    return {::isatty(fd) == 1 && !dumb && (no_colour == nullptr || *no_colour == '\0'),
            std::strcmp(::nl_langinfo(CODESET), "UTF-8") == 0, realtime_usec()};
}

std::string paint(const Look& look, Colour colour, const std::string& text) {
    if (!look.colour || colour == Colour::none) return text;
    return escape_of(colour) + text + "\x1b[0m";
}

std::size_t width_of_text(std::string_view text) noexcept {
    const auto leads = [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; };
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), leads));
}

std::string Table::to_string() const {
    std::vector<std::size_t> widths;
    for (const auto& row : rows_) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of_text(row[i]));
    }
    std::string text;
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += row[i];
            text.append(widths[i] - width_of_text(row[i]) + 2, ' ');
        }
        text.erase(text.find_last_not_of(' ') + 1);
        text += '\n';
    }
    return text;
}

std::string calendar(std::int64_t realtime_usec) {
    const auto seconds = static_cast<time_t>(realtime_usec / 1'000'000);
    tm parts{};
    char text[64] = "";
    if (::localtime_r(&seconds, &parts) == nullptr || std::strftime(text, sizeof text, "%a %F %T %Z", &parts) == 0) return "?";
    return text;
}

std::string time_of_day(std::int64_t realtime_usec) {
    const auto seconds = static_cast<time_t>(realtime_usec / 1'000'000);
    tm parts{};
    char text[16] = "";
    if (::localtime_r(&seconds, &parts) == nullptr || std::strftime(text, sizeof text, "%T", &parts) == 0) return "?";
    return fmt::format("{}.{:06}", text, realtime_usec % 1'000'000);
}

std::string span_text(std::int64_t usec) {
    struct Unit {
        std::int64_t seconds;
        const char* name;
    };
    static constexpr std::array<Unit, 4> kUnits{{{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}}};
    std::int64_t left = std::max<std::int64_t>(0, usec / 1'000'000);
    std::string text;
    int parts = 0;
    for (const Unit& unit : kUnits) {
        const std::int64_t n = left / unit.seconds;
        left %= unit.seconds;
        if (parts == 0 && n == 0 && unit.seconds > 1) continue;
        if (parts++ == 2) break;
        if (n > 0 || text.empty()) text += fmt::format("{}{}{}", text.empty() ? "" : " ", n, unit.name);
    }
    return text;
}

} // namespace swathe::ctl
