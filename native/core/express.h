/* The short way of what nearly every packet is: TCP or UDP without VLAN tag, options, extension headers or fragments, to a VIP of
 * exactly that port, wrapped in IPIP for an IPv4 backend; shortest for established flows.
 *
 * Three steps, each over some packets before the next: `express_parse`, `express_steer`, `express_forward`. They do all that
 * forward.h would do, to the same bytes, verdict and counters (fixtures and differential test hold them to that), or one of the
 * first two says no and has changed nothing; then the packet takes the whole walk. 350 instructions a packet of an established flow
 * instead of 600. In a process only: a BPF program takes one packet at a time and reaches tables by look-ups. */
#pragma once
#include "forward.h"

#define IPV4_PLAIN 0x45 /* no options */
#define EXPRESS_L4_BYTES TCP_BYTES /* of UDP, too: a shorter datagram takes the whole walk */

enum express_kind { EXPRESS_NO, EXPRESS_IPV4, EXPRESS_IPV6 };

/* What one step leaves for the next: the lines that it will read are on their way from memory meanwhile. */
struct express {
    u64 fp;
    struct flow_bucket *bucket[2];
    const struct vip_bucket *vips;
    const struct vip *vip;
    u32 destination_hash;
    u32 backend;
    u16 l3_len;
    u16 kind; /* enum express_kind */
};

/* What a burst's packets ask again and again, looked up once; on the stack, where a compiler knows that nothing else writes it. */
struct express_view {
    const struct hash_key *key;
    const struct hash_mix *mix;
    struct flow_bucket *flows;
    const struct vip_bucket *vip_index;
    const struct vip *vips;
    const struct backend *backends;
    const struct profile *profiles;
    struct vip_counters *vip_counters;
    struct backend_counters *backend_counters;
    u32 flow_mask, vip_index_mask, backend_count, now_ms;
    u32 own4, prefix4, prefix_mask4;
    u64 bytes; /* of the packets that went express */
};

static always_inline struct express_view express_begin(const struct core *core)
{
    const struct snapshot_sections *s = core->sections;
    return (struct express_view){
        .key = core->key,
        .mix = core->mix,
        .flows = (void *)at(core, TABLE_FLOWS, core->flow_first),
        .vip_index = (const void *)at(core, TABLE_SNAPSHOT, s->vip_index),
        .vips = (const void *)at(core, TABLE_SNAPSHOT, s->vip),
        .backends = (const void *)at(core, TABLE_SNAPSHOT, s->backend),
        .profiles = (const void *)at(core, TABLE_SNAPSHOT, s->profile),
        .vip_counters = (void *)at(core, TABLE_COUNTERS, core->vip_counters),
        .backend_counters = (void *)at(core, TABLE_COUNTERS, core->backend_counters),
        .flow_mask = core->flow_mask,
        .vip_index_mask = s->vip_index_mask,
        .backend_count = core->header->backends,
        .now_ms = core->now_ms,
        .own4 = core->node->address4,
        .prefix4 = core->entropy->prefix4,
        .prefix_mask4 = ~core->entropy->host_mask4,
    };
}

static always_inline void express_locate(const struct express_view *v, struct express *x, const struct tuple *t, bool is_v4)
{
    struct flow_hash hash = hash_tuple(v->key, v->mix, t, is_v4);
    u32 first = hash.bucket[0] & v->flow_mask, second = hash.bucket[1] & v->flow_mask;
    second ^= second == first; /* as flow_locate */
    x->fp = hash.fp;
    x->bucket[0] = v->flows + first;
    x->bucket[1] = v->flows + second;
    __builtin_prefetch(x->bucket[0], 1);
    __builtin_prefetch(x->bucket[1], 1);
    x->destination_hash = hash_destination(t->dst, destination_key(t));
    x->vips = v->vip_index + (x->destination_hash & v->vip_index_mask);
    __builtin_prefetch(x->vips);
}

