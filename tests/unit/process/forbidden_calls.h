#pragma once

#include <cerrno>
#include <initializer_list>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace swathe::test {

/// Has these system calls fail with ENOSYS from now on, as the seccomp filter of a container may.
inline bool forbid(std::initializer_list<unsigned> calls) {
    std::vector<sock_filter> code{{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0}}; // seccomp_data.nr
    for (const unsigned call : calls) {
        code.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call});
        code.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS});
    }
    code.push_back({BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW});
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

} // namespace swathe::test
