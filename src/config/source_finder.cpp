#include "config/source_finder.h"

#include "base/text.h"
#include "config/files.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr int kLinks = 40; ///< in a row, as the kernel follows them: path_resolution(7)

bool ends_with(std::string_view text, std::string_view suffix) noexcept { return text.size() > suffix.size() && text.ends_with(suffix); }

std::string canonical(const std::string& path) {
    std::error_code error;
    const auto found = std::filesystem::canonical(path, error);
    return error ? path : found.string();
}

/// The name of the unit that a link leads to, if that lies in one of the directories `units`; else "".
std::string linked_unit(const std::string& directory, const std::string& name, const std::set<std::string>& units) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink(directory + "/" + name, error);
    if (error || !target.has_filename()) return {};
    const auto full = target.is_absolute() ? target : std::filesystem::path(directory) / target;
    return units.count(canonical(full.parent_path().string())) == 0 ? std::string() : full.filename().string();
}

/// "foo@bar.service" of "foo@.service" and "x@bar.service".
std::string instance_of(std::string_view above, std::string_view like) {
    const std::size_t at = like.find('@');
    const std::string_view instance = like.substr(at + 1, like.rfind('.') - at - 1);
    const std::size_t cut = above.find('@') + 1;
    return fmt::format("{}{}{}", above.substr(0, cut), instance, above.substr(cut));
}

void append(std::vector<Source>& list, std::map<std::string, std::vector<Source>>& by_name) {
    for (auto& [name, same] : by_name) std::move(same.begin(), same.end(), std::back_inserter(list));
}

enum class NameKind : std::uint8_t { plain, templ, instance };

NameKind kind_of(std::string_view name) {
    return is_template(name) ? NameKind::templ : template_of(name).empty() ? NameKind::plain : NameKind::instance;
}

} // namespace

SourceFinder::SourceFinder(const SearchPath& path, SourceKind kind, Report& report) : kind_(kind), report_(report) {
    std::set<std::string> units;
    for (const std::string& root : path.directories) {
        Directory& directory = directories_.emplace_back();
        directory.path = kind_.below.empty() ? root : fmt::format("{}/{}", root, kind_.below);
        units.insert(canonical(directory.path));
    }
    for (Directory& directory : directories_) list(directory, units);
    settle_links();
}

void SourceFinder::list(Directory& directory, const std::set<std::string>& units) {
    const std::string folder_suffix = fmt::format("{}.d", kind_.suffix);
    for (DirectoryEntry& entry : entries_in(directory.path, report_)) {
        const std::string_view name = entry.name;
        if (ends_with(name, kind_.suffix)) {
            std::string link = entry.is_link ? linked_unit(directory.path, entry.name, units) : std::string();
            if (!ends_with(link, kind_.suffix) || link == name) link.clear(); // a link to another place is a file like any other
            directory.files.emplace(std::move(entry.name), std::move(link));
        } else if (ends_with(name, folder_suffix) || name == std::string_view(folder_suffix).substr(1)) {
            directory.drop_ins.emplace(std::move(entry.name), std::nullopt);
        }
    }
}

/// Makes of each link to a unit what it is: an instance of a template, an alias, or something that cannot be.
void SourceFinder::settle_links() {
    for (Directory& directory : directories_)
        for (auto file = directory.files.begin(); file != directory.files.end();) {
            auto& [name, link] = *file;
            const NameKind of_link = link.empty() ? NameKind::plain : kind_of(link);
            const bool instantiates = !link.empty() && kind_of(name) == NameKind::instance && of_link == NameKind::templ;
            if (instantiates) link = instance_of(link, name) == name ? std::string() : instance_of(link, name);
            const bool fits = link.empty() || instantiates || kind_of(name) == of_link;
            if (fits && !link.empty() && unit_of(link).empty()) link.clear(); // leads nowhere: opening it will say so
            if (!fits) {
                report_.warning({SourceFile(fmt::format("{}/{}", directory.path, name)), 0, 0}, "",
                                fmt::format("a link to {}, which it cannot be an alias of; it is ignored", link));
                file = directory.files.erase(file);
            } else {
                ++file;
            }
        }
    std::set<std::string_view> names;
    for (const Directory& directory : directories_)
        for (const auto& [name, link] : directory.files) names.insert(name);
    for (const std::string_view name : names)
        if (std::string unit = unit_of(std::string(name)); !unit.empty() && unit != name) aliases_[std::move(unit)].emplace_back(name);
}

/// What the first file called `name` is a link to; null = there is no such file.
const std::string* SourceFinder::link_of(std::string_view name) const {
    for (const Directory& directory : directories_)
        if (const auto found = directory.files.find(name); found != directory.files.end()) return &found->second;
    return nullptr;
}

std::string SourceFinder::unit_of(std::string name) const {
    for (int i = 0; i < kLinks; ++i) {
        if (const std::string* link = link_of(name)) {
            if (link->empty()) return name;
            name = *link;
            continue;
        }
        const std::string above = template_of(name);
        const std::string* link = above.empty() ? nullptr : link_of(above);
        if (link == nullptr) return {};
        if (link->empty()) return name;
        name = instance_of(*link, name);
    }
    return {};
}

