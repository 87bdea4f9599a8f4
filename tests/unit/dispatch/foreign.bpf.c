// SPDX-License-Identifier: GPL-2.0-only
/* What another sk_lookup program in the same namespace may do. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum { FOREIGN_PASS, FOREIGN_DROP, FOREIGN_SELECT, FOREIGN_REPLACE };
const volatile __u32 what, port; /* on packets to this port */

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} socket SEC(".maps");

SEC("sk_lookup")
int foreign(struct bpf_sk_lookup *ctx)
{
	struct bpf_sock *sk;
	__u32 zero = 0;

	if (ctx->local_port != port || what == FOREIGN_PASS)
		return SK_PASS;
	if (what == FOREIGN_DROP)
		return SK_DROP;
	sk = bpf_map_lookup_elem(&socket, &zero);
	if (!sk)
		return SK_DROP;
	bpf_sk_assign(ctx, sk, what == FOREIGN_REPLACE ? BPF_SK_LOOKUP_F_REPLACE : 0);
	bpf_sk_release(sk);
	return SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
