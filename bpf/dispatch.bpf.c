// SPDX-License-Identifier: GPL-2.0-only
/*
 * The dispatcher: finds the rule that wins for a packet and hands the packet to its socket. All policy is in the tables
 * (dispatch_abi.h); src/classify/match.cpp is the same walk in C++. Loaded once per generation, with maps of its own but
 * for `sockets` and `counters`. The constants are set before: the verifier then removes what the generation does not need.
 */
#include <linux/bpf.h>
#include <linux/errno.h>
#include <linux/in.h>
#include <stdbool.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "dispatch_abi.h"

#define AF_INET6 10

const volatile struct dispatch_cell roots[DISPATCH_PLANES];
const volatile __u32 max_levels, max_steps, max_depth, max_links;
const volatile bool by_interface, by_source, explain;
volatile struct dispatch_question question; /* of the explaining instance */

#define MAP(name, map_type, flags, entries, record) \
	struct { \
		__uint(type, map_type); \
		__uint(map_flags, flags); \
		__uint(max_entries, entries); \
		__type(key, __u32); \
		__type(value, record); \
	} name SEC(".maps")
#define TABLE(name, record) MAP(name, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 1, record)

TABLE(indexes, struct dispatch_index);
TABLE(cells, struct dispatch_cell);
TABLE(steps32, struct dispatch_step32);
TABLE(steps128, struct dispatch_step128);
TABLE(nodes, struct dispatch_node);
TABLE(choices, struct dispatch_choice);
MAP(sockets, BPF_MAP_TYPE_SOCKMAP, 0, DISPATCH_SLOTS, __u64);
MAP(counters, BPF_MAP_TYPE_PERCPU_ARRAY, 0, 1, struct dispatch_counters);

struct key {
	__u64 hi, lo;
};

/* From an index to the cell that has the key's steps. */
static __always_inline struct dispatch_cell descend(struct dispatch_cell cell, struct key key)
{
	for (__u32 level = 0; level < max_levels && cell.count == DISPATCH_INDEXED; level++) {
		struct dispatch_index *index = bpf_map_lookup_elem(&indexes, &cell.at);
		struct dispatch_cell *next;
		__u64 hi, lo, i;
		__u32 at;

		if (!index)
			break;
		lo = key.lo - index->base_lo;
		hi = key.hi - index->base_hi - (key.lo < index->base_lo);
		if (key.hi < index->base_hi || (key.hi == index->base_hi && key.lo < index->base_lo))
			i = 0;
		else if (index->shift >= 64)
			i = 1 + (hi >> (index->shift & 63));
		else if (hi >> index->shift)
			i = ~0ULL;
		else
			i = 1 + (hi << 1 << (63 - index->shift) | lo >> index->shift);
		at = index->cells + (i > index->last ? index->last + 1 : i);
		next = bpf_map_lookup_elem(&cells, &at);
		if (!next)
			break;
		cell = *next;
	}
	return cell;
}

/* The answer of the last of the cell's steps that is not above the key. */
#define SEARCH(steps, cell, not_above) ({ \
	__u32 at = (cell).at, left = (cell).count, answer = at; \
	if (left) { \
		typeof(*(steps).value) *step; \
		for (__u32 i = 0; i < max_steps && left > 1; i++) { \
			__u32 middle = at + left / 2; \
			step = bpf_map_lookup_elem(&(steps), &middle); \
			if (!step) \
				break; \
			at = (not_above) ? middle : at; \
			left = (not_above) ? left - left / 2 : left / 2; \
		} \
		step = bpf_map_lookup_elem(&(steps), &at); \
		answer = step ? step->answer : 0; \
	} \
	answer; })

static __always_inline __u32 find32(struct dispatch_cell cell, __u32 key)
{
	cell = descend(cell, (struct key){ 0, key });
	return SEARCH(steps32, cell, step->first <= key);
}

