/* Compares core/lanes.h, with and without vectors, and core/rooms.h with what hash.h and flows.h say of one tuple at a time.
 * Prints the number of tuples, and whether this processor has the vectors. */
#include "../core/lanes.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS 1024
#define ROUNDS 20000

static u64 state = 1;

/* xorshift64*: repeatable. */
static u64 any(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dull;
}

static struct flow_bucket flows[BUCKETS] __attribute__((aligned(LINE_BYTES)));

/* A key as steering/flow-hash.ts makes one: odd factors, the constant products worked out. */
static void make_key(struct hash_key *key, struct hash_mix *mix)
{
    for (u32 i = 0; i < 12; i++)
        key->nh[i] = (u32)any();
    key->m0 = any() | 1, key->m1 = any() | 1, mix->m2 = any() | 1, mix->m3 = any() | 1;
    const u32 *k = key->nh;
    mix->v4_a = nh_pair(0, k[0], 0, k[1]) + nh_pair(0, k[2], 0, k[3]) + nh_pair(V4_MAPPED_WORD, k[4], V4_MAPPED_WORD, k[5]);
    mix->v4_b = nh_pair(0, k[2], 0, k[3]) + nh_pair(0, k[4], 0, k[5]) + nh_pair(V4_MAPPED_WORD, k[6], V4_MAPPED_WORD, k[7]);
}

static u32 expected_entry(u64 fp, u64 buckets)
{
    for (u32 place = 0; place < FLOW_PLACES; place++) {
        u32 bucket = (u32)(place < FLOWS_PER_LINE ? buckets : buckets >> 32);
        if (flows[bucket].fp[place % FLOWS_PER_LINE] == fp)
            return bucket * 8 + place % FLOWS_PER_LINE;
    }
    return LANE_NONE;
}

static int fail(const char *what, bool is_wide, u32 lane, u64 got, u64 expected)
{
    printf("%s of lane %u, %s: got %llx, expected %llx\n", what, lane, is_wide ? "wide" : "plain", (unsigned long long)got, (unsigned long long)expected);
    return 1;
}

static struct tuple tuple_of(const struct lanes *l, u32 i, const u8 *ipv6)
{
    struct tuple t = {.src = {0, 0, V4_MAPPED_WORD, (u32)l->addresses[i]}, .dst = {0, 0, V4_MAPPED_WORD, (u32)(l->addresses[i] >> 32)},
                      .ports = (u32)l->ports[i], .protocol = (u32)(l->ports[i] >> 32)};
    if (ipv6) {
        memcpy(t.src, ipv6 + IPV6_SRC, sizeof t.src);
        memcpy(t.dst, ipv6 + IPV6_DST, sizeof t.dst);
    }
    return t;
}

static int check(struct lanes *l, const struct lane_view *v, const u8 *const ipv6[LANES], bool is_ipv4)
{
    if (!is_ipv4)
        lanes_high(l, v, ipv6);
    bool is_own = false, found = lanes_hash(l, v, is_ipv4);
    for (u32 i = 0; i < LANES; i++) {
        struct tuple t = tuple_of(l, i, ipv6[i]);
        struct flow_hash hash = hash_tuple(v->key, v->mix, &t, false);
        struct core core = {.flow_mask = v->flow_mask};
        struct packet p = {.hash = hash};
        flow_locate(&core, &p);
        if (l->fp[i] != hash.fp)
            return fail("fingerprint", v->is_wide, i, l->fp[i], hash.fp);
        if (l->buckets[i] != (p.bucket[0] | (u64)p.bucket[1] << 32))
            return fail("buckets", v->is_wide, i, l->buckets[i], p.bucket[0] | (u64)p.bucket[1] << 32);
        is_own |= t.src[3] == v->own4 || (t.src[3] & v->prefix_mask4) == v->prefix4;
        /* Nowhere, in one place of eight, or in two. */
        u32 bits = (u32)any();
        for (u32 n = 0; n < (bits & 3); n++, bits >>= 4)
            flows[bits & 4 ? p.bucket[0] : p.bucket[1]].fp[bits >> 4 & 3] = hash.fp;
    }
    if (found != is_own)
        return fail("own source", v->is_wide, 0, found, is_own);
    bool is_whole = lanes_match_first(l, v), is_in_first = true;
    for (u32 i = 0; i < LANES; i++)
        is_in_first &= l->entry[i] != LANE_NONE;
    if (is_whole != is_in_first)
        return fail("all in the first bucket", v->is_wide, 0, is_whole, is_in_first);
    lanes_match_second(l, v);
    for (u32 i = 0; i < LANES; i++)
        if (l->entry[i] != expected_entry(l->fp[i], l->buckets[i]))
            return fail("entry", v->is_wide, i, l->entry[i], expected_entry(l->fp[i], l->buckets[i]));
    return 0;
}

