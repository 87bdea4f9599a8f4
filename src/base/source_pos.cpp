#include "base/source_pos.h"

#include <deque>
#include <mutex>
#include <unordered_map>

namespace swathe {
namespace {

struct Pool {
    std::mutex mutex;
    std::deque<std::string> names{std::string{}}; // a deque: references stay valid while it grows
    std::unordered_map<std::string_view, std::uint32_t> ids{{names.front(), 0}};
};

Pool& pool() {
    static Pool instance;
    return instance;
}

} // namespace

SourceFile::SourceFile(std::string_view name) {
    Pool& p = pool();
    const std::scoped_lock lock(p.mutex);
    if (const auto known = p.ids.find(name); known != p.ids.end()) {
        id_ = known->second;
        return;
    }
    id_ = static_cast<std::uint32_t>(p.names.size());
    p.ids.emplace(p.names.emplace_back(name), id_);
}

const std::string& SourceFile::name() const {
    Pool& p = pool();
    const std::scoped_lock lock(p.mutex);
    return p.names[id_];
}

std::string SourcePos::to_string() const {
    std::string text = file.name();
    for (const std::uint32_t part : {line, column}) {
        if (part == 0) break;
        if (!text.empty()) text += ':';
        text += std::to_string(part);
    }
    return text;
}

} // namespace swathe
