/* Hash and look-up of several flows at once: what hash.h and flows.h do for one tuple, bit for bit, four tuples to a vector where
 * the processor has AVX2. An IPv4 tuple's hash takes 20 instructions so, and 60 by itself. In a process only. */
#pragma once
#include "flows.h"
#if CORE_HAS_VECTORS
#include "vectors.h"
#endif

#define LANES 16 /* packets that go through each step together: all their lines stay in the first-level cache */
#define LANE_NONE 0xffffffffu

/* Words as on the wire, low half first. Lanes that are not in use hold anything. */
struct lanes {
    u64 addresses[LANES]; /* source, destination; of IPv6 the last word of each */
    u64 ports[LANES];     /* both ports, protocol */
    u64 high[2][LANES];   /* what the addresses' other words give of the hash's two sums: lanes_high */
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

static void lanes_high_plain(struct lanes *l, const struct lane_view *v, const u8 *const ipv6[LANES])
{
    const u32 *k = v->key->nh;
    for (u32 i = 0; i < LANES; i++) {
        l->high[0][i] = v->mix->v4_a;
        l->high[1][i] = v->mix->v4_b;
        if (!ipv6[i])
            continue;
        u32 src[3], dst[3];
        __builtin_memcpy(src, ipv6[i] + IPV6_SRC, sizeof src);
        __builtin_memcpy(dst, ipv6[i] + IPV6_DST, sizeof dst);
        l->high[0][i] = nh_pair(src[0], k[0], dst[0], k[1]) + nh_pair(src[1], k[2], dst[1], k[3]) + nh_pair(src[2], k[4], dst[2], k[5]);
        l->high[1][i] = nh_pair(src[0], k[2], dst[0], k[3]) + nh_pair(src[1], k[4], dst[1], k[5]) + nh_pair(src[2], k[6], dst[2], k[7]);
    }
}

static bool lanes_hash_plain(struct lanes *l, const struct lane_view *v, bool is_ipv4)
{
    bool is_any_own = false;
    const u32 *k = v->key->nh;
    for (u32 i = 0; i < LANES; i++) {
        u32 src = (u32)l->addresses[i], dst = (u32)(l->addresses[i] >> 32), ports = (u32)l->ports[i], protocol = (u32)(l->ports[i] >> 32);
        u64 a = (is_ipv4 ? v->mix->v4_a : l->high[0][i]) + nh_pair(src, k[6], dst, k[7]) + nh_pair(ports, k[8], protocol, k[9]);
        u64 b = (is_ipv4 ? v->mix->v4_b : l->high[1][i]) + nh_pair(src, k[8], dst, k[9]) + nh_pair(ports, k[10], protocol, k[11]);
        struct flow_hash hash = hash_of_sums(v->key, v->mix, a, b);
        l->fp[i] = hash.fp;
        l->buckets[i] = both_buckets(&hash, v->flow_mask);
        is_any_own |= is_own4(v, src);
    }
    return is_any_own;
}

static bool lanes_match_first_plain(struct lanes *l, const struct lane_view *v)
{
    bool is_whole = true;
    for (u32 i = 0; i < LANES; i++) {
        u32 bucket = (u32)l->buckets[i], place = bucket_match(v->flows + bucket, l->fp[i]);
        l->entry[i] = place < FLOWS_PER_LINE ? bucket * (LINE_BYTES / 8) + place : LANE_NONE;
        if (place < FLOWS_PER_LINE)
            continue;
        __builtin_prefetch(v->flows + (l->buckets[i] >> 32), 1);
        is_whole = false;
    }
    return is_whole;
}

static void lanes_match_second_plain(struct lanes *l, const struct lane_view *v)
{
    for (u32 i = 0; i < LANES; i++) {
        if (l->entry[i] != LANE_NONE)
            continue;
        u32 bucket = (u32)(l->buckets[i] >> 32), place = bucket_match(v->flows + bucket, l->fp[i]);
        if (place < FLOWS_PER_LINE)
            l->entry[i] = bucket * (LINE_BYTES / 8) + place;
    }
}

#if CORE_HAS_VECTORS
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

static AVX2 __attribute__((noinline)) void lanes_high_wide(struct lanes *l, const struct lane_view *v, const u8 *const ipv6[LANES])
{
    typedef u32 words4 __attribute__((vector_size(16), aligned(1), may_alias));
    const u32 *k = v->key->nh;
    lane8 src_keys = {k[0], k[2], k[4], 0, k[2], k[4], k[6], 0}, dst_keys = {k[1], k[3], k[5], 0, k[3], k[5], k[7], 0};
    lane4 not_last = {~0ull, 0, ~0ull, 0};
    for (u32 i = 0; i < LANES; i++) {
        if (!ipv6[i]) {
            l->high[0][i] = v->mix->v4_a;
            l->high[1][i] = v->mix->v4_b;
            continue;
        }
        words4 s = *(const words4 *)(const void *)(ipv6[i] + IPV6_SRC), d = *(const words4 *)(const void *)(ipv6[i] + IPV6_DST);
        lane4 src = (lane4)((lane8){s[0], s[1], s[2], s[3], s[0], s[1], s[2], s[3]} + src_keys);
        lane4 dst = (lane4)((lane8){d[0], d[1], d[2], d[3], d[0], d[1], d[2], d[3]} + dst_keys);
        lane4 sums = lane4_product(src, dst) + (lane4_product(src >> 32, dst >> 32) & not_last);
        l->high[0][i] = sums[0] + sums[1];
        l->high[1][i] = sums[2] + sums[3];
    }
}

static AVX2 __attribute__((noinline)) bool lanes_hash_wide(struct lanes *l, const struct lane_view *v, bool is_ipv4)
{
    const u32 *nh = v->key->nh;
    lane8 own = {0};
    for (u32 i = 0; i < LANES; i += 4) {
        lane4 addresses = *(const lane4 *)&l->addresses[i], ports = *(const lane4 *)&l->ports[i];
        lane4 high_a = is_ipv4 ? lane4_of(v->mix->v4_a) : *(const lane4 *)&l->high[0][i];
        lane4 high_b = is_ipv4 ? lane4_of(v->mix->v4_b) : *(const lane4 *)&l->high[1][i];
        lane4 a = high_a + lane4_nh(addresses, nh + 6) + lane4_nh(ports, nh + 8);
        lane4 b = high_b + lane4_nh(addresses, nh + 8) + lane4_nh(ports, nh + 10);
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

/* The places of a bucket that hold the fingerprint, a bit each. */
static AVX2 inline u32 lane4_match(const struct flow_bucket *b, u64 fp)
{
    return lane4_signs((lane4)(*(const lane4 *)b->fp == lane4_of(fp)));
}

static AVX2 __attribute__((noinline)) bool lanes_match_first_wide(struct lanes *l, const struct lane_view *v)
{
    bool is_whole = true;
    for (u32 i = 0; i < LANES; i++) {
        u32 bucket = (u32)l->buckets[i], found = lane4_match(v->flows + bucket, l->fp[i]);
        u32 place = (u32)__builtin_ctz(found | 1u << FLOWS_PER_LINE); /* no jump but the one below */
        l->entry[i] = found ? bucket * (LINE_BYTES / 8) + place : LANE_NONE;
        if (found)
            continue;
        __builtin_prefetch(v->flows + (l->buckets[i] >> 32), 1);
        is_whole = false;
    }
    return is_whole;
}

static AVX2 __attribute__((noinline)) void lanes_match_second_wide(struct lanes *l, const struct lane_view *v)
{
    for (u32 i = 0; i < LANES; i++) {
        if (l->entry[i] != LANE_NONE)
            continue;
        u32 bucket = (u32)(l->buckets[i] >> 32), found = lane4_match(v->flows + bucket, l->fp[i]);
        if (found)
            l->entry[i] = bucket * (LINE_BYTES / 8) + (u32)__builtin_ctz(found);
    }
}
#else
#define lanes_high_wide lanes_high_plain
#define lanes_hash_wide lanes_hash_plain
#define lanes_match_first_wide lanes_match_first_plain
#define lanes_match_second_wide lanes_match_second_plain
#endif

/* Fills `high`. Of a packet of IPv6 `ipv6` has the header; of any other NULL. */
static always_inline void lanes_high(struct lanes *l, const struct lane_view *v, const u8 *const ipv6[LANES])
{
    if (likely(v->is_wide))
        lanes_high_wide(l, v, ipv6);
    else
        lanes_high_plain(l, v, ipv6);
}

/* Fills `fp` and `buckets`; `is_ipv4`: of nothing else, so that `high` need not be filled. Whether one of the sources may be this
 * node's own IPv4 address, of lanes that are not in use, too. */
static always_inline bool lanes_hash(struct lanes *l, const struct lane_view *v, bool is_ipv4)
{
    return likely(v->is_wide) ? lanes_hash_wide(l, v, is_ipv4) : lanes_hash_plain(l, v, is_ipv4);
}

/* Fills `entry` from `fp` and the first of `buckets`. Whether all were found there; of those that were not, which are few unless the
 * table is full, the second bucket is on its way from memory then. */
static always_inline bool lanes_match_first(struct lanes *l, const struct lane_view *v)
{
    return likely(v->is_wide) ? lanes_match_first_wide(l, v) : lanes_match_first_plain(l, v);
}

/* Looks for those in their second bucket. */
static always_inline void lanes_match_second(struct lanes *l, const struct lane_view *v)
{
    if (likely(v->is_wide))
        lanes_match_second_wide(l, v);
    else
        lanes_match_second_plain(l, v);
}
