#include "process/conditions.h"

#include "base/text.h"
#include "model/architecture.h"
#include "model/capabilities.h"
#include "model/comparison.h"
#include "model/condition_name.h"
#include "process/environment_file.h"
#include "process/virtualization.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>
#include <fnmatch.h>
#include <strings.h>
#include <sys/stat.h>

namespace swathe {
namespace {

using Kind = Condition::Kind;
using Operator = Comparison::Operator;

constexpr uid_t kLastSystemUid = 999; ///< systemd's, and Debian's

std::vector<std::string_view> words_of(std::string_view text) {
    std::vector<std::string_view> words;
    for (const std::string_view line : split(text, '\n'))
        for (const std::string_view word : split(line, ' '))
            if (!trim(word).empty()) words.push_back(trim(word));
    return words;
}

bool has_word(std::string_view text, std::string_view word) {
    const auto words = words_of(text);
    return std::find(words.begin(), words.end(), word) != words.end();
}

template <class T> std::optional<T> number_of(std::string_view text, int base = 10) {
    T number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return !text.empty() && error == std::errc() && end == text.data() + text.size() ? std::optional<T>(number) : std::nullopt;
}

/// Words that are said as such when the configuration is read.
bool is_yes(std::string_view word) noexcept { return word == "yes"; }
bool is_yes_or_no(std::string_view word) noexcept { return word == "yes" || word == "no"; }

// --- files

bool has_type(const Machine& machine, const std::string& path, mode_t type) {
    const auto file = machine.file(path, type != S_IFLNK);
    return file && (file->mode & S_IFMT) == type;
}

bool is_executable(const Machine& machine, const std::string& path) {
    constexpr mode_t kAny = S_IXUSR | S_IXGRP | S_IXOTH;
    const auto file = machine.file(path, true);
    return file && S_ISREG(file->mode) && (file->mode & kAny) != 0;
}

bool has_content(const Machine& machine, const std::string& path) {
    const auto file = machine.file(path, true);
    return file && S_ISREG(file->mode) && file->size > 0;
}

// --- the kernel and its hardware

/// The words of the kernel's command line, without the quotes in them.
std::vector<std::string> command_line_of(const Machine& machine) {
    std::vector<std::string> words(1);
    bool is_quoted = false;
    for (const char c : machine.text("/proc/cmdline").value_or("")) {
        if (c == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && (c == ' ' || c == '\t' || c == '\n'))
            words.emplace_back();
        else
            words.back() += c;
    }
    return words;
}

bool is_on_command_line(const Machine& machine, const std::string& wanted) {
    const auto words = command_line_of(machine);
    const bool whole = wanted.find('=') != wanted.npos;
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
        return word == wanted || (!whole && word.starts_with(wanted) && word.size() > wanted.size() && word[wanted.size()] == '=');
    });
}

bool is_loaded(const Machine& machine, std::string module) {
    std::replace(module.begin(), module.end(), '-', '_');
    const std::string directory = "/sys/module/" + module;
    if (!machine.file(directory, true)) return false;
    const auto state = machine.text(directory + "/initstate"); // what is built in has none
    return !state || trim(words_of(*state).empty() ? "" : words_of(*state).front()) == "live";
}

/// What the kernel calls a feature that systemd.unit(5) calls otherwise.
std::string_view flag_of(std::string_view feature) noexcept {
    if (feature == "pclmul") return "pclmulqdq";
    if (feature == "fma3") return "fma";
    if (feature == "osxsave") return "xsave"; // the kernel names it only where it has put it to use
    return feature;
}

