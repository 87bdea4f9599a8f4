#include "process/seccomp_denials.h"

#include "model/exec_context.h"
#include "process/seccomp_program.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <iterator>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace swathe {
namespace {

/// A system call that fails if all of `when` hold.
struct Denial {
    const char* call;
    int error;
    std::vector<scmp_arg_cmp> when;
};

/// The bits of `mask` in an argument are those of `value`. The kernel takes most arguments for 32 bits: what else is in the register
/// must not make a difference.
scmp_arg_cmp bits(unsigned argument, std::uint64_t mask, std::uint64_t value) noexcept {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}
scmp_arg_cmp has_bits(unsigned argument, std::uint64_t mask) noexcept { return bits(argument, mask, mask); }
scmp_arg_cmp is(unsigned argument, std::uint32_t value) noexcept { return bits(argument, UINT32_MAX, value); }
scmp_arg_cmp above(unsigned argument, std::uint32_t value) noexcept { return {argument, SCMP_CMP_GT, value, 0}; }

std::vector<Denial> denials_of(const AddressFamilies& wanted) {
    std::vector<Denial> out;
    const auto deny = [&](std::vector<scmp_arg_cmp> when) { out.push_back({"socket", EAFNOSUPPORT, std::move(when)}); };
    if (wanted.denies) {
        for (const int family : wanted.families) deny({is(0, static_cast<std::uint32_t>(family))});
        return out;
    }
    if (wanted.families.empty()) return {{"socket", EAFNOSUPPORT, {}}};
    const int last = *wanted.families.rbegin();
    for (int family = 0; family < last; ++family)
        if (wanted.families.count(family) == 0) deny({is(0, static_cast<std::uint32_t>(family))});
    deny({above(0, static_cast<std::uint32_t>(last))});
    return out;
}

#ifdef __s390__
constexpr unsigned kCloneFlags = 1; // clone(2), "C library/kernel differences"
#else
constexpr unsigned kCloneFlags = 0;
#endif

std::vector<Denial> denials_of_namespaces(std::uint32_t allowed) {
    constexpr std::uint32_t kTime = 0x80; // CLONE_NEWTIME; for clone(2) a part of the signal
    std::vector<Denial> out{{"clone3", ENOSYS, {}}, // its flags are in memory; libc goes on with clone
                            {"setns", EPERM, {is(1, 0)}}};
    for (const std::uint32_t kind : {std::uint32_t{CLONE_NEWCGROUP}, std::uint32_t{CLONE_NEWIPC}, std::uint32_t{CLONE_NEWNS},
                                     std::uint32_t{CLONE_NEWNET}, std::uint32_t{CLONE_NEWPID}, std::uint32_t{CLONE_NEWUSER},
                                     std::uint32_t{CLONE_NEWUTS}, kTime}) {
        if ((allowed & kind) != 0) continue;
        out.push_back({"unshare", EPERM, {has_bits(0, kind)}});
        out.push_back({"setns", EPERM, {has_bits(1, kind)}});
        if (kind != kTime) out.push_back({"clone", EPERM, {has_bits(kCloneFlags, kind)}});
    }
    return out;
}

std::vector<Denial> denials_of_realtime() {
    std::vector<Denial> out{{"sched_setattr", ENOSYS, {}}}; // its policy is in memory
    for (std::uint32_t policy = 0; policy < SCHED_IDLE; ++policy)
        if (policy != SCHED_OTHER && policy != SCHED_BATCH) out.push_back({"sched_setscheduler", EPERM, {is(1, policy)}});
    out.push_back({"sched_setscheduler", EPERM, {above(1, SCHED_IDLE)}});
    return out;
}

std::vector<Denial> denials_of_suid_sgid() {
    std::vector<Denial> out{{"openat2", ENOSYS, {}}}; // its mode is in memory
    for (const std::uint64_t bit : {std::uint64_t{S_ISUID}, std::uint64_t{S_ISGID}}) {
        for (const char* call : {"chmod", "fchmod", "creat", "mknod"}) out.push_back({call, EPERM, {has_bits(1, bit)}});
        for (const char* call : {"fchmodat", "mknodat"}) out.push_back({call, EPERM, {has_bits(2, bit)}});
        for (const std::uint64_t makes : {std::uint64_t{O_CREAT}, std::uint64_t{O_TMPFILE}}) { // else there is no mode
            out.push_back({"open", EPERM, {has_bits(1, makes), has_bits(2, bit)}});
            out.push_back({"openat", EPERM, {has_bits(2, makes), has_bits(3, bit)}});
        }
    }
    return out;
}

/// PR_SET_MDWE would do it, too, but for a process whose memory is the daemon's own until its exec.
std::vector<Denial> denials_of_write_execute() {
    std::vector<Denial> out{{"shmat", EPERM, {has_bits(2, SHM_EXEC)}}};
    for (const char* call : {"mmap", "mmap2"}) out.push_back({call, EPERM, {has_bits(2, PROT_WRITE | PROT_EXEC)}});
    for (const char* call : {"mprotect", "pkey_mprotect"}) out.push_back({call, EPERM, {has_bits(2, PROT_EXEC)}});
    return out;
}

std::vector<Denial> denials_of_personality() { return {{"personality", EPERM, {{0, SCMP_CMP_NE, 0, 0}}}}; }

Status deny(const SeccompFilter& filter, const Denial& denial, int number) {
    const auto action = SCMP_ACT_ERRNO(static_cast<std::uint32_t>(denial.error));
    const int error = ::seccomp_rule_add_array(filter.get(), action, number, static_cast<unsigned>(denial.when.size()), denial.when.data());
    if (error < 0 && error != -EDOM) return failure(denial.call, -error); // EDOM: not of this architecture
    return {};
}

Status append(std::string_view key, const SeccompFilter& filter, FilterPrograms& out) {
    auto program = exported(filter);
    if (!program) return Failure(std::move(program).error());
    out.programs.push_back({key, std::move(*program)});
    return {};
}

Status add_program(std::string_view key, const std::vector<Denial>& denials, FilterPrograms& out) {
    auto filter = new_native_filter(SCMP_ACT_ALLOW, SCMP_ACT_ALLOW);
    if (!filter) return Failure(std::move(filter).error());
    for (const std::uint32_t token : other_local_architectures())
        if (const int error = ::seccomp_arch_add(filter->get(), token); error < 0 && error != -EEXIST)
            return seccomp_failure("seccomp_arch_add", error);
    for (const Denial& denial : denials) {
        const int number = ::seccomp_syscall_resolve_name(denial.call);
        if (number == __NR_SCMP_ERROR) return failure(fmt::format("libseccomp does not know {}", denial.call));
        if (auto ok = deny(*filter, denial, number); !ok) return ok;
    }
    return append(key, *filter, out);
}

/// fchmodat2(2) sets the bits, too, and libseccomp knows it since 2.5.5. Its number is the same for all ABIs of a kernel (MIPS apart), so
/// that one program is for all of them.
FilterProgram denial_of_fchmodat2(std::string_view key) {
    constexpr std::uint32_t kFchmodat2 = 452;
    constexpr std::uint32_t kX32 = 0x40000000; // __X32_SYSCALL_BIT
    constexpr std::uint32_t kLowWord = std::endian::native == std::endian::big ? 4 : 0;
    constexpr std::uint32_t kMode = offsetof(seccomp_data, args) + 2 * sizeof(std::uint64_t) + kLowWord;
    return {key,
            {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
             BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~kX32),
             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kFchmodat2, 0, 3),
             BPF_STMT(BPF_LD | BPF_W | BPF_ABS, kMode),
             BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, S_ISUID | S_ISGID, 0, 1),
             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
}

