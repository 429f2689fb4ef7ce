/* Step of the short way (express.h): where each packet goes, and what becomes of its flow's entry. */
#pragma once
#include "express.h"

/* Anything but IPIP, an entropy source or a blackhole, in a VIP's encap and flags as one number. */
#define EXPRESS_VIP_MASK (0xffu | (VIP_ENTROPY | VIP_DENIED) << 8)
/* The VIP of exactly this port that packet `i` is for, if it may go there express; else NULL. */
static __attribute__((noinline)) const struct vip *express_look_up(const struct express_view *v, struct express *x, u32 i, const u8 *ip, bool is_v4)
{
    u64 high = is_v4 ? 0 : load64(ip + IPV6_DST);
    u64 low = is_v4 ? V4_MAPPED_WORD | (u64)load32(ip + IPV4_DST) << 32 : load64(ip + IPV6_DST + 8);
    u32 key = load16(ip + (is_v4 ? IPV4_BYTES : IPV6_BYTES) + 2) | (u32)ip[is_v4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER] << 16;
    u32 h = x->destination_hash[i];
    const struct vip_bucket *bucket = v->vip_index + (h & v->vip_index_mask);
    const struct vip *vip = NULL_PTR;
    for (u32 j = 0; j < 16 && !vip && bucket->entry[j]; j++) {
        u32 entry = bucket->entry[j];
        const struct vip *candidate = v->vips + (entry & VIP_INDEX_MASK);
        if ((entry ^ h) >> VIP_TAG_SHIFT == 0 && is_vip_of(candidate, high, low, key))
            vip = candidate;
    }
    if (!vip || load32(&vip->encap) & EXPRESS_VIP_MASK)
        return NULL_PTR;
    x->vip[i] = vip;
    u64 destination = is_v4 ? express_destination_ipv4(x, i) : express_destination_ipv6(high, low, key);
    *express_recent(v, destination) = (struct recent_vip){destination, vip};
    return vip;
}

/* From another node, as far as a glance tells. */
static always_inline bool is_plain_source(const struct core *core, const struct express_view *v, const u8 *ip, bool is_v4)
{
    if (is_v4)
        return !is_own4(&v->lanes, load32(ip + IPV4_SRC));
    return load32(ip + IPV6_SRC) != load32(core->entropy->prefix6) && load64(ip + IPV6_SRC + 8) != load64(core->node->address6 + 8);
}

/* generation, flags and outer_bytes of a backend as one number, and what they must be. */
#define EXPRESS_BACKEND_MASK (0xffu | (BACKEND_KEEPS | BACKEND_RESOLVED) << 8 | 0xffu << 16)
#define EXPRESS_BACKEND ((BACKEND_KEEPS | BACKEND_RESOLVED) << 8 | OUTER_IPV4_BYTES << 16)
_Static_assert(ENCAP_IPIP == 0 && __builtin_offsetof(struct vip, flags) == __builtin_offsetof(struct vip, encap) + 1 &&
               __builtin_offsetof(struct backend, flags) == __builtin_offsetof(struct backend, generation) + 1 &&
               __builtin_offsetof(struct backend, outer_bytes) == __builtin_offsetof(struct backend, generation) + 2 &&
               __builtin_offsetof(struct vip, protocol) == __builtin_offsetof(struct vip, port) + 2, "read as one number");

/* Whether packets of `l3_len` bytes for the VIP go to this backend wrapped in IPv4, now and whole. */
static always_inline bool express_suits(const struct core *core, const struct express_view *v, u32 index, u8 generation, u32 l3_len)
{
    const struct backend *b = v->backends + index;
    u32 needed = l3_len + OUTER_IPV4_BYTES;
    return likely(((load32(&b->generation) ^ generation) & EXPRESS_BACKEND_MASK) == EXPRESS_BACKEND) &&
           likely(needed <= b->mtu && (needed <= PATH_MTU_FLOOR || needed <= path_mtu(core, b, index)));
}

/* State and profile of an entry as one number. */
#define EXPRESS_ENTRY_MASK 0x3ff
_Static_assert(FLOW_PROFILE_SHIFT == FLOW_STATE_SHIFT + 2, "read as one number");

