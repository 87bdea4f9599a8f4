// SPDX-License-Identifier: GPL-2.0-only
/*
 * The baseline: one LPM trie over {protocol, port, address}, asked twice, once for the packet's port and once for all ports. The
 * longer prefix wins, then the port (the peer's documented precedence), so that both look-ups are always needed. It counts
 * nothing, and its key is aligned, both in its favour.
 */
#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "two_lpm_abi.h"

#define AF_INET 2

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct two_lpm_key);
	__type(value, struct two_lpm_binding);
} bindings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} sockets SEC(".maps");

static __always_inline int steer(struct bpf_sk_lookup *ctx, __u32 slot)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&sockets, &slot);
	long error;

	if (!sk)
		return SK_DROP;
	error = bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return error ? SK_DROP : SK_PASS;
}

SEC("sk_lookup")
int two_lpm(struct bpf_sk_lookup *ctx)
{
	struct two_lpm_key key = {
		.prefixlen = 8 * (sizeof(key) - sizeof(key.prefixlen)),
		.protocol = ctx->protocol,
		.port = ctx->local_port,
		/* the fields of the other family read 0 */
		.address = { ctx->local_ip6[0], ctx->local_ip6[1],
			     ctx->local_ip6[2] | (ctx->family == AF_INET ? bpf_htonl(0xffff) : 0),
			     ctx->local_ip6[3] | ctx->local_ip4 },
	};
	struct two_lpm_binding *port, *wildcard;

	port = bpf_map_lookup_elem(&bindings, &key);
	key.port = 0;
	wildcard = bpf_map_lookup_elem(&bindings, &key);
	if (port) {
		if (wildcard && wildcard->prefixlen > port->prefixlen)
			return steer(ctx, wildcard->slot);
		return steer(ctx, port->slot);
	}
	return wildcard ? steer(ctx, wildcard->slot) : SK_PASS;
}

char LICENSE[] SEC("license") = "GPL";
