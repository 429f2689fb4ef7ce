/* The maps of steer.c, by what its loader (dataplane/steering.c) must know of them.
 *
 * Addresses are 16 bytes as on the wire, IPv4 as ::ffff:a.b.c.d; prefix lengths count all 128 bits. */
#pragma once
#include <linux/types.h>

#define STEER_VIPS_MAX 131072 /* those of two snapshots: the next one's are taken before it is in force */
#define STEER_SOURCES_MAX 8
#define STEER_QUEUES_MAX 64
#define STEER_COPIES_BYTES (64u << 10)
#define STEER_COPY_FRAME 1536 /* an ICMP error is at most 576 (RFC 1812) or 1280 bytes (RFC 4443) */

struct steer_address {
    __u32 word[4];
};

/* Key of the tries; their value is the length again. */
struct steer_prefix {
    __u32 bits;
    struct steer_address address;
};

/* One per device. */
struct steer_port {
    __u8 mac[6];
    __u16 spare;
};

/* A packet that the kernel gets as it came and the core is to see, too. */
struct steer_copy {
    __u32 bytes;
    __u32 spare;
    __u8 frame[STEER_COPY_FRAME];
};