static __always_inline __u32 find128(struct dispatch_cell cell, struct key key)
{
	cell = descend(cell, key);
	return SEARCH(steps128, cell, step->first_hi < key.hi || (step->first_hi == key.hi && step->first_lo <= key.lo));
}

static __always_inline struct key wide(__u32 a, __u32 b, __u32 c, __u32 d)
{
	return (struct key){ (__u64)bpf_ntohl(a) << 32 | bpf_ntohl(b), (__u64)bpf_ntohl(c) << 32 | bpf_ntohl(d) };
}

/*
 * The fields of the other family read 0. Both last words are read before the branch: clang would merge two reads in its arms into
 * one of ctx + a variable, which the verifier refuses.
 */
#define FIND_ADDRESS(ctx, cell, side) ({ \
	__u32 last = (ctx)->side##_ip4 | (ctx)->side##_ip6[3]; \
	(ctx)->family == AF_INET6 ? \
		find128(cell, wide((ctx)->side##_ip6[0], (ctx)->side##_ip6[1], (ctx)->side##_ip6[2], last)) : \
		find32(cell, bpf_ntohl(last)); })

static __always_inline __u32 guarded(struct bpf_sk_lookup *ctx, struct dispatch_choice *choice)
{
	if (by_interface && choice->kind == DISPATCH_BY_INTERFACE)
		return find32(choice->cell, explain ? question.ifindex : ctx->ingress_ifindex);
	return by_source ? FIND_ADDRESS(ctx, choice->cell, remote) : 0;
}

/* The first choice of a node whose guards hold, or NULL. */
static __always_inline struct dispatch_choice *settle(struct bpf_sk_lookup *ctx, __u32 at)
{
	for (__u32 i = 0; i < max_links && at; i++) {
		struct dispatch_choice *choice = bpf_map_lookup_elem(&choices, &at);

		if (!choice)
			return NULL;
		if (choice->kind <= DISPATCH_STEER) {
			if (explain)
				question.choice = at;
			return choice;
		}
		at = guarded(ctx, choice);
		if (!at)
			at = choice->otherwise;
	}
	return NULL;
}

static __always_inline int steer(struct bpf_sk_lookup *ctx, struct dispatch_choice *choice)
{
	__u32 slot = choice->cell.at;
	struct dispatch_counters *count = bpf_map_lookup_elem(&counters, &slot);
	struct bpf_sock *sk = bpf_map_lookup_elem(&sockets, &slot);
	long error = 0;

	if (sk) {
		error = bpf_sk_assign(ctx, sk, 0); /* -EEXIST: an earlier program has chosen, and its choice stands */
		bpf_sk_release(sk);
	}
	if (count) {
		if (sk && !error) {
			count->steered++;
		} else if (!sk) {
			count->no_socket++;
		} else {
			count->assign_errors++;
			count->error = -error;
			count->failed_at = bpf_ktime_get_ns();
		}
	}
	return (sk && !error) || choice->when_down == DISPATCH_PASS ? SK_PASS : SK_DROP;
}

SEC("sk_lookup")
int swathe_dispatch(struct bpf_sk_lookup *ctx)
{
	struct dispatch_choice *choice = NULL;
	__u32 port = ctx->local_port;
	__u32 plane = DISPATCH_PLANE(ctx->family == AF_INET6, ctx->protocol == IPPROTO_UDP);
	struct dispatch_cell root = { roots[plane].at, roots[plane].count };
	__u32 at = FIND_ADDRESS(ctx, root, local);

	for (__u32 i = 0; i < max_depth && at && !choice; i++) {
		struct dispatch_node *node = bpf_map_lookup_elem(&nodes, &at);

		if (!node)
			break;
		if (port >= node->first_port && port <= node->last_port)
			choice = settle(ctx, find32(node->ports, port));
		at = node->parent;
	}
	if (explain || !choice)
		return SK_PASS;
	if (choice->kind != DISPATCH_STEER)
		return choice->kind == DISPATCH_PASS ? SK_PASS : SK_DROP;
	return steer(ctx, choice);
}

char LICENSE[] SEC("license") = "GPL";
