/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a listener lets in one more. In doubt it does. */
#ifndef SWATHE_DISPATCH_LIMITS_H
#define SWATHE_DISPATCH_LIMITS_H

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "dispatch_find.h"
#include "dispatch_trace.h"

#define BUCKET_TRIES 8 /* each means that another CPU took a token meanwhile */

static __always_inline struct dispatch_source source_of(struct bpf_sk_lookup *ctx, struct dispatch_limit *limit)
{
	__u32 last = ctx->remote_ip4 | ctx->remote_ip6[3]; /* see FIND_ADDRESS */
	struct dispatch_source source = { limit->limiter, 0, 0, DISPATCH_MAPPED | (bpf_ntohl(last) & limit->mask4) };

	if (ctx->family == AF_INET6) {
		source.hi = ((__u64)bpf_ntohl(ctx->remote_ip6[0]) << 32 | bpf_ntohl(ctx->remote_ip6[1])) & limit->mask6_hi;
		source.lo = ((__u64)bpf_ntohl(ctx->remote_ip6[2]) << 32 | bpf_ntohl(last)) & limit->mask6_lo;
	}
	return source;
}

/*
 * A token of a bucket that several CPUs share: is there one? Unrolled, since clang would turn the loop so that its end falls into its
 * head: in Linux 6.1 only a jump may close a loop (kernel/bpf/verifier.c, push_insn()).
 */
static __always_inline int take(__u64 *bucket, __u64 now, const struct dispatch_rate *rate, struct dispatch_counters *count)
{
#pragma unroll
	for (int i = 0; i < BUCKET_TRIES; i++) {
		__u64 seen = *(volatile __u64 *)bucket, next = seen;
		__u32 taken = bucket_take(&next, now, rate->interval, rate->depth);

		if (next == seen || __sync_val_compare_and_swap(bucket, seen, next) == seen)
			return taken;
	}
	count->unasked++;
	return 1;
}

static __always_inline int take_of_source(struct dispatch_source *source, __u64 now, const struct dispatch_rate *rate,
					  struct dispatch_counters *count)
{
	__u64 *bucket = bpf_map_lookup_elem(&sources, source), first = now + rate->interval;

	if (bucket)
		return take(bucket, now, rate, count);
	if (bpf_map_update_elem(&sources, source, &first, BPF_NOEXIST) == 0) {
		count->new_sources++;
		return 1;
	}
	bucket = bpf_map_lookup_elem(&sources, source); /* another CPU has just made it */
	if (bucket)
		return take(bucket, now, rate, count);
	count->unasked++;
	return 1;
}

/* The source's bucket comes before the one of all, so that who is over his own limit leaves that to the others. */
__noinline __u32 refusal(struct bpf_sk_lookup *ctx, __u32 number, __u32 slot)
{
	struct dispatch_limit *limit;
	struct dispatch_limiter *limiter;
	struct dispatch_counters *count;
	struct dispatch_source source;
	__u64 now;

	if (!limiting) /* the maps do not even exist */
		return DISPATCH_LET_IN;
	if (limiting == DISPATCH_LIMIT_PACKETS && !ctx->ingress_ifindex) /* a question of sock_diag(7): it uses nothing up */
		return DISPATCH_LET_IN;
	limit = bpf_map_lookup_elem(&limits, &number);
	count = bpf_map_lookup_elem(&counters, &slot);
	if (!limit || !count)
		return DISPATCH_LET_IN;
	limiter = bpf_map_lookup_elem(&limiters, &limit->limiter);
	if (!limiter)
		return DISPATCH_LET_IN;
	source = source_of(ctx, limit);
	source.incarnation = limiter->incarnation;
	now = bpf_ktime_get_ns();
	if (limit->blocks && bpf_map_lookup_elem(&blocks, &source))
		return DISPATCH_BY_BLOCK;
	if (limiter->closed)
		return DISPATCH_BY_GATE;
	if (limit->one_source.interval && !take_of_source(&source, now, &limit->one_source, count))
		return DISPATCH_BY_SOURCE_RATE;
	if (limit->all.interval && !take(&limiter->arrival, now, &limit->all, count))
		return DISPATCH_BY_RATE;
	return DISPATCH_LET_IN;
}

static __always_inline int refuse(struct dispatch_counters *count, __u32 why, struct decision *traced)
{
	if (count)
		count->refused[(why - 1) % DISPATCH_REFUSALS]++;
	if (traced)
		traced->error = DISPATCH_REFUSED + why;
	return SK_DROP;
}

#endif
