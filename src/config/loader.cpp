#include "config/loader.h"

#include "base/text.h"
#include "config/build.h"
#include "config/files.h"
#include "config/limits.h"
#include "config/links.h"
#include "config/service_name.h"
#include "config/settings.h"
#include "config/source_finder.h"
#include "config/systemd_units.h"
#include "config/texts.h"
#include "config/toml_reader.h"
#include "config/validate.h"
#include "model/service_links.h"

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
                                  "/run/systemd/generator.early", "/etc/systemd/system", "/etc/systemd/system.attached",
                                  "/run/systemd/system", "/run/systemd/system.attached", "/run/systemd/generator",
                                  "/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system",
                                  "/run/systemd/generator.late"})
        all.emplace_back(directory);
    return all;
}

/// "foo" of "foo.service"
std::string stem_of(std::string_view file_name) { return std::string(file_name.substr(0, file_name.rfind('.'))); }

/// The daemon's file first, then by service, and of a service as its files are read: sockets, then the service.
bool stands_before(const SourceList& a, const SourceList& b) {
    const auto rank = [](const SourceList& list) { return list.name.ends_with(".service") ? 1 : 0; };
    return std::pair(std::string_view(a.service), rank(a)) < std::pair(std::string_view(b.service), rank(b));
}

/// The services and rules of all files, while they are read.
class Loading {
public:
    Loading(const SearchPath& path, Texts& texts, bool keeps) : path_(path), texts_(texts), keeps_(keeps) {}

