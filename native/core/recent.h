/* VIPs that a worker's packets were for lately, by destination: 40 instructions a packet less than the snapshot's index takes.
 *
 * Only those that packets may go express to (express.h), and none from before the snapshot in force: a worker that adopts one
 * forgets them all. */
#pragma once
#include "layout.h"

#define RECENT_VIPS_SHIFT 11 /* 32 KiB, of which a worker's first-level cache keeps what is in use */
struct recent_vip {
    u64 destination; /* of IPv4 port and protocol as in destination_key, above them the address; of IPv6 a hash; 0: none */
    const struct vip *vip;
};

struct recent_vips {
    struct recent_vip entry[1 << RECENT_VIPS_SHIFT];
};
