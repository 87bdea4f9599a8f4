/* Somebody else's sk_lookup programs: TCP to any address on port 7777 is for their own socket, or is refused; the rest is not their affair. */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} foreign_socket SEC(".maps");

static __always_inline int choose(struct bpf_sk_lookup *ctx, __u64 flags)
{
	const __u32 key = 0;
	struct bpf_sock *sk;

	if (ctx->protocol != IPPROTO_TCP || ctx->local_port != 7777)
		return SK_PASS;
	sk = bpf_map_lookup_elem(&foreign_socket, &key);
	if (!sk)
		return SK_PASS;
	bpf_sk_assign(ctx, sk, flags);
	bpf_sk_release(sk);
	return SK_PASS;
}

SEC("sk_lookup")
int foreign(struct bpf_sk_lookup *ctx)
{
	return choose(ctx, 0);
}

SEC("sk_lookup")
int foreign_replace(struct bpf_sk_lookup *ctx)
{
	return choose(ctx, BPF_SK_LOOKUP_F_REPLACE);
}

SEC("sk_lookup")
int foreign_drop(struct bpf_sk_lookup *ctx)
{
	return ctx->protocol == IPPROTO_TCP && ctx->local_port == 7777 ? SK_DROP : SK_PASS;
}

char _license[] SEC("license") = "GPL";
