#include "ctl/paths.h"

#include "ctl/answer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace swathe::ctl {

void print_paths(const std::vector<std::string>& paths, bool json, std::string_view what) {
    if (json) return print_line(nlohmann::json(paths).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
    for (const std::string& path : paths) print_line(fmt::format("{}{}", what, path));
}

} // namespace swathe::ctl