/* The backend of a live entry of an established flow under the VIP's timeouts of today; 0: not this way. */
static always_inline u32 express_backend(const struct core *core, const struct express_view *v, const struct vip *vip, u64 meta, u32 l3_len)
{
    if (unlikely((meta >> FLOW_STATE_SHIFT & EXPRESS_ENTRY_MASK) != (FLOW_ESTABLISHED | (u32)vip->profile << 2)))
        return 0;
    if (unlikely(((v->now_ms - (u32)meta) & FLOW_SEEN_MASK) >= v->profiles[vip->profile].established_ms))
        return 0;
    u32 index = flow_backend(meta);
    if (unlikely(index >= v->backend_count || !express_suits(core, v, index, flow_generation(meta), l3_len)))
        return 0;
    const struct backend *b = v->backends + index;
    return likely(b->pool == vip->pool || b->pool == vip->kept_pool) ? index : 0;
}

/* What became of a packet in this step. */
enum express_fate {
    EXPRESS_WHOLE,   /* nothing: it takes the whole walk */
    EXPRESS_FORWARD, /* the next step forwards it */
    EXPRESS_DECIDED, /* its verdict is given, but forward.h has to finish it */
};

/* A packet that is no mere next one of an established flow, decided by the rules of steer.h, from what is known of it. */
static __attribute__((noinline)) enum express_fate express_decide(const struct core *core, const struct express_view *v, struct express *x, u32 i,
                                                                  struct packet *p, const struct vip *vip)
{
    if (vip->hash_mode != HASH_5TUPLE)
        return EXPRESS_WHOLE;
    bool is_v4 = x->kind[i] == EXPRESS_IPV4;
    const u8 *ip = p->data + ETH_BYTES;
    p->tuple.protocol = ip[is_v4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER];
    p->tcp_flags = p->tuple.protocol == PROTOCOL_TCP ? ip[(is_v4 ? IPV4_BYTES : IPV6_BYTES) + TCP_FLAGS] : 0;
    p->ttl = ip[is_v4 ? IPV4_TTL : IPV6_HOP_LIMIT];
    p->hash.fp = x->lanes.fp[i];
    p->bucket[0] = core->flow_first + (u32)x->lanes.buckets[i];
    p->bucket[1] = core->flow_first + (u32)(x->lanes.buckets[i] >> 32);
    packet_begin(p);
    belong(p, vip);
    p->verdict = steer_flow(core, vip, p);
    if (p->verdict != VERDICT_FORWARD || !express_suits(core, v, p->backend, v->backends[p->backend].generation, x->l3_len[i]))
        return EXPRESS_DECIDED;
    x->vip[i] = vip;
    x->backend[i] = p->backend;
    return EXPRESS_FORWARD;
}

_Static_assert(FLOW_KNOWN < 256 && VERDICT_FORWARD == 0 && ENCAP_IPIP == 0, "eight bytes of an outcome, all 0 but the flow's");

/* Packet `i`, of a known family. `is_foreign`: nobody of these packets is from this node. */
static always_inline enum express_fate express_steer(const struct core *core, const struct express_view *v, struct express *x, u32 i,
                                                     struct packet *p, bool is_v4, bool is_foreign)
{
    const u8 *ip = p->data + ETH_BYTES, *l4 = ip + (is_v4 ? IPV4_BYTES : IPV6_BYTES);
    const struct vip *vip = x->vip[i];
    if (unlikely(!vip)) {
        vip = express_look_up(v, x, i, ip, is_v4);
        if (unlikely(!vip))
            return EXPRESS_WHOLE;
    }
    if (unlikely(ip[is_v4 ? IPV4_TTL : IPV6_HOP_LIMIT] <= 1 || !(is_foreign || is_plain_source(core, v, ip, is_v4))))
        return EXPRESS_WHOLE;
    u32 word = x->lanes.entry[i];
    if (unlikely(word == LANE_NONE || (vip->protocol == PROTOCOL_TCP && l4[TCP_FLAGS] & (TCP_SYN | TCP_FIN))))
        return express_decide(core, v, x, i, p, vip);
    u64 *entry = (u64 *)(void *)v->flows + word, meta = entry[FLOWS_PER_LINE];
    u32 backend = express_backend(core, v, vip, meta, x->l3_len[i]);
    if (unlikely(backend == 0 || *entry != x->lanes.fp[i] /* since it was matched a packet before this one has taken the place */))
        return express_decide(core, v, x, i, p, vip);
    entry[FLOWS_PER_LINE] = (meta & ~(u64)FLOW_SEEN_MASK) | v->now_ms;
    store64(&p->verdict, (u64)FLOW_KNOWN << 8);
    x->backend[i] = backend;
    return EXPRESS_FORWARD;
}