std::vector<std::string> SourceFinder::aliases_of(const std::string& name) const {
    std::vector<std::string> names;
    if (const auto own = aliases_.find(name); own != aliases_.end()) names = own->second;
    if (const auto of_template = aliases_.find(template_of(name)); of_template != aliases_.end())
        for (const std::string& other : of_template->second) names.push_back(instance_of(other, name));
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

void SourceFinder::add_files(SourceList& list, std::string_view file_name) const {
    for (const Directory& directory : directories_) {
        const auto file = directory.files.find(file_name);
        if (file == directory.files.end()) continue;
        const bool first = list.files.empty();
        list.files.push_back({fmt::format("{}/{}", directory.path, file_name), first ? SourceUse::read : SourceUse::hidden,
                              first ? std::string() : list.files.front().path});
    }
}

/// Adds the drop-ins in one directory; what is there already hides those of its name.
void SourceFinder::add_drop_ins(Directory& directory, std::string_view folder, ByName& found) {
    const auto entry = directory.drop_ins.find(folder);
    if (entry == directory.drop_ins.end()) return;
    const std::string full = fmt::format("{}/{}", directory.path, folder);
    auto& names = entry->second;
    if (!names) {
        names.emplace();
        for (DirectoryEntry& drop_in : entries_in(full, report_))
            if (ends_with(drop_in.name, kind_.drop_in_suffix)) names->push_back(std::move(drop_in.name));
    }
    for (const std::string& name : *names) {
        std::vector<Source>& same = found[name];
        const bool first = same.empty();
        same.push_back({fmt::format("{}/{}", full, name), first ? SourceUse::read : SourceUse::hidden,
                        first ? std::string() : same.front().path});
    }
}

/// Adds those of one of the unit's names: a directory of the search path that comes first wins, however little specific the drop-in is.
void SourceFinder::add_drop_ins_of(std::string_view name, ByName& found) {
    const std::vector<std::string> folders = drop_in_directories(name);
    used_.insert(folders.begin(), folders.end());
    for (Directory& directory : directories_)
        for (const std::string& folder : folders) add_drop_ins(directory, folder, found);
}

SourceList SourceFinder::sources_of(std::string name) {
    SourceList list;
    list.name = std::move(name);
    list.aliases = aliases_of(list.name);
    add_files(list, list.name);
    if (const std::string above = template_of(list.name); !above.empty()) add_files(list, above);

    ByName drop_ins;
    add_drop_ins_of(list.name, drop_ins);
    for (const std::string& alias : list.aliases) add_drop_ins_of(alias, drop_ins);
    const std::string of_type = fmt::format("{}.d", kind_.suffix.substr(1)); // for all units of the type: behind all others
    for (Directory& directory : directories_) add_drop_ins(directory, of_type, drop_ins);
    append(list.drop_ins, drop_ins);
    return list;
}

std::vector<SourceList> SourceFinder::all() {
    std::set<std::string> units;
    for (const Directory& directory : directories_)
        for (const auto& [name, link] : directory.files)
            if (!is_template(name))
                if (std::string unit = unit_of(name); !unit.empty()) units.insert(std::move(unit));
    std::vector<SourceList> lists;
    for (const std::string& unit : units) lists.push_back(sources_of(unit));
    return lists;
}

std::optional<SourceList> SourceFinder::find(std::string_view name) {
    if (is_template(name)) return std::nullopt;
    std::string unit = unit_of(std::string(name));
    if (unit.empty()) return std::nullopt;
    return sources_of(std::move(unit));
}

SourceList SourceFinder::find_plain(std::string_view name) {
    SourceList list;
    list.name = name;
    add_files(list, name);
    ByName drop_ins;
    for (Directory& directory : directories_) add_drop_ins(directory, list.name + ".d", drop_ins);
    append(list.drop_ins, drop_ins);
    return list;
}

void SourceFinder::report_lone_drop_ins() {
    for (Directory& directory : directories_)
        for (const auto& [folder, names] : directory.drop_ins) {
            const std::string_view name = std::string_view(folder).substr(0, folder.size() - 2);
            const bool of_many = is_template(name) || name.find('.') == name.npos || name[name.rfind('.') - 1] == '-';
            if (of_many || !used_.insert(folder).second) continue;
            ByName found;
            for (Directory& other : directories_) add_drop_ins(other, folder, found);
            if (found.empty()) continue;
            const std::string above = template_of(name);
            const bool instance = !above.empty() && link_of(above) != nullptr;
            report_.warning({SourceFile(found.begin()->second.front().path), 0, 0}, "",
                            instance ? fmt::format("a drop-in, but {} is not asked for; make it a link to {}", quoted(name), above)
                                     : fmt::format("a drop-in, but there is no {}", quoted(name)));
        }
}

} // namespace swathe
