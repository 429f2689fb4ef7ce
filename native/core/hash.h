/* The one keyed hash of a flow: fingerprint, two bucket numbers and the table slot from one pass over the tuple.
 *
 * NH (Black et al., UMAC, CRYPTO '99) over ten 32-bit words with two keys that overlap by two words (Toeplitz), then
 * folded to 64 bits by random odd multipliers. Two different tuples share a fingerprint with a chance of about 2^-60 over
 * the secret key, and a packet is compared with at most eight entries: below 1 false match in 10^17 packets, table full.
 * Specified byte by byte, with vectors, in docs/flow-hash.md; equal in C, BPF and steering/flow-hash.ts. */
#pragma once
#include "layout.h"

/* A flow's tuple in network order; IPv4 addresses as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
struct tuple {
    u32 src[4];
    u32 dst[4];
    u32 ports; /* source port, then destination port, as they lie in a TCP or UDP header */
    u32 protocol;
};

struct flow_hash {
    u64 fp;
    u32 bucket[2];
};

#define HASH_FACTOR 0x9e3779b97f4a7c15ull /* 2^64 by the golden ratio, odd */
#define V4_MAPPED_WORD 0xffff0000u /* bytes 00 00 ff ff */

static always_inline bool is_mapped(const u32 address[4])
{
    return !(address[0] | address[1] | (address[2] ^ V4_MAPPED_WORD));
}

static always_inline u64 nh_pair(u32 a, u32 ka, u32 b, u32 kb)
{
    return (u64)(u32)(a + ka) * (u32)(b + kb);
}

/* From the two NH sums. */
static always_inline struct flow_hash hash_of_sums(const struct hash_key *key, const struct hash_mix *mix, u64 a, u64 b)
{
    u64 z = (a ^ (b << 32 | b >> 32)) * mix->m2;
    z ^= z >> 32;
    z *= HASH_FACTOR;
    z ^= z >> 29;
    return (struct flow_hash){.fp = a * key->m0 + b * key->m1, .bucket = {(u32)z, (u32)(z >> 32)}};
}

/* The products of words that are constant in every IPv4 tuple come precomputed with the key (v4_a, v4_b): 3 ns less. */
static always_inline struct flow_hash hash_tuple(const struct hash_key *key, const struct hash_mix *mix, const struct tuple *t,
                                                 bool is_v4)
{
    const u32 *k = key->nh;
    u64 a, b;
    if (is_v4) {
        a = mix->v4_a;
        b = mix->v4_b;
    } else {
        a = nh_pair(t->src[0], k[0], t->dst[0], k[1]) + nh_pair(t->src[1], k[2], t->dst[1], k[3]) +
            nh_pair(t->src[2], k[4], t->dst[2], k[5]);
        b = nh_pair(t->src[0], k[2], t->dst[0], k[3]) + nh_pair(t->src[1], k[4], t->dst[1], k[5]) +
            nh_pair(t->src[2], k[6], t->dst[2], k[7]);
    }
    a += nh_pair(t->src[3], k[6], t->dst[3], k[7]) + nh_pair(t->ports, k[8], t->protocol, k[9]);
    b += nh_pair(t->src[3], k[8], t->dst[3], k[9]) + nh_pair(t->ports, k[10], t->protocol, k[11]);
    return hash_of_sums(key, mix, a, b);
}

/* The number whose remainder by the table size is the slot. From the fingerprint alone, so that the table choice of a
 * flow-table entry can be looked up without its tuple. */
static always_inline u32 hash_slot(const struct hash_mix *mix, u64 fp)
{
    return (u32)(((fp ^ fp >> 32) * mix->m3) >> 32);
}

/* Where the snapshot's indices keep a destination. Not keyed: only documents choose what is stored there. `rest` is the
 * port (network order) with the protocol above it, or ADDRESS_KEY(prefix length). */
#define ADDRESS_KEY(length) (0xff000000u | (length))

static always_inline u32 hash_destination(const u32 dst[4], u32 rest)
{
    u32 h = dst[0] * 0x27d4eb2fu ^ dst[1] * 0xc2b2ae3du ^ dst[2] * 0x85ebca77u ^ dst[3] * 0x9e3779b1u ^ rest * 0x165667b1u;
    h ^= h >> 15;
    h *= 0x2c1b3c6du;
    h ^= h >> 12;
    h *= 0x297a2d39u;
    h ^= h >> 15;
    return h;
}
