#include "config/loader.h"

#include "base/text.h"
#include "config/build.h"
#include "config/files.h"
#include "config/limits.h"
#include "config/links.h"
#include "config/service_name.h"
#include "config/systemd_units.h"
#include "config/toml_reader.h"
#include "config/unit_config.h"
#include "config/validate.h"

#include <algorithm>
#include <map>
#include <sys/stat.h>

#include <fmt/format.h>

namespace swathe {
namespace {

std::string error_text() {
    const Failure why = system_failure("configuration directory");
    return why.value().to_string();
}

SourcePos place_of(const std::string& path) { return {SourceFile(path), 0, 0}; }

/// systemd.unit(5), "UNIT FILE LOAD PATH", of the system manager; /lib is where Debian 12 has its units if /usr is not merged.
std::vector<std::string> systemd_directories() {
    std::vector<std::string> all;
    for (const char* directory : {"/etc/systemd/system.control", "/run/systemd/system.control", "/run/systemd/transient",
                                  "/run/systemd/generator.early", "/etc/systemd/system", "/run/systemd/system", "/run/systemd/generator",
                                  "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
                                  "/run/systemd/generator.late"})
        all.emplace_back(directory);
    return all;
}

/// The services and rules of all files, while they are read.
class Loading {
public:
    explicit Loading(const SearchPath& path) : path_(path) {}

    Loaded run() {
        if (path_.required) check_directories();
        read_daemon_settings();
        for (const ConfigFile& file : files_of("services.d", ".toml", ".toml")) read_toml_service(file);
        read_units();
        read_units_of_systemd();
        std::sort(config_.services.begin(), config_.services.end(),
                  [](const Service& a, const Service& b) { return a.name < b.name; });
        link_services(config_.services, [this](const Service& s) { return toml_files_.count(s.name) == 0; }, report_);
        validate(config_, report_);
        return {std::move(config_), report_.take()};
    }

private:
    void check_directories() {
        for (const std::string& directory : path_.directories) {
            struct stat status {};
            if (::stat(directory.c_str(), &status) < 0)
                report_.error(place_of(directory), "", error_text());
            else if (!S_ISDIR(status.st_mode))
                report_.error(place_of(directory), "", "not a directory");
        }
    }

    /// Reads a file and hands its text to `take(text, file)`, which returns false if it is no use. Masked files count
    /// as read.
    template <class F> bool read(const std::string& path, F take) {
        const auto file = read_config_file(path);
        if (!file) {
            report_.error(place_of(path), "", file.error().to_string());
            return false;
        }
        return file->masked || take(file->text, SourceFile(path));
    }

    template <class F> bool read_table(const std::string& path, F take) {
        return read(path, [&](std::string_view text, SourceFile file) {
            const auto root = read_toml(text, file);
            if (root)
                take(*root, file);
            else
                report_.error(*root.error().pos, "", root.error().message);
            return root.has_value();
        });
    }

    /// The files that are there; drop-ins alone make no service and are warned of.
    std::vector<ConfigFile> files_of(std::string_view below, std::string_view suffix, std::string_view drop_in_suffix) {
        std::vector<ConfigFile> files = find_config_files(path_, below, suffix, drop_in_suffix, report_);
        const auto there =
            std::stable_partition(files.begin(), files.end(), [](const ConfigFile& f) { return !f.path.empty(); });
        for (auto lone = there; lone != files.end(); ++lone)
            report_.warning(place_of(lone->drop_ins.front()), "",
                            fmt::format("a drop-in, but there is no {}", quoted(lone->name)));
        files.erase(there, files.end());
        return files;
    }

