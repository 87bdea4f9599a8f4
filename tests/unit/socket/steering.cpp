#include "steering.h"

#include <cstdint>
#include <iterator>
#include <netinet/in.h>

#include <bpf/bpf.h>
#include <doctest/doctest.h>

namespace swathe::test {
namespace {

constexpr bpf_insn insn(int code, int dst, int src, int offset, int immediate) {
    return {static_cast<__u8>(code), static_cast<__u8>(dst & 15), static_cast<__u8>(src & 15), static_cast<__s16>(offset), immediate};
}
constexpr bpf_insn move(int dst, int src) { return insn(BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0); }
constexpr bpf_insn set(int dst, int value) { return insn(BPF_ALU64 | BPF_MOV | BPF_K, dst, 0, 0, value); }
constexpr bpf_insn load32(int dst, int src, int offset) { return insn(BPF_LDX | BPF_MEM | BPF_W, dst, src, offset, 0); }
constexpr bpf_insn jump(int op, int dst, int value, int offset) { return insn(BPF_JMP | op | BPF_K, dst, 0, offset, value); }
constexpr bpf_insn call(int helper) { return insn(BPF_JMP | BPF_CALL, 0, 0, 0, helper); }
constexpr bpf_insn leave() { return insn(BPF_JMP | BPF_EXIT, 0, 0, 0, 0); }

constexpr int kProtocol = 12;  // of struct bpf_sk_lookup
constexpr int kLocalPort = 60; // host order

int load(int map) {
    const bpf_insn code[] = {
        move(6, 1),
        load32(2, 6, kLocalPort),
        jump(BPF_JLT, 2, 8000, 24), // pass
        jump(BPF_JGT, 2, 8999, 23), // pass
        load32(2, 6, kProtocol),
        set(3, 0),
        jump(BPF_JNE, 2, IPPROTO_UDP, 1),
        set(3, 1),
        insn(BPF_STX | BPF_MEM | BPF_W, 10, 3, -4, 0),
        insn(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map),
        insn(0, 0, 0, 0, 0),
        move(2, 10),
        insn(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
        call(BPF_FUNC_map_lookup_elem),
        jump(BPF_JEQ, 0, 0, 10), // drop
        move(7, 0),
        move(1, 6),
        move(2, 7),
        set(3, 0),
        call(BPF_FUNC_sk_assign),
        move(8, 0),
        move(1, 7),
        call(BPF_FUNC_sk_release),
        jump(BPF_JNE, 8, 0, 1), // drop
        insn(BPF_JMP | BPF_JA, 0, 0, 2, 0), // pass
        set(0, SK_DROP),
        leave(),
        set(0, SK_PASS),
        leave(),
    };
    LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_SK_LOOKUP);
    return bpf_prog_load(BPF_PROG_TYPE_SK_LOOKUP, "steer_test", "GPL", code, std::size(code), &options);
}

} // namespace

Steering::Steering(const NetNamespace& ns)
    : map_(bpf_map_create(BPF_MAP_TYPE_SOCKMAP, "steer_test", sizeof(std::uint32_t), sizeof(std::uint64_t), 2, nullptr)) {
    REQUIRE(map_);
    const UniqueFd program{load(map_.get())};
    REQUIRE(program);
    link_.reset(bpf_link_create(program.get(), ns.fd(), BPF_SK_LOOKUP, nullptr));
    REQUIRE(link_);
}

void Steering::set_socket(int fd, bool udp) {
    const std::uint32_t key = udp ? 1 : 0;
    const std::uint64_t value = static_cast<std::uint64_t>(fd);
    REQUIRE(bpf_map_update_elem(map_.get(), &key, &value, BPF_ANY) == 0);
}

} // namespace swathe::test
