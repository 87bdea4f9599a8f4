#include "config/sources.h"

#include <algorithm>

namespace swathe {
namespace {

/// A unit's name in its parts: PREFIX[@[INSTANCE]].SUFFIX
struct Parts {
    std::string_view prefix;
    std::string_view at;       ///< "@" or ""
    std::string_view instance; ///< "" = none, or a template
    std::string_view suffix;   ///< ".service"

    explicit Parts(std::string_view name) : suffix(name.substr(std::min(name.rfind('.'), name.size()))) {
        const std::string_view bare = name.substr(0, name.size() - suffix.size());
        const std::size_t mark = bare.find('@');
        prefix = bare.substr(0, mark);
        if (mark == bare.npos) return;
        at = bare.substr(mark, 1);
        instance = bare.substr(mark + 1);
    }
};

std::string name_of(std::string_view prefix, std::string_view instance, std::string_view suffix) {
    std::string name(prefix);
    if (!instance.empty()) (name += '@') += instance;
    return name += suffix;
}

/// "foo-" for "foo-bar" and for "foo-bar-"; "" where nothing is left.
std::string_view shorter_prefix(std::string_view prefix) noexcept {
    if (prefix.ends_with('-')) prefix.remove_suffix(1);
    const std::size_t dash = prefix.rfind('-');
    return dash == prefix.npos || dash == 0 ? std::string_view() : prefix.substr(0, dash + 1);
}

/// systemd climbs from the template and from the shorter prefix alike; what was met before is not met again.
void climb(std::string_view name, std::vector<std::string>& out) {
    std::string directory = std::string(name) + ".d";
    if (std::find(out.begin(), out.end(), directory) != out.end()) return;
    out.push_back(std::move(directory));
    if (const std::string above = template_of(name); !above.empty()) climb(above, out);
    const Parts parts(name);
    if (const std::string_view prefix = shorter_prefix(parts.prefix); !prefix.empty())
        climb(name_of(prefix, parts.instance, parts.suffix), out);
}

} // namespace

std::string template_of(std::string_view name) {
    const Parts parts(name);
    if (parts.instance.empty() || parts.prefix.empty()) return {};
    return std::string(parts.prefix) + "@" + std::string(parts.suffix);
}

bool is_template(std::string_view name) noexcept {
    const Parts parts(name);
    return !parts.at.empty() && parts.instance.empty();
}

std::vector<std::string> drop_in_directories(std::string_view name) {
    std::vector<std::string> directories;
    climb(name, directories);
    return directories;
}

} // namespace swathe