    void read_daemon_settings() {
        TomlDaemon text;
        for (const ConfigFile& file : find_config_files(path_, "", ".toml", ".toml", report_)) {
            if (file.name != "swathe.toml") continue;
            const auto merge = [&](const Raw::Table& root, SourceFile source) {
                merge_toml_daemon(text, root, source, report_);
            };
            if (!file.path.empty()) (void)read_table(file.path, merge); // drop-ins alone will do
            for (const std::string& drop_in : file.drop_ins) (void)read_table(drop_in, merge);
        }
        (void)apply(text.daemon, Scope::daemon, &config_.daemon, Format::toml, {}, report_);
        for (const TomlDaemon::Rule& rule : text.rules)
            if (auto built = build_rule(rule, report_)) config_.rules.push_back(std::move(*built));
    }

    void read_toml_service(const ConfigFile& file) {
        const std::string name = file.name.substr(0, file.name.size() - std::string_view(".toml").size());
        if (const auto ok = check_service_name(name); !ok)
            return report_.error(place_of(file.path), "", ok.error().message);
        TomlService text;
        std::vector<std::string> files;
        const auto merge = [&](const Raw::Table& root, SourceFile source) {
            merge_toml_service(text, name, root, source, report_);
            files.push_back(source.name());
        };
        bool ok = read_table(file.path, merge);
        if (files.empty()) return; // masked or broken
        toml_files_.emplace(name, file.path);
        for (const std::string& drop_in : file.drop_ins) ok = read_table(drop_in, merge) && ok;
        auto service =
            build_service(text, name, report_); // even if a drop-in is broken: all errors are to be told at once
        if (!ok || !service) return;
        service->files.insert(service->files.begin(), files.begin(), files.end());
        config_.services.push_back(std::move(*service));
    }

    Unit read_unit(const ConfigFile& file, UnitKind kind) {
        Unit unit{file.name, place_of(file.path), {}, {}, false, false};
        unit.text.block.pos = unit.pos;
        const auto merge = [&](std::string_view text, SourceFile source) {
            merge_unit(unit.text, kind, unit.name, lex_unit(text, source, report_), report_);
            unit.files.push_back(source.name());
            return true;
        };
        unit.broken = !read(file.path, merge);
        unit.masked = !unit.broken && unit.files.empty();
        if (unit.masked) return unit;
        for (const std::string& drop_in : file.drop_ins)
            if (!read(drop_in, merge)) unit.broken = true;
        return unit;
    }

    std::vector<Unit> units(std::string_view suffix, UnitKind kind) {
        std::vector<Unit> all;
        for (const ConfigFile& file : files_of("units", suffix, ".conf")) all.push_back(read_unit(file, kind));
        return all;
    }

    void read_units() {
        const std::vector<Unit> sockets = units(".socket", UnitKind::socket);
        for (Service& service : build_unit_services(sockets, units(".service", UnitKind::service), report_)) {
            const auto same = toml_files_.find(service.name);
            if (same == toml_files_.end())
                config_.services.push_back(std::move(service));
            else
                report_.error(
                    service.pos, "",
                    fmt::format("there is also a service {} in {}; remove one of them", service.name, same->second));
        }
    }

    void read_units_of_systemd() {
        for (Service& service : read_systemd_units(path_.systemd, report_)) {
            const auto same = std::find_if(config_.services.begin(), config_.services.end(),
                                           [&](const Service& other) { return other.name == service.name; });
            if (same == config_.services.end())
                config_.services.push_back(std::move(service));
            else
                report_.error(service.listeners.front().pos, "",
                              fmt::format("there is also a service {} in {}; remove one of them", service.name, same->pos.file.name()));
        }
    }

    const SearchPath& path_;
    Report report_;
    Config config_;
    std::map<std::string, std::string> toml_files_; ///< by the service's name
};

} // namespace

SearchPath SearchPath::standard() {
    return {{"/etc/swathe", "/run/swathe", "/usr/local/lib/swathe", "/usr/lib/swathe"}, false, systemd_directories()};
}

SearchPath SearchPath::only(std::string directory) { return {{directory}, true, {directory + "/systemd"}}; }

Loaded load_config(const SearchPath& path) { return Loading(path).run(); }

} // namespace swathe