static always_inline u16 express_parse_ipv4(const struct express_view *v, struct express *x, const struct packet *p, const u8 *ip)
{
    u32 total = be16(load16(ip + IPV4_TOTAL_LENGTH)), protocol = ip[IPV4_PROTOCOL];
    if (unlikely(ip[0] != IPV4_PLAIN || load16(ip + IPV4_FRAGMENT) & be16(IPV4_OFFSET_MASK | IPV4_MF)))
        return EXPRESS_NO;
    if (unlikely(total < IPV4_BYTES + EXPRESS_L4_BYTES || ip + total > p->end || (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)))
        return EXPRESS_NO;
    x->l3_len = (u16)total;
    struct tuple t = {
        .src = {0, 0, V4_MAPPED_WORD, load32(ip + IPV4_SRC)},
        .dst = {0, 0, V4_MAPPED_WORD, load32(ip + IPV4_DST)},
        .ports = load32(ip + IPV4_BYTES),
        .protocol = protocol,
    };
    express_locate(v, x, &t, true);
    return EXPRESS_IPV4;
}

static always_inline u16 express_parse_ipv6(const struct express_view *v, struct express *x, const struct packet *p, const u8 *ip)
{
    u32 total = IPV6_BYTES + be16(load16(ip + IPV6_PAYLOAD_LENGTH)), protocol = ip[IPV6_NEXT_HEADER];
    if (unlikely(ip[0] >> 4 != 6 || load64(ip + IPV6_DST) == 0 /* an IPv4-mapped address is none on the wire */))
        return EXPRESS_NO;
    if (unlikely(total < IPV6_BYTES + EXPRESS_L4_BYTES || total > 65535 || ip + total > p->end ||
                 (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)))
        return EXPRESS_NO;
    x->l3_len = (u16)total;
    struct tuple t = {
        .src = {load32(ip + 8), load32(ip + 12), load32(ip + 16), load32(ip + 20)},
        .dst = {load32(ip + 24), load32(ip + 28), load32(ip + 32), load32(ip + 36)},
        .ports = load32(ip + IPV6_BYTES),
        .protocol = protocol,
    };
    express_locate(v, x, &t, false);
    return EXPRESS_IPV6;
}

/* Step one. EXPRESS_NO, or all of `x` is filled in but its kind, which is the result. */
static always_inline u16 express_parse(const struct express_view *v, struct express *x, const struct packet *p)
{
    const u8 *ip = p->data + ETH_BYTES;
    if (unlikely(ip + IPV4_BYTES + EXPRESS_L4_BYTES > p->end))
        return EXPRESS_NO;
    u16 type = load16(p->data + ETH_TYPE);
    if (likely(type == be16(ETHERTYPE_IPV4)))
        return express_parse_ipv4(v, x, p, ip);
    return type == be16(ETHERTYPE_IPV6) && ip + IPV6_BYTES + EXPRESS_L4_BYTES <= p->end ? express_parse_ipv6(v, x, p, ip) : EXPRESS_NO;
}

/* A destination as a VIP has it: address, then port and protocol as one number. */
static always_inline bool is_vip_of(const struct vip *vip, u64 high, u64 low, u32 key)
{
    u32 port_protocol = load32((const u8 *)&vip->port) & 0xffffff;
    return !((load64(vip->address) ^ high) | (load64(vip->address + 8) ^ low) | (port_protocol ^ key));
}

static always_inline const struct vip *express_vip(const struct express_view *v, const struct express *x, const u8 *ip, bool is_v4)
{
    u64 high = is_v4 ? 0 : load64(ip + IPV6_DST);
    u64 low = is_v4 ? V4_MAPPED_WORD | (u64)load32(ip + IPV4_DST) << 32 : load64(ip + IPV6_DST + 8);
    u32 key = load16(ip + (is_v4 ? IPV4_BYTES : IPV6_BYTES) + 2) | (u32)ip[is_v4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER] << 16;
    u32 h = x->destination_hash;
    for (u32 i = 0; i < 16; i++) {
        u32 entry = x->vips->entry[i];
        if (unlikely((entry ^ h) >> VIP_TAG_SHIFT)) {
            if (entry == 0)
                break;
            continue;
        }
        const struct vip *vip = v->vips + (entry & VIP_INDEX_MASK);
        if (likely(is_vip_of(vip, high, low, key)))
            return vip;
    }
    return NULL_PTR;
}

