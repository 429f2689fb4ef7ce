/* Hash and look-up of several flows at once: what hash.h and flows.h do for one IPv4 tuple, bit for bit, four tuples to a vector
 * where the processor has AVX2. A tuple's hash takes 20 instructions so, and 60 by itself. In a process only. */
#pragma once
#include "flows.h"

#define LANES 16 /* packets that go through each step together: all their lines stay in the first-level cache */
#define LANE_NONE 0xffffffffu

/* Words as on the wire, low half first. Lanes that are not in use hold anything. */
struct lanes {
    u64 addresses[LANES]; /* source, destination */
    u64 ports[LANES];     /* both ports, protocol */
    u64 fp[LANES];
    u64 buckets[LANES]; /* first, second: lines of the worker's own flow table, as flow_locate has them */
    u32 entry[LANES];   /* 64-bit word in that table that has the fingerprint, the first bucket's before the second's; or LANE_NONE */
} __attribute__((aligned(LINE_BYTES)));

struct lane_view {
    const struct hash_key *key;
    const struct hash_mix *mix;
    const struct flow_bucket *flows;
    u32 flow_mask;
    u32 own4, prefix4, prefix_mask4; /* this node's addresses */
    bool is_wide;                    /* AVX2 is there */
};

static always_inline u64 both_buckets(const struct flow_hash *hash, u32 flow_mask)
{
    u32 first = hash->bucket[0] & flow_mask, second = hash->bucket[1] & flow_mask;
    return first | (u64)(second ^ (second == first)) << 32;
}

static always_inline bool is_own4(const struct lane_view *v, u32 src)
{
    return src == v->own4 || (src & v->prefix_mask4) == v->prefix4;
}

static bool lanes_hash_plain(struct lanes *l, const struct lane_view *v)
{
    bool is_any_own = false;
    for (u32 i = 0; i < LANES; i++) {
        struct tuple t = {
            .src = {0, 0, V4_MAPPED_WORD, (u32)l->addresses[i]},
            .dst = {0, 0, V4_MAPPED_WORD, (u32)(l->addresses[i] >> 32)},
            .ports = (u32)l->ports[i],
            .protocol = (u32)(l->ports[i] >> 32),
        };
        struct flow_hash hash = hash_tuple(v->key, v->mix, &t, true);
        l->fp[i] = hash.fp;
        l->buckets[i] = both_buckets(&hash, v->flow_mask);
        is_any_own |= is_own4(v, t.src[3]);
    }
    return is_any_own;
}

static void lanes_match_plain(struct lanes *l, const struct lane_view *v)
{
    for (u32 i = 0; i < LANES; i++) {
        u32 bucket = (u32)l->buckets[i], place = bucket_match(v->flows + bucket, l->fp[i]);
        if (place == FLOWS_PER_LINE) {
            bucket = (u32)(l->buckets[i] >> 32);
            place = bucket_match(v->flows + bucket, l->fp[i]);
        }
        l->entry[i] = place < FLOWS_PER_LINE ? bucket * (LINE_BYTES / 8) + place : LANE_NONE;
    }
}

#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2")))

typedef u64 lane4 __attribute__((vector_size(32), may_alias));
typedef u32 lane8 __attribute__((vector_size(32), may_alias));

static AVX2 inline lane4 lane4_of(u64 v)
{
    return (lane4){v, v, v, v};
}

/* Of the low halves. */
static AVX2 inline lane4 lane4_product(lane4 a, lane4 b)
{
    typedef int words __attribute__((vector_size(32)));
    return (lane4)__builtin_ia32_pmuludq256((words)a, (words)b);
}

/* (low half + its key) × (high half + its key), as nh_pair. */
static AVX2 inline lane4 lane4_nh(lane4 words, const u32 *keys)
{
    lane8 sums = (lane8)words + (lane8)lane4_of(load64((const u8 *)keys));
    return lane4_product((lane4)sums, (lane4)sums >> 32);
}

