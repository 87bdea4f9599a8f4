/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking a key up in the sorted maps of the tables. */
#ifndef SWATHE_DISPATCH_FIND_H
#define SWATHE_DISPATCH_FIND_H

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "dispatch_maps.h"

#define AF_INET6 10

/* Number of the index's cell that the key hi:lo falls into, 0 if it is below all; `wide`: hi counts. */
static __always_inline __u64 cell_number(struct dispatch_index *index, __u64 hi, __u64 lo, const int wide)
{
	__u64 high = hi - index->base_hi - (lo < index->base_lo), low = lo - index->base_lo;

	if (!wide)
		return lo < index->base_lo ? 0 : 1 + (low >> index->shift);
	if (hi < index->base_hi || (hi == index->base_hi && lo < index->base_lo))
		return 0;
	if (index->shift >= 64)
		return 1 + (high >> (index->shift & 63));
	if (high >> index->shift)
		return ~0ULL;
	return 1 + (high << 1 << (63 - index->shift) | low >> index->shift);
}

/* From an index down to the cell that has the steps of the key. */
static __always_inline struct dispatch_cell descend(struct dispatch_cell cell, __u64 hi, __u64 lo, const int wide)
{
	for (__u32 level = 0; level < max_levels && cell.count == DISPATCH_INDEXED; level++) {
		struct dispatch_index *index = bpf_map_lookup_elem(&indexes, &cell.at);
		struct dispatch_cell *next;
		__u64 number;
		__u32 at;

		if (!index)
			break;
		number = cell_number(index, hi, lo, wide);
		at = index->cells + (number > index->last ? index->last + 1 : number);
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
	typeof(*(steps).value) *step; \
	__u32 found = !left; \
	for (__u32 i = 0; i < max_steps && left > 1; i++) { \
		__u32 middle = at + left / 2; \
		step = bpf_map_lookup_elem(&(steps), &middle); \
		if (!step) \
			break; \
		if (not_above) { \
			answer = step->answer; \
			found = 1; \
			at = middle; \
			left -= left / 2; \
		} else { \
			left /= 2; \
		} \
	} \
	if (!found) { \
		step = bpf_map_lookup_elem(&(steps), &at); \
		answer = step ? step->answer : 0; \
	} \
	answer; })

static __always_inline __u32 find32(struct dispatch_cell cell, __u32 key)
{
	cell = descend(cell, 0, key, 0);
	return SEARCH(steps32, cell, step->first <= key);
}

static __always_inline __u32 find128(struct dispatch_cell cell, __u32 a, __u32 b, __u32 c, __u32 d)
{
	__u64 hi = (__u64)bpf_ntohl(a) << 32 | bpf_ntohl(b), lo = (__u64)bpf_ntohl(c) << 32 | bpf_ntohl(d);

	cell = descend(cell, hi, lo, 1);
	return SEARCH(steps128, cell, step->first_hi < hi || (step->first_hi == hi && step->first_lo <= lo));
}

/*
 * Looks up the packet's local or remote address. The fields of the other family read 0. The last word is read before the
 * branch, else clang merges the reads of its arms into one of ctx + a variable, which the verifier refuses.
 */
#define FIND_ADDRESS(ctx, cell, side) ({ \
	__u32 last = (ctx)->side##_ip4 | (ctx)->side##_ip6[3]; \
	(ctx)->family == AF_INET6 ? \
		find128(cell, (ctx)->side##_ip6[0], (ctx)->side##_ip6[1], (ctx)->side##_ip6[2], last) : \
		find32(cell, bpf_ntohl(last)); })

#endif