    Loaded run() {
        if (path_.required) check_directories();
        read_daemon_settings();
        read_toml_services();
        read_units();
        read_units_of_systemd();
        std::sort(config_.services.begin(), config_.services.end(),
                  [](const Service& a, const Service& b) { return a.name < b.name; });
        follow_aliases(config_.services);
        link_services(config_.services, [this](const Service& s) { return toml_files_.count(s.name) == 0; }, report_);
        validate(config_, report_);
        std::stable_sort(texts_.sources.begin(), texts_.sources.end(), stands_before);
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

    /// Hands the text of a file to `take(text, file)`, which returns false if it is no use, and notes what became of the file.
    template <class F> void read(Source& source, F take) {
        const auto file = read_config_file(source.path);
        if (!file) report_.error(place_of(source.path), "", file.error().to_string());
        const bool ok = file && (file->masked || take(file->text, SourceFile(source.path)));
        source.use = !ok ? SourceUse::broken : file->masked ? SourceUse::mask : SourceUse::read;
    }

    /// A mask stands for the unit as a whole.
    static void hide_drop_ins(SourceList& list) {
        for (Source& drop_in : list.drop_ins)
            if (drop_in.use == SourceUse::read) drop_in = {drop_in.path, SourceUse::hidden, list.files.front().path};
    }

    /// Reads a file with its drop-ins; if it is masked or broken, the drop-ins only where they may stand `alone`. Returns the paths of
    /// what was read, in order.
    template <class F> std::vector<std::string> read_all(SourceList& list, F take, bool alone = false) {
        std::vector<std::string> paths;
        const auto read_one = [&](Source& source) {
            read(source, take);
            if (source.use == SourceUse::read) paths.push_back(source.path);
            return source.use == SourceUse::read;
        };
        if (!list.files.empty() && !read_one(list.files.front()) && !alone) {
            if (list.masked()) hide_drop_ins(list);
            return paths;
        }
        for (Source& drop_in : list.drop_ins)
            if (drop_in.use == SourceUse::read) (void)read_one(drop_in);
        return paths;
    }

    static bool is_broken(const SourceList& list) {
        const auto broken = [](const Source& s) { return s.use == SourceUse::broken; };
        return std::any_of(list.files.begin(), list.files.end(), broken) || std::any_of(list.drop_ins.begin(), list.drop_ins.end(), broken);
    }

    /// For read_all(): hands the table of a TOML file to `merge(root, file)`.
    template <class F> auto table_taker(F merge) {
        return [this, merge](std::string_view text, SourceFile file) {
            auto root = read_toml(text, file);
            if (root)
                merge(*root, file);
            else
                report_.error(*root.error().pos, "", root.error().message);
            return root.has_value();
        };
    }

    void read_daemon_settings() {
        SourceList list = SourceFinder(path_, {"", ".toml", ".toml"}, report_).find_plain("swathe.toml");
        TomlDaemon& text = texts_.daemon;
        const auto merge = [&](const Raw::Table& root, SourceFile file) { merge_toml_daemon(text, root, file, report_); };
        (void)read_all(list, table_taker(merge), true);
        (void)apply(text.daemon, Scope::daemon, &config_.daemon, Format::toml, {}, report_);
        for (const TomlDaemon::Rule& rule : text.rules)
            if (auto built = build_rule(rule, report_)) config_.rules.push_back(std::move(*built));
        texts_.sources.push_back(std::move(list));
    }

    void read_toml_services() {
        SourceFinder finder(path_, {"services.d", ".toml", ".toml"}, report_);
        for (SourceList& list : finder.all()) {
            list.service = stem_of(list.name);
            read_toml_service(list);
            texts_.sources.push_back(std::move(list));
        }
        finder.report_lone_drop_ins();
    }

    void read_toml_service(SourceList& list) {
        const std::string& name = list.service;
        const std::string& path = list.files.front().path;
        if (const auto ok = check_service_name(name); !ok) return report_.error(place_of(path), "", ok.error().message);
        TomlService text;
        std::vector<std::pair<Raw::Table, SourceFile>> roots;
        const auto keep = [&](Raw::Table& root, SourceFile file) { roots.emplace_back(std::move(root), file); };
        const std::vector<std::string> paths = read_all(list, table_taker(keep));
        for (const auto& [root, file] : roots) text.accepts = accept_in(root).value_or(text.accepts);
        for (const auto& [root, file] : roots) merge_toml_service(text, name, root, file, report_);
        roots.clear();
        if (paths.empty()) return; // masked or broken
        toml_files_.emplace(name, path);
        for (const std::string& alias : list.aliases) aliases_.emplace(stem_of(alias), name);
        auto service = build_service(text, name, report_); // even if a drop-in is broken: all errors are to be told at once
        if (!is_broken(list) && service) {
            service->files.insert(service->files.begin(), paths.begin(), paths.end());
            config_.services.push_back(std::move(*service));
        }
        if (keeps_) texts_.toml.push_back({name, std::move(text), paths});
    }

    Unit read_unit(SourceList& list, UnitKind kind) {
        Unit unit;
        unit.name = list.name;
        unit.aliases = list.aliases;
        unit.pos = unit.text.block.pos = place_of(list.files.front().path);
        unit.files = read_all(list, [&](std::string_view text, SourceFile source) {
            merge_unit(unit.text, kind, unit.id(), lex_unit(text, source, report_), report_);
            return true;
        });
        unit.broken = is_broken(list);
        unit.masked = list.masked();
        return unit;
    }

    std::vector<Unit> read_sockets() {
        SourceFinder finder(path_, {"units", ".socket", ".conf"}, report_);
        std::vector<Unit> units;
        for (SourceList& list : finder.all()) {
            units.push_back(read_unit(list, UnitKind::socket));
            list.service = service_of_unit(service_of(units.back()));
            texts_.sources.push_back(std::move(list));
        }
        finder.report_lone_drop_ins();
        return units;
    }

    /// The services that are there, and the instances of templates that sockets ask for, those of connections among them.
    std::vector<Unit> read_services() {
        SourceFinder finder(path_, {"units", ".service", ".conf"}, report_);
        std::map<std::string, SourceList> wanted;
        for (SourceList& list : finder.all()) wanted.emplace(list.name, std::move(list));
        for (const Unit& socket : texts_.sockets)
            if (const std::string name = service_of(socket); !socket.masked && wanted.count(name) == 0)
                if (auto list = finder.find(name)) wanted.emplace(list->name, std::move(*list));
        std::vector<Unit> units;
        for (auto& [name, list] : wanted) {
            list.service = service_of_unit(name);
            units.push_back(read_unit(list, UnitKind::service));
            for (const std::string& alias : list.aliases) aliases_.emplace(service_of_unit(alias), list.service);
            list.name = shown_unit(name);
            texts_.sources.push_back(std::move(list));
        }
        finder.report_lone_drop_ins();
        return units;
    }

    /// Where services name others by an alias, they mean the service itself.
    void follow_aliases(std::vector<Service>& services) const {
        if (aliases_.empty()) return;
        for (Service& service : services)
            for (const ServiceLink& link : kServiceLinks)
                for (ServiceName& name : service.*link.list)
                    if (const auto known = aliases_.find(name.value); known != aliases_.end()) name.value = known->second;
    }

    void read_units() {
        report_.be_strict(config_.daemon.strict);
        texts_.sockets = read_sockets();
        texts_.services = read_services();
        for (Service& service : build_unit_services(texts_.sockets, texts_.services, report_, config_.daemon.allow_unsupported)) {
            const auto same = toml_files_.find(service.name);
            if (same == toml_files_.end())
                config_.services.push_back(std::move(service));
            else
                report_.error(service.pos, "",
                              fmt::format("there is also a service {} in {}; remove one of them", service.name, same->second));
        }
        report_.be_strict(false);
    }

    void read_units_of_systemd() {
        for (Service& service : read_systemd_units(path_.systemd, report_, keeps_ ? &texts_.beside : nullptr)) {
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
    Texts& texts_;
    bool keeps_ = false; ///< all that TOML files say, which may be a million addresses
    Config config_;
    std::map<std::string, std::string> toml_files_; ///< by the service's name
    std::map<std::string, std::string> aliases_;    ///< other names of services -> the names that they have
};

} // namespace

SearchPath SearchPath::standard() {
    return {{"/etc/swathe", "/run/swathe", "/usr/local/lib/swathe", "/usr/lib/swathe"}, false, systemd_directories()};
}

SearchPath SearchPath::only(std::string directory) { return {{directory}, true, {directory + "/systemd"}}; }

Loaded load_config(const SearchPath& path, Texts* texts) {
    Texts own;
    return Loading(path, texts == nullptr ? own : *texts, texts != nullptr).run();
}

std::vector<const SourceList*> Texts::sources_of(std::string_view service) const {
    std::vector<const SourceList*> lists;
    for (const SourceList& list : sources)
        if (!list.service.empty() && list.service == service) lists.push_back(&list);
    return lists;
}

} // namespace swathe
