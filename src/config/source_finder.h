#pragma once

#include "config/loader.h"
#include "config/report.h"
#include "config/sources.h"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace swathe {

/// Which files the finder is about: those called NAME`suffix` in the directory `below` of each directory of the search path, with
/// drop-ins called *`drop_in_suffix`.
struct SourceKind {
    std::string_view below; ///< "" = the directories of the search path themselves
    std::string_view suffix;
    std::string_view drop_in_suffix;
};

/// Finds the files of units, or of TOML files, as systemd.unit(5) says: aliases, templates, drop-in directories. Looks at directories and
/// links, once each, and reads no file.
class SourceFinder {
public:
    /// Reports directories that cannot be read. One that is not there is fine.
    SourceFinder(const SearchPath& path, SourceKind kind, Report& report);

    /// Every unit that has a file or a link of its own, sorted by name; aliases and templates are none.
    [[nodiscard]] std::vector<SourceList> all();

    /// The unit that is called `name`, or for which `name` is an alias, or an instance of a template; nothing = there is none.
    [[nodiscard]] std::optional<SourceList> find(std::string_view name);

    /// The same for a file that has neither aliases nor drop-ins but those of NAME.d, and need not be there itself: swathe.toml.
    [[nodiscard]] SourceList find_plain(std::string_view name);

    /// Warns of drop-ins for units that nobody found.
    void report_lone_drop_ins();

private:
    struct Directory {
        std::string path;                                      ///< "/etc/swathe/units"
        std::map<std::string, std::string, std::less<>> files; ///< by name: the unit that it is a link to; "" = none
        std::map<std::string, std::optional<std::vector<std::string>>, std::less<>> drop_ins; ///< by name: what is in it, once it was read
    };
    using ByName = std::map<std::string, std::vector<Source>>; ///< std::map sorts by bytes

    void list(Directory& directory, const std::set<std::string>& units);
    void settle_links();
    [[nodiscard]] const std::string* link_of(std::string_view name) const;
    [[nodiscard]] std::string unit_of(std::string name) const;
    [[nodiscard]] SourceList sources_of(std::string name);
    [[nodiscard]] std::vector<std::string> aliases_of(const std::string& name) const;
    void add_files(SourceList& list, std::string_view file_name) const;
    void add_drop_ins(Directory& directory, std::string_view folder, ByName& found);
    void add_drop_ins_of(std::string_view name, ByName& found);

    SourceKind kind_;
    Report& report_;
    std::vector<Directory> directories_;
    std::map<std::string, std::vector<std::string>, std::less<>> aliases_; ///< by the unit's name
    std::set<std::string, std::less<>> used_;                              ///< drop-in directories that some unit looked for
};

} // namespace swathe
