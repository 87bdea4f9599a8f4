#include "process/seccomp_program.h"

#include "base/unique_fd.h"

#include <cerrno>

#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace swathe {

Result<SeccompFilter> new_native_filter(std::uint32_t rest, std::uint32_t foreign) {
    SeccompFilter filter(::seccomp_init(rest));
    if (!filter) return failure("seccomp_init", ENOMEM);
    if (const int error = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_ACT_BADARCH, foreign); error < 0)
        return seccomp_failure("seccomp_attr_set", error);
    return filter;
}

std::vector<std::uint32_t> other_local_architectures() {
    switch (::seccomp_arch_native()) {
    case SCMP_ARCH_X86_64: return {SCMP_ARCH_X86, SCMP_ARCH_X32};
    case SCMP_ARCH_AARCH64: return {SCMP_ARCH_ARM};
    case SCMP_ARCH_MIPS64: return {SCMP_ARCH_MIPS, SCMP_ARCH_MIPS64N32};
    case SCMP_ARCH_MIPSEL64: return {SCMP_ARCH_MIPSEL, SCMP_ARCH_MIPSEL64N32};
    case SCMP_ARCH_PARISC64: return {SCMP_ARCH_PARISC};
    case SCMP_ARCH_PPC64: return {SCMP_ARCH_PPC};
    case SCMP_ARCH_S390X: return {SCMP_ARCH_S390};
    default: return {};
    }
}

Result<std::vector<sock_filter>> exported(const SeccompFilter& filter) {
    const UniqueFd file(::memfd_create("swathe-filter", MFD_CLOEXEC));
    if (!file) return system_failure("memfd_create");
    if (const int error = ::seccomp_export_bpf(filter.get(), file.get()); error < 0) return seccomp_failure("seccomp_export_bpf", error);
    struct stat status {};
    if (::fstat(file.get(), &status) < 0) return system_failure("fstat");
    std::vector<sock_filter> program(static_cast<std::size_t>(status.st_size) / sizeof(sock_filter));
    if (program.size() > BPF_MAXINSNS) return failure(fmt::format("longer than the kernel's {} instructions", BPF_MAXINSNS));
    const std::size_t bytes = program.size() * sizeof(sock_filter);
    if (::pread(file.get(), program.data(), bytes, 0) != static_cast<ssize_t>(bytes)) return system_failure("pread");
    return program;
}

} // namespace swathe
