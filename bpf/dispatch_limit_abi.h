/* SPDX-License-Identifier: GPL-2.0-only */
/* How many a listener lets in: part of dispatch_abi.h. */
#ifndef SWATHE_DISPATCH_LIMIT_ABI_H
#define SWATHE_DISPATCH_LIMIT_ABI_H

#include <linux/types.h>

/* Why a listener's packet is refused before its socket is looked for. In the order in which they are asked. */
enum dispatch_refusal {
	DISPATCH_LET_IN,
	DISPATCH_BY_BLOCK,       /* the source is blocked */
	DISPATCH_BY_GATE,        /* the listener is closed for now */
	DISPATCH_BY_SOURCE_RATE, /* more than its source may */
	DISPATCH_BY_RATE,        /* more than all may */
};
#define DISPATCH_REFUSALS 4

enum dispatch_limiting {
	DISPATCH_NO_LIMITS,
	DISPATCH_LIMIT_PACKETS,
	DISPATCH_LIMIT_ALL, /* also what comes from no interface: BPF_PROG_TEST_RUN */
};

struct dispatch_rate {
	__u64 interval; /* nanoseconds until one more token is there; 0 = no limit */
	__u64 depth;    /* interval x tokens of the full bucket, one at least; the sum of a time and both does not overflow */
};
ABI_ASSERT(sizeof(struct dispatch_rate) == 16);

/*
 * A token bucket in one number. `arrival` is when it will be full again: each token that is taken puts that off by `interval`, and
 * the bucket is empty when it is `depth` ahead of now (the generic cell rate algorithm of ITU-T I.371). Takes a token if one is
 * there: 1, else 0. A bucket is never emptier than empty, though its depth may have been more before.
 */
static inline __u32 bucket_take(__u64 *arrival, __u64 now, __u64 interval, __u64 depth)
{
	__u64 empty = now + depth, at = *arrival < now ? now : *arrival;

	*arrival = at > empty ? empty : at;
	if (*arrival + interval > empty)
		return 0;
	*arrival += interval;
	return 1;
}

/* What one listener lets in: part of a generation, so that limits change with its rules. */
struct dispatch_limit {
	__u32 limiter; /* element of `limiters`: the listener's for as long as it exists */
	__u32 blocks;  /* look into `blocks`, too */
	struct dispatch_rate all, one_source;
	__u64 mask4, mask6_hi, mask6_lo; /* of an address, what is the source */
};
ABI_ASSERT(sizeof(struct dispatch_limit) == 64);

/* What is known of a listener's limits over all generations. */
struct dispatch_limiter {
	__u64 arrival;     /* its bucket: see bucket_take() */
	__u32 closed;      /* nobody is let in */
	__u32 incarnation; /* differs from that of the listener that was number `limiter` before */
};
ABI_ASSERT(sizeof(struct dispatch_limiter) == 16);

/* A source of one listener. IPv4 addresses are mapped into IPv6; no packet has such a source (net/ipv6/ip6_input.c). */
struct dispatch_source {
	__u32 limiter;
	__u32 incarnation;
	__u64 hi, lo;
};
ABI_ASSERT(sizeof(struct dispatch_source) == 24);
#define DISPATCH_MAPPED 0xffff00000000ULL

#define DISPATCH_SOURCES 65536 /* buckets of all listeners of a namespace; who was not seen for longest is forgotten */
#define DISPATCH_BLOCKS 65536  /* sources that are shut out at a time, likewise, besides those that the configuration names */

#endif