/* Which of the eight fingerprints is `fp`, those of the first bucket first; FLOW_PLACES: none. No processor can predict where a
 * flow lies, so nothing here jumps: 2 ns less. */
static always_inline u32 express_match(const struct express *x)
{
#ifdef __SSE2__
    typedef int words __attribute__((vector_size(16), may_alias));
    typedef char bytes __attribute__((vector_size(16)));
    typedef long long longs __attribute__((vector_size(16)));
    words wanted = (words)(longs){(long long)x->fp, (long long)x->fp};
    const words *first = (const void *)x->bucket[0]->fp, *second = (const void *)x->bucket[1]->fp;
    bytes equal = (bytes)__builtin_ia32_packsswb128(__builtin_ia32_packssdw128(first[0] == wanted, first[1] == wanted),
                                             __builtin_ia32_packssdw128(second[0] == wanted, second[1] == wanted));
    u32 halves = (u32)__builtin_ia32_pmovmskb128(equal); /* two bits a fingerprint */
    return (u32)__builtin_ctz((halves & halves >> 1 & 0x5555) | 1u << 2 * FLOW_PLACES) >> 1;
#else
    u32 found = 1u << FLOW_PLACES;
    for (u32 i = 0; i < FLOWS_PER_LINE; i++)
        found |= (u32)(x->bucket[0]->fp[i] == x->fp) << i | (u32)(x->bucket[1]->fp[i] == x->fp) << (i + FLOWS_PER_LINE);
    return (u32)__builtin_ctz(found);
#endif
}

/* From another node, as far as a glance tells. */
static always_inline bool is_plain_source(const struct core *core, const struct express_view *v, const u8 *ip, bool is_v4)
{
    if (is_v4) {
        u32 src = load32(ip + IPV4_SRC);
        return src != v->own4 && (src & v->prefix_mask4) != v->prefix4;
    }
    return load32(ip + IPV6_SRC) != load32(core->entropy->prefix6) && load64(ip + IPV6_SRC + 8) != load64(core->node->address6 + 8);
}

/* Anything but IPIP, an entropy source or a blackhole, in a VIP's encap and flags as one number. */
#define EXPRESS_VIP_MASK (0xffu | (VIP_ENTROPY | VIP_DENIED) << 8)
/* generation, flags and outer_bytes of a backend as one number, and what they must be. */
#define EXPRESS_BACKEND_MASK (0xffu | (BACKEND_KEEPS | BACKEND_RESOLVED) << 8 | 0xffu << 16)
#define EXPRESS_BACKEND ((BACKEND_KEEPS | BACKEND_RESOLVED) << 8 | OUTER_IPV4_BYTES << 16)
_Static_assert(ENCAP_IPIP == 0 && __builtin_offsetof(struct vip, flags) == __builtin_offsetof(struct vip, encap) + 1 &&
               __builtin_offsetof(struct backend, flags) == __builtin_offsetof(struct backend, generation) + 1 &&
               __builtin_offsetof(struct backend, outer_bytes) == __builtin_offsetof(struct backend, generation) + 2 &&
               __builtin_offsetof(struct vip, protocol) == __builtin_offsetof(struct vip, port) + 2, "read as one number");

