/* SPDX-License-Identifier: GPL-2.0-only */
/* What the baseline's program and the one who fills its map share. */
#ifndef SWATHE_TWO_LPM_ABI_H
#define SWATHE_TWO_LPM_ABI_H

#include <linux/types.h>

#define TWO_LPM_BEFORE_ADDRESS 32 /* bits of the key in front of the address: they always match in full */

struct two_lpm_key {
	__u32 prefixlen;
	__u16 protocol;
	__u16 port;       /* 0 = all ports */
	__u32 address[4]; /* network byte order; IPv4 as ::ffff:a.b.c.d */
};

struct two_lpm_binding {
	__u32 slot;      /* index into the SOCKMAP */
	__u32 prefixlen; /* that of the key: the helper does not say which entry matched */
};

#endif
