#include "config/files.h"

#include "config/limits.h"

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <map>
#include <memory>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fmt/format.h>

namespace swathe {
namespace {

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { (void)::closedir(directory); }
};

bool ends_with(std::string_view text, std::string_view suffix) noexcept {
    return text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix;
}

void report_system_error(const std::string& path, Report& report) {
    const Failure why = system_failure("cannot be read");
    report.error({SourceFile(path), 0, 0}, "", why.value().to_string());
}

/// The names in a directory that are not hidden; none if it is not there.
std::vector<std::string> names_in(const std::string& path, Report& report) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
    if (!directory) {
        if (errno != ENOENT) report_system_error(path, report);
        return names;
    }
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(directory.get());
        if (entry == nullptr) break;
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    if (errno != 0) report_system_error(path, report);
    std::sort(names.begin(), names.end());
    return names;
}

/// What the search path has, by name of the file.
struct Found {
    std::string path; ///< "" = there are drop-ins only
    std::map<std::string, std::string> drop_ins; ///< by name: std::map sorts by bytes
};

bool is_null_device(const struct stat& status) noexcept {
    return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

struct Opened {
    UniqueFd fd;
    struct stat status {};
};

Result<Opened> open_any(const std::string& path) {
    Opened file;
    file.fd.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)); // a FIFO must not make us wait
    if (!file.fd) return system_failure("cannot be opened");
    if (::fstat(file.fd.get(), &file.status) < 0) return system_failure("fstat");
    return file;
}

Status check_regular(const struct stat& status, std::size_t max_bytes) {
    if (!S_ISREG(status.st_mode)) return failure("not a regular file");
    if (static_cast<std::uint64_t>(status.st_size) > max_bytes) return failure(fmt::format("larger than {} bytes", max_bytes));
    return {};
}

Result<std::string> read_all(int fd, std::size_t expected) {
    std::string text(expected, '\0');
    std::size_t size = 0;
    for (;;) {
        if (size == text.size()) text.resize(std::min(text.size() + 4096, limits::kFileBytes + 1)); // it grew meanwhile
        const ssize_t n = ::read(fd, text.data() + size, text.size() - size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return system_failure("cannot be read");
        size += static_cast<std::size_t>(n);
        if (size > limits::kFileBytes) return failure(fmt::format("larger than {} bytes", limits::kFileBytes));
        if (n == 0) break;
    }
    text.resize(size);
    return text;
}

} // namespace

std::vector<ConfigFile> find_config_files(const SearchPath& path, std::string_view below, std::string_view suffix,
                                          std::string_view drop_in_suffix, Report& report) {
    std::map<std::string, Found> found;
    const std::string directory_suffix = fmt::format("{}.d", suffix);
    for (const std::string& root : path.directories) {
        const std::string directory = below.empty() ? root : fmt::format("{}/{}", root, below);
        for (const std::string& name : names_in(directory, report)) {
            const std::string full = fmt::format("{}/{}", directory, name);
            if (ends_with(name, suffix)) {
                if (Found& file = found[name]; file.path.empty()) file.path = full;
            } else if (ends_with(name, directory_suffix)) {
                Found& file = found[name.substr(0, name.size() - 2)];
                for (const std::string& drop_in : names_in(full, report))
                    if (ends_with(drop_in, drop_in_suffix))
                        file.drop_ins.emplace(drop_in, fmt::format("{}/{}", full, drop_in));
            }
        }
    }
    std::vector<ConfigFile> files;
    for (auto& [name, file] : found) {
        if (file.path.empty() && file.drop_ins.empty()) continue;
        ConfigFile& out = files.emplace_back(ConfigFile{name, file.path, {}});
        for (auto& [base, drop_in] : file.drop_ins) out.drop_ins.push_back(std::move(drop_in));
    }
    return files;
}

Result<UniqueFd> open_regular_file(const std::string& path, std::size_t max_bytes) {
    auto file = open_any(path);
    if (!file) return Failure(std::move(file).error());
    if (auto ok = check_regular(file->status, max_bytes); !ok) return Failure(std::move(ok).error());
    return std::move(file->fd);
}

Result<FileText> read_config_file(const std::string& path) {
    auto file = open_any(path);
    if (!file) return Failure(std::move(file).error());
    if (is_null_device(file->status)) return FileText{{}, true};
    if (auto ok = check_regular(file->status, limits::kFileBytes); !ok) return Failure(std::move(ok).error());
    auto text = read_all(file->fd.get(), static_cast<std::size_t>(file->status.st_size) + 1);
    if (!text) return Failure(std::move(text).error());
    const bool empty = text->empty();
    return FileText{std::move(*text), empty};
}

} // namespace swathe