/* The packet's inner and outer headers as they leave. */
static always_inline void express_wrap(u8 *data, const struct backend *b, u32 l3_len, bool is_v4)
{
    u8 *ip = data + ETH_BYTES;
    u32 tos = is_v4 ? ip[IPV4_TOS] : be16(load16(ip)) >> 4 & 0xff;
    u32 first_word = 0x45 | tos << 8, total = be16((u16)(l3_len + OUTER_IPV4_BYTES));
    u32 sum = b->outer_sum + first_word + total + (is_v4 ? 0 : (PROTOCOL_IPV6 - PROTOCOL_IPIP) << 8);
    const u8 *macs = (const u8 *)b + __builtin_offsetof(struct backend, dst_mac); /* both, as one array */
    u64 mac_low = load64(macs);
    u32 mac_high = load32(macs + 8);
    decrement_ttl(ip, is_v4);
    data -= OUTER_IPV4_BYTES;
    store64(data, mac_low);
    store32(data + 8, mac_high);
    store16(data + ETH_TYPE, be16(ETHERTYPE_IPV4));
    u8 *outer = data + ETH_BYTES;
    store64(outer, first_word | total << 16 | (u64)be16(IPV4_DF) << 48);
    store64(outer + IPV4_TTL, OUTER_TTL | (is_v4 ? PROTOCOL_IPIP : PROTOCOL_IPV6) << 8 | (u32)csum_fold(sum) << 16 | (u64)b->outer_src4 << 32);
    store32(outer + IPV4_DST, load32(b->address + 12));
}

static always_inline void express_count(struct express_view *v, const struct packet *p, u32 in_len, u32 out_len)
{
    v->bytes += in_len;
    struct vip_counters *vip = v->vip_counters + p->vip;
    vip->bytes_in += in_len;
    vip->bytes_out += out_len;
    vip->verdict[VERDICT_FORWARD]++;
    struct backend_counters *backend = v->backend_counters + p->backend;
    backend->packets++;
    backend->bytes_in += in_len;
    backend->bytes_out += out_len;
}

/* Whether packets of `l3_len` bytes for the VIP go to this backend wrapped in IPv4, now and whole. */
static always_inline bool express_suits(const struct core *core, const struct express_view *v, u32 index, u8 generation, u32 l3_len)
{
    const struct backend *b = v->backends + index;
    u32 needed = l3_len + OUTER_IPV4_BYTES;
    return likely(((load32(&b->generation) ^ generation) & EXPRESS_BACKEND_MASK) == EXPRESS_BACKEND) &&
           likely(needed <= b->mtu && (needed <= PATH_MTU_FLOOR || needed <= path_mtu(core, b, index)));
}

/* The backend of a live entry of an established flow; 0: not this way. */
static always_inline u32 express_backend(const struct core *core, const struct express_view *v, const struct vip *vip, u64 meta, u32 l3_len)
{
    if (unlikely(flow_state(meta) != FLOW_ESTABLISHED))
        return 0;
    if (unlikely(((v->now_ms - (u32)meta) & FLOW_SEEN_MASK) >= v->profiles[(u8)(meta >> FLOW_PROFILE_SHIFT)].established_ms))
        return 0;
    u32 index = flow_backend(meta);
    if (unlikely(index >= v->backend_count || !express_suits(core, v, index, flow_generation(meta), l3_len)))
        return 0;
    const struct backend *b = v->backends + index;
    return likely(b->pool == vip->pool || b->pool == vip->home_pool) ? index : 0;
}

/* What became of a packet in step two. */
enum express_fate {
    EXPRESS_WHOLE,   /* nothing: it takes the whole walk */
    EXPRESS_FORWARD, /* step three forwards it */
    EXPRESS_DECIDED, /* its verdict is given, but forward.h has to finish it */
};

