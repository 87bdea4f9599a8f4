// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dispatcher: finds the rule that wins for a packet and hands the packet to its socket. All policy is in the tables
 * (dispatch_abi.h); src/classify/match.cpp is the same walk in C++.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>
#include "dispatch_limits.h"

/* Global functions are verified once, and not for every turn of the loops that call them. */
__noinline __u32 find(__u32 at, __u32 count, __u32 key)
{
	return find32((struct dispatch_cell){ at, count }, key);
}

__noinline __u32 find_source(struct bpf_sk_lookup *ctx, __u32 at, __u32 count)
{
	struct dispatch_cell map = { at, count };

	return FIND_ADDRESS(ctx, map, remote);
}

/* From a guard to the first choice whose guards hold. */
__noinline __u32 settle(struct bpf_sk_lookup *ctx, __u32 at)
{
	for (__u32 i = 0; i < max_links; i++) {
		struct dispatch_choice *choice = bpf_map_lookup_elem(&choices, &at);

		if (!choice || choice->kind <= DISPATCH_STEER)
			break;
		at = choice->at + (choice->kind == DISPATCH_BY_SOURCE ?
			find_source(ctx, choice->map.at, choice->map.count) :
			find(choice->map.at, choice->map.count, explain ? question.ifindex : ctx->ingress_ifindex));
	}
	return at;
}

static __always_inline int steer(struct bpf_sk_lookup *ctx, struct dispatch_choice *choice, __u32 why, struct decision *traced)
{
	__u32 slot = choice->at;
	struct dispatch_counters *count = bpf_map_lookup_elem(&counters, &slot);
	struct bpf_sock *sk;
	long error;

	if (why)
		return refuse(count, why, traced);
	if (limiting && choice->map.count) {
		why = refusal(ctx, choice->map.count, slot);
		if (why)
			return refuse(count, why, traced);
	}
	sk = bpf_map_lookup_elem(&sockets, &slot);
	error = sk ? bpf_sk_assign(ctx, sk, 0) : 0; /* -EEXIST: an earlier program has chosen, and that stands */
	if (sk)
		bpf_sk_release(sk);
	if (traced)
		traced->error = sk ? -error : ENOENT;
	if (count && error) {
		count->assign_errors++;
		count->error = -error;
		count->failed_at = bpf_ktime_get_ns();
	} else if (count) {
		*(sk ? &count->steered : &count->no_socket) += 1;
	}
	return (sk && !error) || choice->when_down == DISPATCH_PASS ? SK_PASS : SK_DROP;
}

static __always_inline void count_hit(__u32 rule)
{
	__u32 block = rule / DISPATCH_HITS;
	struct dispatch_hits *count = bpf_map_lookup_elem(&hits, &block);

	if (count)
		count->of_rule[rule % DISPATCH_HITS]++;
}

/* `traced`: NULL at compile time in the program that is not, so that nothing of it is left there. */
static __always_inline int dispatch(struct bpf_sk_lookup *ctx, __u32 plane, struct decision *traced)
{
	struct dispatch_cell root = { roots[plane].at, roots[plane].count };
	__u32 at = FIND_ADDRESS(ctx, root, local), port = ctx->local_port;

	for (__u32 i = 0; i < max_depth && at; i++) {
		struct dispatch_node *node = bpf_map_lookup_elem(&nodes, &at);
		struct dispatch_choice *choice;
		__u32 found, why = DISPATCH_LET_IN;

		if (!node)
			break;
		at = node->parent;
		if (port < node->first_port || port > node->last_port)
			continue;
		found = deep ? find(node->ports.at, node->ports.count, port) : find32(node->ports, port);
		choice = bpf_map_lookup_elem(&choices, &found);
		if (guarded && choice && choice->kind > DISPATCH_STEER) {
			found = settle(ctx, found);
			choice = bpf_map_lookup_elem(&choices, &found);
			if (choice && choice->kind == DISPATCH_BLOCKED)
				why = DISPATCH_BY_BLOCK;
		}
		if (!choice || choice->kind == DISPATCH_NONE)
			continue;
		if (explain) {
			question.choice = found;
			break;
		}
		if (traced) {
			traced->choice = found;
			traced->target = choice->kind >= DISPATCH_BLOCKED ? DISPATCH_STEER + choice->at : choice->kind;
		}
		if (counting)
			count_hit(choice->map.at);
		if (choice->kind == DISPATCH_PASS)
			break;
		return choice->kind == DISPATCH_DROP ? SK_DROP : steer(ctx, choice, why, traced);
	}
	return SK_PASS;
}

#define PLANE_OF(ctx) DISPATCH_PLANE((ctx)->family == AF_INET6, (ctx)->protocol == IPPROTO_UDP)

SEC("sk_lookup")
int swathe_dispatch(struct bpf_sk_lookup *ctx)
{
	return dispatch(ctx, PLANE_OF(ctx), NULL);
}

/* The twin: it takes the place of the other one, over the same tables, while somebody watches. */
SEC("sk_lookup")
int swathe_traced(struct bpf_sk_lookup *ctx)
{
	struct decision decision = { 0, DISPATCH_NONE, 0 };
	__u32 plane = PLANE_OF(ctx);
	int verdict = dispatch(ctx, plane, &decision);

	report(ctx, &decision, plane, verdict);
	return verdict;
}

char LICENSE[] SEC("license") = "GPL";
