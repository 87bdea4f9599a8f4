#include "config/machine.h"

#include "base/text.h"
#include "config/files.h"
#include "config/words.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

namespace swathe {
namespace {

Result<std::string> text_of(const char* path) {
    auto file = read_config_file(path);
    if (!file) return Failure(std::move(file).error().within(path));
    return std::move(file->text);
}

utsname system_name() {
    utsname name{};
    (void)::uname(&name); // fails for a bad address only: uname(2)
    return name;
}

Result<std::string> host_name() {
    const std::string name = system_name().nodename;
    if (name.empty() || name == "(none)") return failure("the machine has no name");
    return name;
}

/// The identifier in a file: 32 hexadecimal digits, whatever dashes are between them.
Result<std::string> id_in(const char* path) {
    auto id = text_of(path);
    if (!id) return id;
    std::erase_if(*id, [](char c) { return c == '-' || c == '\n'; });
    if (id->size() != 32 || id->find_first_not_of("0123456789abcdefABCDEF") != id->npos)
        return failure(std::string(path) + " holds no identifier");
    return id;
}

/// os-release(5): the administrator's file, else the system's.
Result<std::string> of_release(std::string_view key) {
    auto text = text_of("/etc/os-release");
    if (!text) text = text_of("/usr/lib/os-release");
    if (!text) return text;
    return value_in(*text, key);
}

Result<std::string> pretty_host_name() {
    const auto info = text_of("/etc/machine-info"); // need not be there: machine-info(5)
    const std::string pretty = info ? value_in(*info, "PRETTY_HOSTNAME") : std::string();
    return pretty.empty() ? host_name() : pretty;
}

/// systemd's preference, since 252.
const char* shell_of_root() noexcept { return ::access("/bin/bash", F_OK) == 0 ? "/bin/bash" : "/bin/sh"; }

/// systemd asks nobody about root, and neither do we: accounts may come from a service that is not up yet.
Result<std::string> of_user(char specifier) {
    const uid_t uid = ::geteuid();
    if (specifier == 'U') return std::to_string(uid);
    if (uid == 0) return std::string(specifier == 'u' ? "root" : specifier == 'h' ? "/root" : shell_of_root());
    passwd entry{};
    passwd* found = nullptr;
    std::array<char, 16384> buffer{};
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return failure("no account has the number " + std::to_string(uid));
    return std::string(specifier == 'u' ? entry.pw_name : specifier == 'h' ? entry.pw_dir : entry.pw_shell);
}

Result<std::string> of_group(char specifier) {
    const gid_t gid = ::getegid();
    if (specifier == 'G') return std::to_string(gid);
    if (gid == 0) return "root";
    group entry{};
    group* found = nullptr;
    std::array<char, 65536> buffer{};
    if (::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
        return failure("no group has the number " + std::to_string(gid));
    return std::string(entry.gr_name);
}

/// systemd.unit(5): what $TMPDIR, $TEMP or $TMP names, if it is an absolute path of a directory; else `usual`.
std::string temporary(const char* usual) {
    for (const char* variable : {"TMPDIR", "TEMP", "TMP"}) {
        const char* path = std::getenv(variable);
        struct stat status {};
        if (path != nullptr && *path == '/' && ::stat(path, &status) == 0 && S_ISDIR(status.st_mode)) return path;
    }
    return usual;
}

} // namespace

std::string value_in(std::string_view text, std::string_view key) {
    std::string value;
    for (const std::string_view line : split(text, '\n')) {
        const std::string_view assignment = trim(line);
        if (!assignment.starts_with(key) || assignment.substr(key.size()).substr(0, 1) != "=") continue;
        const auto words = split_words(assignment.substr(key.size() + 1));
        if (words) value = words->empty() ? std::string() : words->front().text;
    }
    return value;
}

Result<std::string> machine_value(char specifier) {
    switch (specifier) {
    case 'H': return host_name();
    case 'l': return host_name().map([](const std::string& name) { return name.substr(0, name.find('.')); });
    case 'q': return pretty_host_name();
    case 'm': return id_in("/etc/machine-id");
    case 'b': return id_in("/proc/sys/kernel/random/boot_id");
    case 'v': return std::string(system_name().release);
    case 'a': return architecture_name(system_name().machine);
    case 'o': return of_release("ID");
    case 'w': return of_release("VERSION_ID");
    case 'W': return of_release("VARIANT_ID");
    case 'B': return of_release("BUILD_ID");
    case 'M': return of_release("IMAGE_ID");
    case 'A': return of_release("IMAGE_VERSION");
    case 'u':
    case 'U':
    case 'h':
    case 's': return of_user(specifier);
    case 'g':
    case 'G': return of_group(specifier);
    case 'T': return temporary("/tmp");
    case 'V': return temporary("/var/tmp");
    default: return failure("looks at nothing of the machine");
    }
}

} // namespace swathe
