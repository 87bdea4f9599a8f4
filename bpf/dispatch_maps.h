/* SPDX-License-Identifier: GPL-2.0-only */
/* What the loader gives a generation of the dispatcher: constants and maps. */
#ifndef SWATHE_DISPATCH_MAPS_H
#define SWATHE_DISPATCH_MAPS_H

#include "dispatch_abi.h"

/* Set before the program is loaded: the verifier then removes what the generation does not need, and follows no loop further. */
const volatile struct dispatch_cell roots[DISPATCH_PLANES];
const volatile __u32 max_levels, max_steps, max_depth, max_links;
const volatile __u32 guarded; /* there are choices by interface or source */
const volatile __u32 deep;    /* call the search for ports instead of unrolling it */
const volatile __u32 counting; /* count what each rule decides, in `hits` */
const volatile __u32 limiting; /* some listeners have limits; enum dispatch_limiting */
const volatile __u32 explain; /* answer in `question`, do nothing else */
volatile struct dispatch_question question;
const volatile __u32 generation; /* for the traced twin */

#define KEYED(name, map_type, flags, entries, key_record, record) \
	struct { \
		__uint(type, map_type); \
		__uint(map_flags, flags); \
		__uint(max_entries, entries); \
		__type(key, key_record); \
		__type(value, record); \
	} name SEC(".maps")
#define MAP(name, map_type, flags, entries, record) KEYED(name, map_type, flags, entries, __u32, record)
#define TABLE(name, record) MAP(name, BPF_MAP_TYPE_ARRAY, BPF_F_MMAPABLE, 1, record)

/* Sized exactly, one set per generation. */
TABLE(indexes, struct dispatch_index);
TABLE(cells, struct dispatch_cell);
TABLE(steps32, struct dispatch_step32);
TABLE(steps128, struct dispatch_step128);
TABLE(nodes, struct dispatch_node);
TABLE(choices, struct dispatch_choice);
TABLE(limits, struct dispatch_limit);
MAP(hits, BPF_MAP_TYPE_PERCPU_ARRAY, 0, 1, struct dispatch_hits);
/* Shared by all generations. */
MAP(sockets, BPF_MAP_TYPE_SOCKMAP, 0, DISPATCH_SLOTS, __u64);
MAP(counters, BPF_MAP_TYPE_PERCPU_ARRAY, 0, 1, struct dispatch_counters);

/* Likewise, where listeners have limits. */
TABLE(limiters, struct dispatch_limiter);
KEYED(sources, BPF_MAP_TYPE_LRU_HASH, 0, DISPATCH_SOURCES, struct dispatch_source, __u64); /* their buckets */
KEYED(blocks, BPF_MAP_TYPE_HASH, BPF_F_NO_PREALLOC, DISPATCH_BLOCKS, struct dispatch_source, __u32);

/* Of the traced twin only; nothing else makes them. */
TABLE(shares, struct dispatch_share); /* by target */
MAP(lost, BPF_MAP_TYPE_ARRAY, 0, 1, __u64); /* events for which the ring had no room */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DISPATCH_EVENTS_BYTES);
} events SEC(".maps");

#endif
