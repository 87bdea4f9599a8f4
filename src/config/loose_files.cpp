#include "config/loose_files.h"

#include "base/text.h"
#include "config/files.h"
#include "config/service_name.h"
#include "config/toml_reader.h"
#include "config/unit_lexer.h"

#include <algorithm>

#include <fmt/format.h>

namespace swathe {
namespace {

SourcePos place_of(const std::string& path) { return {SourceFile(path), 0, 0}; }

std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string stem_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

class Reading {
public:
    Reading(bool drop_ins, Report& report) : drop_ins_(drop_ins), report_(report) {}

    void add(const std::string& path) {
        const std::string name = name_of(path);
        const bool is_template = name.ends_with("@.service"); // of one instance per connection
        if (const auto ok = check_service_name(is_template ? name.substr(0, name.rfind('@')) : stem_of(name)); !ok)
            return report_.error(place_of(path), "", ok.error().message);
        if (name.ends_with(".toml"))
            add_toml(path, stem_of(name));
        else if (name.ends_with(".socket"))
            seen_.sockets.push_back(read_unit(path, UnitKind::socket));
        else if (name.ends_with(".service"))
            seen_.services.push_back(read_unit(path, UnitKind::service));
        else
            report_.error(place_of(path), "", "neither a .socket or .service file nor a .toml file");
    }

    Texts finish() {
        const auto by_name = [](const Unit& a, const Unit& b) { return a.name < b.name; };
        std::sort(seen_.sockets.begin(), seen_.sockets.end(), by_name);
        std::sort(seen_.services.begin(), seen_.services.end(), by_name);
        return std::move(seen_);
    }

private:
    /// The file and, if they are asked for, its drop-ins.
    std::vector<std::string> files_of(const std::string& path, std::string_view suffix) {
        std::vector<std::string> files{path};
        if (!drop_ins_) return files;
        for (const DirectoryEntry& entry : entries_in(path + ".d", report_))
            if (entry.name.ends_with(suffix) && entry.name.size() > suffix.size())
                files.push_back(fmt::format("{}.d/{}", path, entry.name));
        return files;
    }

    template <class F> void read(const std::string& path, F take) {
        const auto file = read_config_file(path);
        if (!file)
            report_.error(place_of(path), "", file.error().to_string());
        else if (!file->masked)
            take(file->text, SourceFile(path));
    }

    void add_toml(const std::string& path, const std::string& service) {
        TomlText toml{service, {}, {}};
        std::vector<std::pair<Raw::Table, SourceFile>> roots;
        for (const std::string& file : files_of(path, ".toml"))
            read(file, [&](std::string_view bytes, SourceFile source) {
                auto root = read_toml(bytes, source);
                if (!root) return report_.error(*root.error().pos, "", root.error().message);
                toml.text.accepts = accept_in(*root).value_or(toml.text.accepts);
                roots.emplace_back(std::move(*root), source);
                toml.files.push_back(file);
            });
        for (const auto& [root, source] : roots) merge_toml_service(toml.text, service, root, source, report_);
        if (!toml.files.empty()) seen_.toml.push_back(std::move(toml));
    }

    Unit read_unit(const std::string& path, UnitKind kind) {
        Unit unit;
        unit.name = name_of(path);
        if (unit.name.ends_with("@.service")) unit.name = connection_unit(unit.name.substr(0, unit.name.rfind('@')));
        unit.pos = unit.text.block.pos = place_of(path);
        for (const std::string& file : files_of(path, ".conf"))
            read(file, [&](std::string_view bytes, SourceFile source) {
                merge_unit(unit.text, kind, unit.id(), lex_unit(bytes, source, report_), report_);
                unit.files.push_back(file);
            });
        unit.masked = unit.files.empty();
        return unit;
    }

    bool drop_ins_;
    Report& report_;
    Texts seen_;
};

} // namespace

Texts read_loose_files(const std::vector<std::string>& paths, bool drop_ins, Report& report) {
    Reading reading(drop_ins, report);
    for (const std::string& path : paths) reading.add(path);
    return reading.finish();
}

} // namespace swathe
