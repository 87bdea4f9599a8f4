#include "base/text.h"
#include "config/files.h"
#include "config/write_toml.h"
#include "ctl/answer.h"
#include "ctl/made_files.h"
#include "ctl/verbs.h"
#include "import/inetd.h"
#include "import/tubular.h"
#include "import/xinetd.h"

#include <netdb.h>
#include <set>
#include <sys/stat.h>

#include <fmt/format.h>

namespace swathe::ctl {
namespace {

std::optional<std::uint16_t> port_of(const std::string& service, std::string_view protocol) {
    const servent* const found = ::getservbyname(service.c_str(), std::string(protocol).c_str());
    if (found == nullptr) return std::nullopt;
    return ntohs(static_cast<std::uint16_t>(found->s_port));
}

std::optional<std::string> text_of(const std::string& path, Report& report) {
    auto file = read_config_file(path);
    if (file) return std::move(file->text);
    report.error({SourceFile(path), 0, 0}, "", file.error().to_string());
    return std::nullopt;
}

bool is_directory(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// xinetd's files, one after the other as it reads them, each once.
class XinetdFiles {
public:
    explicit XinetdFiles(Report& report) : report_(report) {}

    void add(const std::string& path) {
        if (is_directory(path)) return add_directory(path);
        if (!seen_.insert(path).second) return;
        const auto text = text_of(path, report_);
        if (!text) return;
        read_.push_back(path);
        const std::size_t number = files_.size();
        files_.push_back(parse_xinetd(*text, SourceFile(path), report_));
        const auto includes = files_[number].includes;
        for (const XinetdText::Include& include : includes) add(include.path);
    }

    [[nodiscard]] const std::vector<XinetdText>& files() const noexcept { return files_; }
    [[nodiscard]] const std::vector<std::string>& paths() const noexcept { return read_; }

private:
    /// xinetd.conf(5), includedir: no names with a dot, and none that ends in "~".
    void add_directory(const std::string& path) {
        for (const DirectoryEntry& entry : entries_in(path, report_))
            if (entry.name.find('.') == entry.name.npos && !entry.name.ends_with('~')) add(fmt::format("{}/{}", path, entry.name));
    }

    Report& report_;
    std::set<std::string> seen_;
    std::vector<XinetdText> files_;
    std::vector<std::string> read_;
};

struct Imported {
    std::vector<WrittenService> services;
    std::vector<std::string> read; ///< files
};

Imported read_source(const std::string& format, const std::string& path, Report& report) {
    if (format == "xinetd") {
        XinetdFiles files(report);
        files.add(path);
        return {import_xinetd(files.files(), port_of, report), files.paths()};
    }
    const auto text = text_of(path, report);
    if (!text) return {};
    const SourceFile file(path);
    return {format == "inetd" ? import_inetd(*text, file, port_of, report) : import_tubular(*text, file, report), {path}};
}

} // namespace

Exit run_import(const Invocation& invocation) {
    Report report;
    const Imported imported = read_source(invocation.words[0], invocation.words[1], report);
    const Diagnostics all = report.take();
    print_diagnostics(all);
    if (has_errors(all)) return Exit::failure;
    std::vector<MadeFile> files;
    for (const WrittenService& service : imported.services)
        files.push_back({service.name + ".toml", to_toml(service), narrowed(imported.read)});
    return put_files(files, invocation);
}

} // namespace swathe::ctl
