#include "config/files.h"

#include "config/limits.h"

#include <algorithm>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <fmt/format.h>

namespace swathe {
namespace {

struct CloseDirectory {
    void operator()(DIR* directory) const noexcept { (void)::closedir(directory); }
};

void report_system_error(const std::string& path, Report& report) {
    const Failure why = system_failure("cannot be read");
    report.error({SourceFile(path), 0, 0}, "", why.value().to_string());
}

bool is_link(DIR* directory, const dirent& entry) noexcept {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_LNK;
    struct stat status {};
    return ::fstatat(::dirfd(directory), entry.d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(status.st_mode);
}

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

std::vector<DirectoryEntry> entries_in(const std::string& path, Report& report) {
    std::vector<DirectoryEntry> entries;
    const std::unique_ptr<DIR, CloseDirectory> directory(::opendir(path.c_str()));
    if (!directory) {
        if (errno != ENOENT) report_system_error(path, report);
        return entries;
    }
    for (;;) {
        errno = 0;
        const dirent* entry = ::readdir(directory.get());
        if (entry == nullptr) break;
        if (entry->d_name[0] != '.') entries.push_back({entry->d_name, is_link(directory.get(), *entry)});
    }
    if (errno != 0) report_system_error(path, report);
    std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
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
