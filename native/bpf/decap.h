/* The map that decap.c reads and decap_load.c fills: which addresses play which role at this backend.
 *
 * Keys are 16-byte addresses in network order, IPv4 as ::ffff:a.b.c.d, with a prefix length counted over all 128 bits;
 * VIPs may be prefixes, the longest match decides. */
#pragma once
#include <linux/types.h>

#define DECAP_MAX_ADDRESSES 16384

#define DECAP_OUTER 1 /* an address of this host that balancers send to */
#define DECAP_VIP 2

struct decap_key {
    __u32 prefix_bits;
    __u32 address[4];
};