bool has_cpu_feature(const Machine& machine, std::string feature) {
    std::transform(feature.begin(), feature.end(), feature.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::string processors = machine.text("/proc/cpuinfo").value_or("");
    for (const std::string_view line : split(processors, '\n'))
        if (line.starts_with("flags")) return has_word(line.substr(line.find(':') + 1), flag_of(feature));
    return false;
}

bool has_architecture(const Machine& machine, const std::string& name) {
    return name == "native" || name == architecture_name(machine.hardware());
}

bool is_virtual(const Machine& machine, const std::string& wanted) {
    const Virtualization found = virtualization_of(machine);
    if (is_yes_or_no(wanted)) return is_yes(wanted) == !found.id.empty();
    if (wanted == "vm") return !found.id.empty() && !found.is_container;
    if (wanted == "container") return found.is_container;
    if (wanted == "private-users") return has_private_users(machine);
    return found.id == wanted;
}

std::uint64_t memory_of(const Machine& machine) {
    const auto limit = number_of<std::uint64_t>(trim(machine.text("/sys/fs/cgroup/memory.max").value_or("max")));
    return std::min(machine.memory(), limit.value_or(UINT64_MAX));
}

Result<bool> compares(const std::string& value, std::uint64_t left) {
    const auto comparison = read_number_comparison(value);
    const auto right = comparison ? number_of<std::uint64_t>(comparison->value) : std::nullopt;
    if (!right) return failure(fmt::format("{} is no comparison with a number", quoted(value)));
    return holds(comparison->op, left, *right);
}

bool has_kernel_version(const Machine& machine, const std::string& expressions) {
    const std::string release = machine.kernel_release();
    for (const std::string_view one : split(expressions, kExpressionEnd))
        if (const auto comparison = read_text_comparison(one, Operator::matches); !comparison || !holds(*comparison, release)) return false;
    return true;
}

/// A power supply that delivers counts, and else whether there is a battery at all.
bool has_power(const Machine& machine) {
    const std::string directory = "/sys/class/power_supply/";
    bool has_battery = false, is_off = false;
    for (const std::string& name : machine.names_in(directory)) {
        const auto field = [&](const char* key) {
            const std::string text = machine.text(directory + name + "/" + key).value_or("");
            return std::string(trim(split(text, '\n').front()));
        };
        const std::string type = field("type");
        if (type == "Battery" && field("scope") != "Device") has_battery = has_battery || field("status") == "Discharging";
        if (type != "Mains" && type != "USB") continue;
        if (field("online") == "1") return true;
        is_off = true;
    }
    return !(is_off || has_battery);
}

bool has_security(const Machine& machine, const std::string& what) {
    const std::string variables = "/sys/firmware/efi/efivars/";
    if (what == "selinux") return machine.file("/sys/fs/selinux/enforce", true).has_value();
    if (what == "apparmor") return machine.text("/sys/module/apparmor/parameters/enabled").value_or("").starts_with('Y');
    if (what == "tomoyo") return machine.file("/sys/kernel/security/tomoyo/version", true).has_value();
    if (what == "smack") return machine.file("/sys/fs/smackfs", true).has_value();
    if (what == "ima") return machine.file("/sys/kernel/security/ima", true).has_value();
    if (what == "audit") return machine.has_audit();
    if (what == "tpm2") return !machine.names_in("/sys/class/tpmrm").empty();
    if (what == "measured-uki")
        return machine.file(variables + "StubPcrKernelImage-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f", true).has_value();
    if (what != "uefi-secureboot") return false;
    const auto state = machine.text(variables + "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"); // four bytes of attributes first
    return state && state->size() == 5 && state->back() == 1;
}

bool has_controllers(const Machine& machine, const std::string& wanted) {
    const auto there = machine.text("/sys/fs/cgroup/cgroup.controllers"); // of a hierarchy of version 2 alone
    if (wanted == "v2") return there.has_value();
    if (wanted == "v1") return !there.has_value();
    const auto words = words_of(wanted);
    return std::all_of(words.begin(), words.end(), [&](std::string_view word) {
        return there ? has_word(*there, word) : machine.file(fmt::format("/sys/fs/cgroup/{}", word), true).has_value();
    });
}

// --- the system, and the daemon on it

bool has_host_name(const Machine& machine, const std::string& wanted) {
    const std::string id(trim(split(machine.text("/etc/machine-id").value_or(""), '\n').front()));
    std::string plain = wanted;
    std::erase(plain, '-'); // a machine's identity may be written as a UUID
    if (!id.empty() && ::strcasecmp(plain.c_str(), id.c_str()) == 0) return true;
    return ::fnmatch(wanted.c_str(), machine.host_name().c_str(), FNM_CASEFOLD) == 0;
}

std::string release_field(const FileVariables& release, std::string_view key) {
    std::string value;
    for (const auto& [name, text] : release.variables)
        if (name == key) value = text;
    return value;
}

Result<bool> has_os_release(const Machine& machine, const std::string& expressions) {
    auto text = machine.text("/etc/os-release");
    if (!text) text = machine.text("/usr/lib/os-release");
    FileVariables release;
    if (auto read = parse_environment_file(text.value_or(""), release); !read) return Failure(std::move(read).error().within("os-release"));
    for (const std::string_view one : split(expressions, kExpressionEnd)) {
        const std::size_t end = std::min(one.find_first_of("<>=!$ "), one.size());
        const auto comparison = read_text_comparison(one.substr(end), std::nullopt);
        if (!comparison || !holds(*comparison, release_field(release, one.substr(0, end)))) return false;
    }
    return true;
}

bool has_variable(const Machine& machine, const std::string& wanted) {
    const std::size_t equals = wanted.find('=');
    const auto value = machine.variable(wanted.substr(0, equals));
    return value && (equals == wanted.npos || *value == wanted.substr(equals + 1));
}

Result<bool> is_user(const Machine& machine, const std::string& wanted) {
    const uid_t uid = machine.uid();
    if (wanted == "@system") return uid <= kLastSystemUid;
    if (const auto number = number_of<uid_t>(wanted)) return uid == *number;
    if (wanted == "root") return uid == 0; // nobody is asked: accounts may come from a service that is not up yet
    return machine.uid_of(wanted).map([&](uid_t found) { return found == uid; });
}

Result<bool> is_in_group(const Machine& machine, const std::string& wanted) {
    const auto groups = machine.groups();
    const auto is_in = [&](gid_t gid) { return std::find(groups.begin(), groups.end(), gid) != groups.end(); };
    if (const auto number = number_of<gid_t>(wanted)) return is_in(*number);
    if (wanted == "root") return is_in(0);
    return machine.gid_of(wanted).map(is_in);
}

Result<bool> has_capability(const Machine& machine, const std::string& name) {
    constexpr std::string_view kKey = "CapBnd:";
    const auto capability = capability_of(name);
    const std::string status = machine.text("/proc/self/status").value_or("");
    for (const std::string_view line : split(status, '\n')) {
        if (!line.starts_with(kKey)) continue;
        const auto set = number_of<CapabilitySet>(trim(line.substr(kKey.size())), 16);
        return capability && set && has(*set, *capability);
    }
    return failure("no bounding set in /proc/self/status");
}

bool is_first_boot(const Machine& machine) {
    for (const std::string& word : command_line_of(machine))
        if (word.starts_with("systemd.condition_first_boot="))
            return word.ends_with("=1") || word.ends_with("=yes") || word.ends_with("=true");
    return machine.file("/run/systemd/first-boot", true).has_value();
}

/// systemd-update-done.service(8): whether /usr is younger than what was last made of it.
bool needs_update(const Machine& machine, std::string directory) {
    while (directory.ends_with('/')) directory.pop_back();
    const auto root = machine.file(directory, true);
    const auto usr = machine.file("/usr", true);
    if (!root || root->is_read_only || !usr) return false;
    const auto stamp = machine.file(directory + "/.updated", false);
    if (!stamp) return true;
    const auto when = [](const Machine::File& file) { return std::pair(file.modified.tv_sec, file.modified.tv_nsec); };
    if (usr->modified.tv_sec != stamp->modified.tv_sec || stamp->modified.tv_nsec > 0) return when(*usr) > when(*stamp);
    constexpr std::string_view kKey = "TIMESTAMP_NSEC="; // of a file system that keeps whole seconds only
    const std::string told = machine.text(directory + "/.updated").value_or("");
    for (const std::string_view line : split(told, '\n'))
        if (line.starts_with(kKey)) {
            const auto nanoseconds = number_of<std::uint64_t>(line.substr(kKey.size()));
            return !nanoseconds || static_cast<std::uint64_t>(usr->modified.tv_nsec) > *nanoseconds % 1'000'000'000;
        }
    return when(*usr) > when(*stamp);
}

Result<bool> holds(Kind kind, const std::string& value, const Machine& machine) {
    const auto exists = [&] { return machine.file(value, true); };
    switch (kind) {
    case Kind::path_exists: return exists().has_value();
    case Kind::path_exists_glob: return machine.has_match(value);
    case Kind::path_is_directory: return has_type(machine, value, S_IFDIR);
    case Kind::path_is_symbolic_link: return has_type(machine, value, S_IFLNK);
    case Kind::path_is_mount_point: return exists() && exists()->is_mount_point;
    case Kind::path_is_read_write: return exists() && !exists()->is_read_only;
    case Kind::path_is_socket: return has_type(machine, value, S_IFSOCK);
    case Kind::directory_not_empty: return !machine.names_in(value).empty();
    case Kind::file_not_empty: return has_content(machine, value);
    case Kind::file_is_executable: return is_executable(machine, value);
    case Kind::host: return has_host_name(machine, value);
    case Kind::kernel_version: return has_kernel_version(machine, value);
    case Kind::kernel_command_line: return is_on_command_line(machine, value);
    case Kind::kernel_module_loaded: return is_loaded(machine, value);
    case Kind::architecture: return has_architecture(machine, value);
    case Kind::virtualization: return is_virtual(machine, value);
    case Kind::user: return is_user(machine, value);
    case Kind::group: return is_in_group(machine, value);
    case Kind::capability: return has_capability(machine, value);
    case Kind::security: return has_security(machine, value);
    case Kind::environment: return has_variable(machine, value);
    case Kind::memory: return compares(value, memory_of(machine));
    case Kind::cpus: return compares(value, machine.processors());
    case Kind::cpu_feature: return has_cpu_feature(machine, value);
    case Kind::os_release: return has_os_release(machine, value);
    case Kind::ac_power: return has_power(machine) == is_yes(value);
    case Kind::first_boot: return is_first_boot(machine) == is_yes(value);
    case Kind::needs_update: return needs_update(machine, value);
    case Kind::control_group_controller: return has_controllers(machine, value);
    }
    return failure("no such condition");
}

/// Those of one half, conditions or assertions: the first that is not met. Of those with "|" the last stands for all.
std::optional<Unmet> unmet_in(const std::vector<Condition>& conditions, bool assertions, const Machine& machine) {
    const Condition* triggering = nullptr;
    bool triggered = false;
    const auto unmet = [&](const Condition& condition, std::string_view more) {
        return Unmet{assertions,
                     fmt::format("{} {} not met{}", assertions ? "assertion" : "condition", escaped(to_string(condition)), more)};
    };
    for (const Condition& condition : conditions) {
        if (condition.assertion != assertions) continue;
        const auto met = is_met(condition, machine);
        if (condition.trigger) {
            triggering = &condition;
            triggered = triggered || (met && *met);
        } else if (!met || !*met) {
            return unmet(condition, met ? std::string() : ": " + met.error().to_string());
        }
    }
    if (triggering != nullptr && !triggered) return unmet(*triggering, ", nor any other with \"|\"");
    return std::nullopt;
}

} // namespace

Result<bool> is_met(const Condition& condition, const Machine& machine) {
    return holds(condition.kind, condition.value, machine).map([&](bool yes) { return yes != condition.negated; });
}

std::optional<Unmet> first_unmet(const std::vector<Condition>& conditions, const Machine& machine) {
    if (auto condition = unmet_in(conditions, false, machine)) return condition;
    return unmet_in(conditions, true, machine);
}

} // namespace swathe
