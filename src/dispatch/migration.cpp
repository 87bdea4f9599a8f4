#include "dispatch/migration.h"

#include <array>

#include <bpf/bpf.h>

namespace swathe {

Result<UniqueFd> load_migration() {
    std::array<bpf_insn, 2> code{}; // return SK_PASS, having selected nobody
    code[0].code = BPF_ALU64 | BPF_MOV | BPF_K;
    code[0].imm = SK_PASS;
    code[1].code = BPF_JMP | BPF_EXIT;
    LIBBPF_OPTS(bpf_prog_load_opts, options);
    options.expected_attach_type = BPF_SK_REUSEPORT_SELECT_OR_MIGRATE;
    UniqueFd program(bpf_prog_load(BPF_PROG_TYPE_SK_REUSEPORT, "swathe_migrate", "GPL", code.data(), code.size(), &options));
    if (!program) return system_failure("load the program that migrates connections");
    return program;
}

} // namespace swathe
