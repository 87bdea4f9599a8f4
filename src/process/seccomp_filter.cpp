#include "process/seccomp_filter.h"

#include "base/text.h"
#include "model/exec_context.h"
#include "model/syscall_groups.h"
#include "process/seccomp_denials.h"
#include "process/seccomp_program.h"

#include <array>
#include <cerrno>
#include <mutex>
#include <string_view>

#include <fmt/format.h>

namespace swathe {
namespace {

constexpr int kKill = 0; // of SystemCallFilter's error numbers

/// Calls `take` for each system call of `name`, which may be a group.
template <class Take> void each_call(std::string_view name, const Take& take) {
    const auto members = syscall_group(name);
    if (!members) return take(name);
    for (const std::string_view member : split(*members, ' ')) each_call(member, take);
}

void apply_word(const SystemCallFilter::Word& word, FilterRules& out) {
    const bool is_group = word.name.starts_with('@');
    each_call(word.name, [&](std::string_view call) {
        const FilterRules::Rule rule{!word.inverted, word.error_number, is_group ? nullptr : &word.pos};
        if (word.inverted == out.allows_rest || word.error_number)
            out.rules.insert_or_assign(std::string(call), rule);
        else
            out.rules.erase(std::string(call));
    });
}

struct Architecture {
    std::string_view name;
    std::uint32_t token;
};
constexpr auto kArchitectures = std::to_array<Architecture>(
    {{"arm", SCMP_ARCH_ARM}, {"arm64", SCMP_ARCH_AARCH64}, {"mips", SCMP_ARCH_MIPS}, {"mips-le", SCMP_ARCH_MIPSEL},
     {"mips64", SCMP_ARCH_MIPS64}, {"mips64-le", SCMP_ARCH_MIPSEL64}, {"mips64-le-n32", SCMP_ARCH_MIPSEL64N32},
     {"mips64-n32", SCMP_ARCH_MIPS64N32}, {"parisc", SCMP_ARCH_PARISC}, {"parisc64", SCMP_ARCH_PARISC64}, {"ppc", SCMP_ARCH_PPC},
     {"ppc64", SCMP_ARCH_PPC64}, {"ppc64-le", SCMP_ARCH_PPC64LE}, {"riscv64", SCMP_ARCH_RISCV64}, {"s390", SCMP_ARCH_S390},
     {"s390x", SCMP_ARCH_S390X}, {"x32", SCMP_ARCH_X32}, {"x86", SCMP_ARCH_X86}, {"x86-64", SCMP_ARCH_X86_64}});

bool is_listed(std::uint32_t token, const SystemCallFilter& filter) {
    if (filter.architectures.empty()) return true;
    for (const auto& listed : filter.architectures)
        for (const Architecture& known : kArchitectures)
            if (known.token == token && known.name == listed.value) return true;
    return false;
}

/// A filter without rules, for the native architecture and those that `for_filter` lets in; system calls of others are killed if it lists
/// any, else let through.
Result<SeccompFilter> new_filter(std::uint32_t rest, const SystemCallFilter& for_filter) {
    auto filter = new_native_filter(rest, for_filter.architectures.empty() ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS);
    if (!filter) return filter;
    for (const std::uint32_t token : other_local_architectures())
        if (is_listed(token, for_filter))
            if (const int error = ::seccomp_arch_add(filter->get(), token); error < 0 && error != -EEXIST)
                return seccomp_failure("seccomp_arch_add", error);
    return filter;
}

std::uint32_t denial(std::optional<int> error_number) noexcept {
    const int number = error_number.value_or(kKill);
    return number == kKill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(static_cast<std::uint32_t>(number));
}

Status add_rule(const SeccompFilter& filter, std::uint32_t rest, const std::string& name, const FilterRules::Rule& rule,
                const SystemCallFilter& of, FilterPrograms& out) {
    const int number = ::seccomp_syscall_resolve_name(name.c_str());
    if (number == __NR_SCMP_ERROR) {
        if (rule.named == nullptr) return {}; // newer than libseccomp, or of another architecture
        if (!rule.allowed) return failure_at(*rule.named, fmt::format("{} is not known here, and so cannot be denied", quoted(name)));
        out.warnings.push_back(fmt::format("system_call_filter: {} is not known here, and stays denied", quoted(name)));
        return {};
    }
    const std::uint32_t action = rule.allowed ? SCMP_ACT_ALLOW : denial(rule.error_number ? rule.error_number : of.error_number);
    if (action == rest) return {};
    const int error = ::seccomp_rule_add(filter.get(), action, number, 0);
    if (error < 0 && error != -EDOM) return failure(quoted(name), -error); // EDOM: not of this architecture
    return {};
}

Status add_program(std::string_view key, const SystemCallFilter& from, FilterPrograms& out) {
    const FilterRules resolved = resolve_filter(from);
    const std::uint32_t rest = resolved.allows_rest ? SCMP_ACT_ALLOW : denial(from.error_number);
    auto filter = new_filter(rest, from);
    if (!filter) return Failure(std::move(filter).error());
    for (const auto& [name, rule] : resolved.rules)
        if (auto ok = add_rule(*filter, rest, name, rule, from, out); !ok) return ok;
    auto program = exported(*filter);
    if (!program) return Failure(std::move(program).error());
    out.programs.push_back({key, std::move(*program)});
    return {};
}

/// A key that denies system calls of its own, as files alone would not be the whole protection.
struct Protection {
    std::string_view key;
    bool ExecContext::*is_on;
    std::string_view calls;
};
constexpr auto kProtections = std::to_array<Protection>({{"private_devices", &ExecContext::private_devices, "@raw-io"},
                                                         {"protect_kernel_tunables", &ExecContext::protect_kernel_tunables, "_sysctl"},
                                                         {"protect_kernel_modules", &ExecContext::protect_kernel_modules, "@module"},
                                                         {"protect_kernel_logs", &ExecContext::protect_kernel_logs, "syslog"},
                                                         {"protect_clock", &ExecContext::protect_clock, "@clock"},
                                                         {"protect_hostname", &ExecContext::protect_hostname,
                                                          "sethostname setdomainname"}});

SystemCallFilter filter_of(const Protection& protection) {
    SystemCallFilter filter;
    for (const std::string_view call : split(protection.calls, ' ')) filter.words.push_back({std::string(call), true, EPERM, {}});
    return filter;
}

Result<std::shared_ptr<const FilterPrograms>> compile(const ExecContext& context) {
    auto compiled = std::make_shared<FilterPrograms>();
    const auto add = [&](std::string_view key, const SystemCallFilter& filter) {
        auto ok = add_program(key, filter, *compiled);
        return ok ? ok : Status(Failure(std::move(ok).error().within(std::string(key))));
    };
    for (const Protection& protection : kProtections)
        if (context.*protection.is_on)
            if (auto ok = add(protection.key, filter_of(protection)); !ok) return Failure(std::move(ok).error());
    if (auto ok = add_denials(context, *compiled); !ok) return Failure(std::move(ok).error());
    const SystemCallFilter& filter = context.system_call_filter;
    if (!filter.words.empty() || !filter.architectures.empty()) // the last one: it may forbid seccomp(2) itself
        if (auto ok = add("system_call_filter", filter); !ok) return Failure(std::move(ok).error());
    return compiled;
}

/// All that compile() looks at but places.
std::string fingerprint(const ExecContext& context) {
    const SystemCallFilter& filter = context.system_call_filter;
    std::string text = std::to_string(filter.error_number.value_or(kKill));
    for (const Protection& protection : kProtections) text += context.*protection.is_on ? '+' : '-';
    for (const auto& word : filter.words)
        text += fmt::format(" {}{}:{}", word.inverted ? "~" : "", word.name, word.error_number.value_or(-1));
    for (const auto& name : filter.architectures) text += " /" + name.value;
    return text + fingerprint_of_denials(context);
}

/// Compiling takes milliseconds, which a start of a service should not: what was compiled is kept, for this many filters.
constexpr std::size_t kMostKept = 256;

struct Kept {
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<const FilterPrograms>> filters;
};

Kept& kept() {
    static Kept all;
    return all;
}

} // namespace

FilterRules resolve_filter(const SystemCallFilter& filter) {
    FilterRules out;
    out.allows_rest = filter.words.empty() || filter.words.front().inverted;
    if (!out.allows_rest) apply_word({"@default", false, std::nullopt, {}}, out);
    for (const auto& word : filter.words) apply_word(word, out);
    return out;
}

Result<std::shared_ptr<const FilterPrograms>> compile_filters(const ExecContext& context) {
    const std::string key = fingerprint(context);
    const std::scoped_lock lock(kept().mutex);
    auto& filters = kept().filters;
    if (const auto found = filters.find(key); found != filters.end()) return found->second;
    auto compiled = compile(context);
    if (!compiled) return compiled;
    if (filters.size() >= kMostKept) filters.clear();
    filters.emplace(key, *compiled);
    return compiled;
}

} // namespace swathe
