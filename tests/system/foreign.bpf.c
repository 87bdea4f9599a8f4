/* Somebody else's sk_lookup program: TCP to any address on port 7777 is for its own socket, the rest is not its affair. */
#include <linux/bpf.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} foreign_socket SEC(".maps");

SEC("sk_lookup")
int foreign(struct bpf_sk_lookup *ctx)
{
	const __u32 key = 0;
	struct bpf_sock *sk;

	if (ctx->protocol != IPPROTO_TCP || ctx->local_port != 7777)
		return SK_PASS;
	sk = bpf_map_lookup_elem(&foreign_socket, &key);
	if (!sk)
		return SK_PASS;
	bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return SK_PASS;
}

char _license[] SEC("license") = "GPL";