/// The mmap of old whose arguments are in memory. Nothing needs it beside mmap2.
Status deny_old_mmap(std::string_view key, FilterPrograms& out) {
    std::vector<std::uint32_t> local = other_local_architectures();
    local.push_back(::seccomp_arch_native());
    for (const std::uint32_t token : {std::uint32_t{SCMP_ARCH_X86}, std::uint32_t{SCMP_ARCH_S390}}) {
        if (std::find(local.begin(), local.end(), token) == local.end()) continue;
        auto filter = new_native_filter(SCMP_ACT_ALLOW, SCMP_ACT_ALLOW);
        if (!filter) return Failure(std::move(filter).error());
        int error = ::seccomp_arch_add(filter->get(), token);
        if (error == 0) error = ::seccomp_arch_remove(filter->get(), ::seccomp_arch_native());
        if (error < 0 && error != -EEXIST) return seccomp_failure("seccomp_arch_add", error);
        if (auto ok = deny(*filter, {"mmap", EPERM, {}}, ::seccomp_syscall_resolve_name("mmap")); !ok) return ok;
        if (auto ok = append(key, *filter, out); !ok) return ok;
    }
    return {};
}

} // namespace

Status add_denials(const ExecContext& context, FilterPrograms& out) {
    Status all{};
    const auto add = [&](std::string_view key, bool wanted, const std::vector<Denial>& denials) {
        if (!wanted || !all || denials.empty()) return;
        if (auto ok = add_program(key, denials, out); !ok) all = Failure(std::move(ok).error().within(std::string(key)));
    };
    const auto& families = context.restrict_address_families;
    const auto& namespaces = context.restrict_namespaces;
    add("restrict_address_families", families.has_value(), denials_of(families.value_or(AddressFamilies{})));
    add("restrict_namespaces", namespaces.has_value(), denials_of_namespaces(namespaces.value_or(0)));
    add("restrict_realtime", context.restrict_realtime, denials_of_realtime());
    add("restrict_suid_sgid", context.restrict_suid_sgid, denials_of_suid_sgid());
    if (all && context.restrict_suid_sgid) out.programs.push_back(denial_of_fchmodat2("restrict_suid_sgid"));
    add("memory_deny_write_execute", context.memory_deny_write_execute, denials_of_write_execute());
    if (all && context.memory_deny_write_execute) all = deny_old_mmap("memory_deny_write_execute", out);
    add("lock_personality", context.lock_personality, denials_of_personality());
    return all;
}

std::string fingerprint_of_denials(const ExecContext& context) {
    std::string text;
    if (const auto& families = context.restrict_address_families)
        text += fmt::format(" af{}{}", families->denies ? '~' : '=', fmt::join(families->families, ","));
    if (context.restrict_namespaces) text += fmt::format(" ns{:x}", *context.restrict_namespaces);
    for (const bool on :
         {context.restrict_realtime, context.restrict_suid_sgid, context.memory_deny_write_execute, context.lock_personality})
        text += on ? '+' : '-';
    return text;
}

} // namespace swathe
