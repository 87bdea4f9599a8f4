/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records that the compiler of the tables (C++) and the dispatcher (BPF) share. All in host byte order but where said.
 *
 * The walk: address -> node (one per set of prefixes that behave alike) -> port -> choice -> verdict. Where a node has no
 * answer the walk goes on at its parent, the next shorter prefix with rules. Node 0 and choice 0 are none.
 */
#ifndef SWATHE_DISPATCH_ABI_H
#define SWATHE_DISPATCH_ABI_H

#include <linux/types.h>

#ifdef __cplusplus
#define ABI_ASSERT(cond) static_assert(cond, #cond)
#else
#define ABI_ASSERT(cond) _Static_assert(cond, #cond)
#endif

#include "dispatch_limit_abi.h"

/* Planes: one per address family and protocol. */
#define DISPATCH_PLANE(is_ipv6, is_udp) ((is_ipv6) * 2 + (is_udp))
#define DISPATCH_PLANES 4

#define DISPATCH_SLOTS 65536 /* elements of the SOCKMAP: listeners in one network namespace */

/* Part of a sorted map from keys (addresses, ports, interface indexes) to answers. */
struct dispatch_cell {
	__u32 at;    /* count 0: the answer; DISPATCH_INDEXED: an element of `indexes`; else the first of `count` steps */
	__u32 count; /* of steps to search */
};
#define DISPATCH_INDEXED 0xffffffffU
ABI_ASSERT(sizeof(struct dispatch_cell) == 8);

/* Keys are spread over cells by their distance from `base`, in units of 1 << shift. */
struct dispatch_index {
	__u64 base_hi, base_lo; /* the first key that is spread; IPv6: both halves, else base_hi is 0 */
	__u32 cells;            /* cells[cells]: keys below base; then `last` + 1 cells */
	__u32 last;             /* the last cell takes all that lies above, too */
	__u32 shift;            /* 0..127 */
	__u32 unused;
};
ABI_ASSERT(sizeof(struct dispatch_index) == 32);

/* One interval of keys: it ends where the next one begins. The first step of a search has no lower bound. */
struct dispatch_step32 {
	__u32 first;
	__u32 answer;
};
ABI_ASSERT(sizeof(struct dispatch_step32) == 8);

struct dispatch_step128 {
	__u64 first_hi, first_lo;
	__u32 answer;
	__u32 unused;
};
ABI_ASSERT(sizeof(struct dispatch_step128) == 24);

/* Prefixes with the same rules under the same parent. */
struct dispatch_node {
	struct dispatch_cell ports;   /* port -> choice */
	__u32 parent;                 /* element of nodes; 0 = no rule matches */
	__u16 first_port, last_port;  /* no port outside has an answer here */
};
ABI_ASSERT(sizeof(struct dispatch_node) == 16);

enum dispatch_kind {
	DISPATCH_NONE,         /* no rule of the node matches: go on at its parent */
	DISPATCH_PASS,         /* the kernel's own lookup decides */
	DISPATCH_DROP,         /* TCP RST, ICMP port unreachable */
	DISPATCH_BLOCKED,      /* the same, since the listener in slot `at` has blocked the source */
	DISPATCH_STEER,        /* to the socket in slot `at`, if limits[map.count] lets in one more; 0 = no limits */
	DISPATCH_BY_INTERFACE, /* choices[at + answer]; `map` is asked for the ingress interface */
	DISPATCH_BY_SOURCE,    /* choices[at + answer]; `map` is asked for the source address */
};

struct dispatch_choice {
	__u8 kind;      /* enum dispatch_kind */
	__u8 when_down; /* steer: DISPATCH_PASS or DISPATCH_DROP if the slot has no usable socket */
	__u16 unused;
	__u32 at;
	struct dispatch_cell map; /* by interface, by source: answer 0 (nothing known of the key) is what comes next in order;
	                             else, where rules are counted, map.at is the rule's number, or DISPATCH_UNCOUNTED */
};
ABI_ASSERT(sizeof(struct dispatch_choice) == 16);

/* Packets that rules decided, per CPU: rule n is counted in element n / DISPATCH_HITS. The kernel allocates each element on
 * its own, so that one rule an element would be a million allocations. */
#define DISPATCH_HITS 512
#define DISPATCH_UNCOUNTED 0xffffffffU
struct dispatch_hits {
	__u64 of_rule[DISPATCH_HITS];
};

/* Per slot and CPU. Lookups are the sum of steered, no_socket, assign_errors and all that was refused. */
struct dispatch_counters {
	__u64 steered;
	__u64 no_socket;
	__u64 assign_errors;
	__u64 failed_at; /* ktime of the last assign error, nanoseconds */
	__u32 error;     /* its errno, positive */
	__u32 unused;
	__u64 refused[DISPATCH_REFUSALS]; /* by enum dispatch_refusal - 1 */
	__u64 unasked;     /* let in, since there was no room for a bucket, or too many CPUs wanted the same at once */
	__u64 new_sources; /* for which a bucket was made */
};
ABI_ASSERT(sizeof(struct dispatch_counters) == 88);

/* What the explaining instance of the program is asked and answers besides its context. */
struct dispatch_question {
	__u32 ifindex; /* in: BPF_PROG_TEST_RUN cannot simulate it */
	__u32 choice;  /* out: 0 = no rule matched */
};

/*
 * What the traced twin of the program reports. A decision is counted among those of its target: DISPATCH_NONE (no rule), _PASS,
 * _DROP, or DISPATCH_STEER + slot, also if that listener has blocked the source.
 */
struct dispatch_share {
	__u64 of[2]; /* by what the program returns, SK_DROP or SK_PASS: so many of 2^32 decisions */
};
ABI_ASSERT(sizeof(struct dispatch_share) == 16);

struct dispatch_event {
	__u64 time;            /* ktime, nanoseconds */
	__u32 local_ip[4];     /* network byte order; IPv4: the last word */
	__u32 remote_ip[4];
	__u16 local_port, remote_port;
	__u8 plane;
	__u8 verdict;          /* SK_DROP, SK_PASS */
	__u16 error;           /* steer: errno of bpf_sk_assign(), ENOENT = the slot is empty, 0 = steered; from DISPATCH_REFUSED on: why not */
	__u32 ifindex;
	__u32 choice;          /* 0: no rule */
	__u32 generation;      /* whose choice that is */
	__u32 random;          /* the decision is in a share of `share` if this is below it */
};
ABI_ASSERT(sizeof(struct dispatch_event) == 64);

#define DISPATCH_REFUSED 4096 /* + enum dispatch_refusal; above every errno */
#define DISPATCH_EVENTS_BYTES (1U << 20) /* of the ring buffer: some 14,500 events that wait to be read */

#endif