static AVX2 inline lane4 lane4_times(lane4 a, u64 by)
{
    lane4 factor = lane4_of(by);
    lane4 crosswise = lane4_product(a >> 32, factor) + lane4_product(a, factor >> 32);
    return lane4_product(a, factor) + (crosswise << 32);
}

static AVX2 __attribute__((noinline)) bool lanes_hash_wide(struct lanes *l, const struct lane_view *v)
{
    const u32 *nh = v->key->nh;
    lane8 own = {0};
    for (u32 i = 0; i < LANES; i += 4) {
        lane4 addresses = *(const lane4 *)&l->addresses[i], ports = *(const lane4 *)&l->ports[i];
        lane4 a = lane4_of(v->mix->v4_a) + lane4_nh(addresses, nh + 6) + lane4_nh(ports, nh + 8);
        lane4 b = lane4_of(v->mix->v4_b) + lane4_nh(addresses, nh + 8) + lane4_nh(ports, nh + 10);
        *(lane4 *)&l->fp[i] = lane4_times(a, v->key->m0) + lane4_times(b, v->key->m1);
        lane4 z = lane4_times(a ^ (b << 32 | b >> 32), v->mix->m2);
        z ^= z >> 32;
        z = lane4_times(z, HASH_FACTOR);
        z ^= z >> 29;
        z &= lane4_of(v->flow_mask | (u64)v->flow_mask << 32);
        lane8 equal = (lane8)z == (lane8)(z << 32); /* in the high halves: whether both buckets are one */
        *(lane4 *)&l->buckets[i] = z ^ ((lane4)equal & lane4_of(1ull << 32));
        own |= (lane8)(((lane8)addresses == (lane8)lane4_of(v->own4)) | (((lane8)addresses & (lane8)lane4_of(v->prefix_mask4)) == (lane8)lane4_of(v->prefix4)));
    }
    lane4 own_sources = (lane4)own & lane4_of(0xffffffffull);
    return own_sources[0] | own_sources[1] | own_sources[2] | own_sources[3];
}

/* No processor can predict where a flow lies, so nothing here jumps. */
static AVX2 __attribute__((noinline)) void lanes_match_wide(struct lanes *l, const struct lane_view *v)
{
    typedef double doubles __attribute__((vector_size(32)));
    for (u32 i = 0; i < LANES; i++) {
        u64 buckets = l->buckets[i];
        lane4 wanted = lane4_of(l->fp[i]);
        doubles in_first = (doubles)(*(const lane4 *)v->flows[(u32)buckets].fp == wanted);
        doubles in_second = (doubles)(*(const lane4 *)v->flows[buckets >> 32].fp == wanted);
        u32 found = (u32)__builtin_ia32_movmskpd256(in_first) | (u32)__builtin_ia32_movmskpd256(in_second) << FLOWS_PER_LINE;
        u32 place = (u32)__builtin_ctz(found | 1u << FLOW_PLACES);
        u32 bucket = (u32)(buckets >> (place & FLOWS_PER_LINE) * (32 / FLOWS_PER_LINE));
        l->entry[i] = found ? bucket * (LINE_BYTES / 8) + place % FLOWS_PER_LINE : LANE_NONE;
    }
}
#else
#define lanes_hash_wide lanes_hash_plain
#define lanes_match_wide lanes_match_plain
#endif

/* Fills `fp` and `buckets`. Whether one of the sources may be this node's own, of lanes that are not in use, too. */
static always_inline bool lanes_hash(struct lanes *l, const struct lane_view *v)
{
    return likely(v->is_wide) ? lanes_hash_wide(l, v) : lanes_hash_plain(l, v);
}

/* Fills `entry` from `fp` and `buckets`. */
static always_inline void lanes_match(struct lanes *l, const struct lane_view *v)
{
    if (likely(v->is_wide))
        lanes_match_wide(l, v);
    else
        lanes_match_plain(l, v);
}