/* An entry of any age and state, mostly of the first profile. */
static u64 any_entry(u32 now_ms)
{
    u32 drawn = (u32)any(), state = drawn & 3, profile = drawn >> 2 & 31 ? 0 : 1, idle_ms = drawn >> 7 & 8191;
    return ((now_ms - idle_ms) & FLOW_SEEN_MASK) | (u64)state << FLOW_STATE_SHIFT | (state ? (u64)profile << FLOW_PROFILE_SHIFT : 0) |
           any() >> FLOW_GENERATION_SHIFT << FLOW_GENERATION_SHIFT;
}

static int check_rooms(bool has_wide)
{
    static struct profile profiles[4] __attribute__((aligned(LINE_BYTES)));
    static const struct snapshot_sections sections = {.profile = 0};
    struct core core = {.sections = &sections, .is_wide = has_wide, .now_ms = (u32)any() & FLOW_SEEN_MASK};
    core.table[TABLE_FLOWS] = (line *)(void *)flows;
    core.table[TABLE_SNAPSHOT] = (line *)(void *)profiles;
    for (u32 i = 0; i < 2; i++)
        profiles[i] = (struct profile){.probation_ms = (u32)any() & 4095, .established_ms = (u32)any() & 8191, .fin_ms = (u32)any() & 4095};
    struct packet p = {.bucket = {(u32)any() % BUCKETS, (u32)any() % BUCKETS}};
    for (u32 i = 0; i < FLOW_PLACES; i++)
        flows[p.bucket[i / FLOWS_PER_LINE]].meta[i % FLOWS_PER_LINE] = any_entry(core.now_ms);
    u64 expected = flow_rank_rooms(&core, &p), got = expected;
#if CORE_HAS_VECTORS
    got = flow_rank_rooms_fast(&core, &p);
#endif
    return got == expected ? 0 : fail("room", has_wide, 0, got, expected);
}

int main(void)
{
    bool has_wide = false;
#ifdef __x86_64__
    has_wide = __builtin_cpu_supports("avx2");
#endif
    struct hash_key key;
    struct hash_mix mix = {0};
    static struct lanes l;
    for (u32 round = 0; round < ROUNDS; round++) {
        if (round % 64 == 0)
            make_key(&key, &mix);
        struct lane_view v = {.key = &key, .mix = &mix, .flows = flows, .flow_mask = (1u << round % 11) - 1, .own4 = (u32)any(),
                              .prefix4 = 0x0a00u, .prefix_mask4 = round & 1 ? 0xffff : 0xffffffff, .is_wide = has_wide && round & 2};
        for (u32 i = 0; i < LANES; i++) {
            l.addresses[i] = any();
            l.ports[i] = any() & 0xffffffffffull;
        }
        u32 drawn = (u32)any(), lane = drawn % LANES;
        if (drawn >> 8 & 1) /* of the node, of its prefix, or not quite */
            l.addresses[lane] = (l.addresses[lane] & ~0xffffffffull) | (drawn >> 9 & 1 ? v.own4 : 0xabcd0a00u & v.prefix_mask4);
        /* No packet of IPv6, some, or all. */
        static u8 headers[LANES][IPV6_BYTES + 1];
        const u8 *ipv6[LANES] = {NULL_PTR};
        u32 share = drawn >> 10 & 3;
        for (u32 i = 0; i < LANES; i++) {
            if ((any() & 3) >= share)
                continue;
            u8 *header = headers[i] + (drawn >> 12 & 1); /* at any address */
            for (u32 at = 0; at < IPV6_BYTES; at++)
                header[at] = (u8)any();
            ipv6[i] = header;
            l.addresses[i] = load32(header + IPV6_SRC + 12) | (u64)load32(header + IPV6_DST + 12) << 32;
        }
        if (check(&l, &v, ipv6, share == 0) || check_rooms(has_wide))
            return 1;
    }
    printf("%u tuples, vectors: %s\n", ROUNDS * LANES, has_wide ? "yes" : "no");
    return 0;
}
