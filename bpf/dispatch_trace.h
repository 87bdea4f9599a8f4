/* SPDX-License-Identifier: GPL-2.0-only */
/* What the traced twin of the program does besides: it tells user space of its decisions. */
#ifndef SWATHE_DISPATCH_TRACE_H
#define SWATHE_DISPATCH_TRACE_H

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "dispatch_maps.h"

/* A decision on its way through the program. */
struct decision {
	__u32 choice, target;
	long error;
};

#define COPY_ADDRESS(ctx, side, to) ({ \
	(to)[0] = (ctx)->side##_ip6[0]; \
	(to)[1] = (ctx)->side##_ip6[1]; \
	(to)[2] = (ctx)->side##_ip6[2]; \
	(to)[3] = (ctx)->side##_ip4 | (ctx)->side##_ip6[3]; })

/* Nobody is woken: who reads looks regularly, so that a flood of packets is no flood of wakeups. */
static __always_inline void report(struct bpf_sk_lookup *ctx, struct decision *decision, __u32 plane, int verdict)
{
	struct dispatch_share *share = bpf_map_lookup_elem(&shares, &decision->target);
	struct dispatch_event event = { .random = bpf_get_prandom_u32() };
	__u64 *missed;
	__u32 zero = 0;

	if (!share || event.random >= share->of[verdict == SK_PASS])
		return;
	event.time = bpf_ktime_get_ns();
	COPY_ADDRESS(ctx, local, event.local_ip);
	COPY_ADDRESS(ctx, remote, event.remote_ip);
	event.local_port = ctx->local_port;
	event.remote_port = bpf_ntohs(ctx->remote_port);
	event.plane = plane;
	event.verdict = verdict;
	event.error = decision->error;
	event.ifindex = ctx->ingress_ifindex;
	event.choice = decision->choice;
	event.generation = generation;
	if (bpf_ringbuf_output(&events, &event, sizeof(event), BPF_RB_NO_WAKEUP) == 0)
		return;
	missed = bpf_map_lookup_elem(&lost, &zero);
	if (missed)
		__sync_fetch_and_add(missed, 1);
}

#endif