/* A packet that is no mere next one of an established flow: decided by the rules of steer.h, from what step one found. */
static __attribute__((noinline)) enum express_fate express_decide(const struct core *core, const struct express_view *v, struct express *x,
                                                                  struct packet *p, const struct vip *vip)
{
    if (vip->hash_mode != HASH_5TUPLE)
        return EXPRESS_WHOLE;
    bool is_v4 = x->kind == EXPRESS_IPV4;
    const u8 *ip = p->data + ETH_BYTES;
    p->tuple.protocol = ip[is_v4 ? IPV4_PROTOCOL : IPV6_NEXT_HEADER];
    p->tcp_flags = p->tuple.protocol == PROTOCOL_TCP ? ip[(is_v4 ? IPV4_BYTES : IPV6_BYTES) + TCP_FLAGS] : 0;
    p->ttl = ip[is_v4 ? IPV4_TTL : IPV6_HOP_LIMIT];
    p->hash.fp = x->fp;
    p->bucket[0] = core->flow_first + (u32)(x->bucket[0] - v->flows);
    p->bucket[1] = core->flow_first + (u32)(x->bucket[1] - v->flows);
    packet_begin(p);
    belong(p, vip);
    p->verdict = steer_flow(core, vip, p);
    if (p->verdict != VERDICT_FORWARD || !express_suits(core, v, p->backend, v->backends[p->backend].generation, x->l3_len))
        return EXPRESS_DECIDED;
    x->vip = vip;
    x->backend = p->backend;
    return EXPRESS_FORWARD;
}

static always_inline enum express_fate express_steer_as(const struct core *core, const struct express_view *v, struct express *x,
                                                        struct packet *p, bool is_v4)
{
    const u8 *ip = p->data + ETH_BYTES, *l4 = ip + (is_v4 ? IPV4_BYTES : IPV6_BYTES);
    const struct vip *vip = express_vip(v, x, ip, is_v4);
    if (unlikely(!vip || load32(&vip->encap) & EXPRESS_VIP_MASK))
        return EXPRESS_WHOLE;
    if (unlikely(ip[is_v4 ? IPV4_TTL : IPV6_HOP_LIMIT] <= 1 || !is_plain_source(core, v, ip, is_v4)))
        return EXPRESS_WHOLE;
    u32 place = express_match(x);
    if (unlikely(place == FLOW_PLACES || (vip->protocol == PROTOCOL_TCP && l4[TCP_FLAGS] & (TCP_SYN | TCP_FIN))))
        return express_decide(core, v, x, p, vip);
    u64 *entry = &x->bucket[place / FLOWS_PER_LINE]->meta[place % FLOWS_PER_LINE], meta = *entry;
    u32 backend = express_backend(core, v, vip, meta, x->l3_len);
    if (unlikely(backend == 0))
        return express_decide(core, v, x, p, vip);
    *entry = flow_meta_again(meta, v->now_ms, FLOW_ESTABLISHED, vip->profile);
    p->flow = FLOW_KNOWN;
    x->vip = vip;
    x->backend = backend;
    return EXPRESS_FORWARD;
}

/* Step two, of a packet that step one took. */
static always_inline enum express_fate express_steer(const struct core *core, const struct express_view *v, struct express *x, struct packet *p)
{
    return likely(x->kind == EXPRESS_IPV4) ? express_steer_as(core, v, x, p, true) : express_steer_as(core, v, x, p, false);
}

/* Step three, of a packet that step two took: wrapped, and counted but for the worker's own counters. */
static always_inline void express_forward(struct express_view *v, const struct express *x, struct packet *p)
{
    const struct backend *b = v->backends + x->backend;
    if (likely(x->kind == EXPRESS_IPV4))
        express_wrap(p->data, b, x->l3_len, true);
    else
        express_wrap(p->data, b, x->l3_len, false);
    u32 in_len = (u32)(p->end - p->data), out_len = ETH_BYTES + OUTER_IPV4_BYTES + x->l3_len;
    p->verdict = VERDICT_FORWARD;
    p->encap = ENCAP_IPIP;
    p->entropy = p->is_error = p->is_handed_over = 0;
    p->piece = 0;
    p->vip = x->vip->index;
    p->tenant = x->vip->tenant;
    p->backend = x->backend;
    p->in_len = in_len;
    p->out_len = out_len;
    p->device = b->device;
    p->data -= OUTER_IPV4_BYTES;
    express_count(v, p, in_len, out_len);
}
