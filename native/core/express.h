/* The short way of what nearly every packet is: TCP or UDP without VLAN tag, options, extension headers or fragments, to a VIP of
 * exactly that port, wrapped in IPIP for an IPv4 backend; shortest for IPv4 packets of established flows.
 *
 * Its steps each go over some packets before the next begins: parse, hash and match (lanes.h), locate, steer (express_steer.h),
 * forward (express_forward.h). They do all that forward.h would do, to the same bytes, verdict and counters (fixtures and
 * differential test hold them to that), or one before the last says no and has changed nothing; then the packet takes the whole
 * walk. 290 instructions a packet of an established IPv4 flow instead of 600. In a process only: a BPF program takes one packet at a time. */
#pragma once
#include "forward.h"
#include "lanes.h"
#include "recent.h"

#define IPV4_PLAIN 0x45 /* no options */
#define EXPRESS_L4_BYTES TCP_BYTES /* of UDP, too: a shorter datagram takes the whole walk */

enum express_kind { EXPRESS_NO, EXPRESS_IPV4, EXPRESS_IPV6 };

/* What one step leaves for the next, of some packets: the lines that it will read are on their way from memory meanwhile. */
struct express {
    struct lanes lanes;
    const struct vip *vip[LANES]; /* NULL: to be looked up by destination_hash */
    u32 destination_hash[LANES];
    u32 backend[LANES];
    u16 l3_len[LANES];
    u8 kind[LANES] __attribute__((aligned(LANES))); /* enum express_kind */
};

/* What a burst's packets ask again and again, looked up once; on the stack, where a compiler knows that nothing else writes it. */
struct express_view {
    struct lane_view lanes;
    struct flow_bucket *flows;
    struct recent_vips *recent;
    const struct vip_bucket *vip_index;
    const struct vip *vips;
    const struct backend *backends;
    const struct profile *profiles;
    struct vip_counters *vip_counters;
    struct backend_counters *backend_counters;
    u32 vip_index_mask, backend_count, now_ms;
    u64 bytes; /* of the packets that went express */
};

static always_inline struct express_view express_begin(const struct core *core, struct recent_vips *recent)
{
    const struct snapshot_sections *s = core->sections;
    return (struct express_view){
        .lanes = {
            .key = core->key,
            .mix = core->mix,
            .flows = (void *)at(core, TABLE_FLOWS, core->flow_first),
            .flow_mask = core->flow_mask,
            .own4 = core->node->address4,
            .prefix4 = core->entropy->prefix4,
            .prefix_mask4 = ~core->entropy->host_mask4,
            .is_wide = core->is_wide,
        },
        .flows = (void *)at(core, TABLE_FLOWS, core->flow_first),
        .recent = recent,
        .vip_index = (const void *)at(core, TABLE_SNAPSHOT, s->vip_index),
        .vips = (const void *)at(core, TABLE_SNAPSHOT, s->vip),
        .backends = (const void *)at(core, TABLE_SNAPSHOT, s->backend),
        .profiles = (const void *)at(core, TABLE_SNAPSHOT, s->profile),
        .vip_counters = (void *)at(core, TABLE_COUNTERS, core->vip_counters),
        .backend_counters = (void *)at(core, TABLE_COUNTERS, core->backend_counters),
        .vip_index_mask = s->vip_index_mask,
        .backend_count = core->header->backends,
        .now_ms = core->now_ms,
    };
}

/* ---- Parse ---- */

/* What matters of the first eight bytes of an IPv4 header without options that belongs to no fragment. */
#define IPV4_PLAIN_MASK (0xffull | (u64)be16(IPV4_OFFSET_MASK | IPV4_MF) << 48)

/* Packet number `i`, if it is a plain one: its length and its tuple. */
static always_inline bool express_parse_ipv4(struct express *x, u32 i, const struct packet *p)
{
    const u8 *ip = p->data + ETH_BYTES;
    if (unlikely(ip + IPV4_BYTES + EXPRESS_L4_BYTES > p->end || load16(p->data + ETH_TYPE) != be16(ETHERTYPE_IPV4)))
        return false;
    u64 start = load64(ip);
    u32 total = be16((u16)(start >> 16)), protocol = ip[IPV4_PROTOCOL];
    if (unlikely((start & IPV4_PLAIN_MASK) != IPV4_PLAIN || total < IPV4_BYTES + EXPRESS_L4_BYTES || ip + total > p->end))
        return false;
    if (unlikely(protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP))
        return false;
    x->l3_len[i] = (u16)total;
    x->lanes.addresses[i] = load64(ip + IPV4_SRC);
    x->lanes.ports[i] = load32(ip + IPV4_BYTES) | (u64)protocol << 32;
    return true;
}

static always_inline bool express_parse_ipv6(struct express *x, u32 i, const struct packet *p)
{
    const u8 *ip = p->data + ETH_BYTES;
    if (unlikely(ip + IPV6_BYTES + EXPRESS_L4_BYTES > p->end || load16(p->data + ETH_TYPE) != be16(ETHERTYPE_IPV6)))
        return false;
    u32 total = IPV6_BYTES + be16(load16(ip + IPV6_PAYLOAD_LENGTH)), protocol = ip[IPV6_NEXT_HEADER];
    if (unlikely(ip[0] >> 4 != 6 || load64(ip + IPV6_DST) == 0 /* an IPv4-mapped address is none on the wire */))
        return false;
    if (unlikely(total < IPV6_BYTES + EXPRESS_L4_BYTES || total > 65535 || ip + total > p->end ||
                 (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP)))
        return false;
    x->l3_len[i] = (u16)total;
    x->lanes.addresses[i] = load32(ip + IPV6_SRC + 12) | (u64)load32(ip + IPV6_DST + 12) << 32;
    x->lanes.ports[i] = load32(ip + IPV6_BYTES) | (u64)protocol << 32;
    return true;
}

/* ---- Locate: where the flow and the VIP lie ---- */

/* The second bucket is sent for when the flow is not in the first. */
static always_inline void express_fetch(const struct express_view *v, const struct express *x, u32 i)
{
    __builtin_prefetch(v->flows + (u32)x->lanes.buckets[i], 1);
}

static always_inline void express_index(const struct express_view *v, struct express *x, u32 i, const struct tuple *t)
{
    x->vip[i] = NULL_PTR;
    x->destination_hash[i] = hash_destination(t->dst, destination_key(t));
    __builtin_prefetch(v->vip_index + (x->destination_hash[i] & v->vip_index_mask));
}

static always_inline u64 express_destination_ipv4(const struct express *x, u32 i)
{
    return (x->lanes.addresses[i] & ~0xffffffffull) | x->lanes.ports[i] >> 16;
}

/* Of an IPv6 destination the hash, marked so that it is none of IPv4. `key`: destination_key. */
static always_inline u64 express_destination_ipv6(u64 high, u64 low, u32 key)
{
    return ((high ^ (low << 29 | low >> 35)) * HASH_FACTOR ^ key) | 1u << 31;
}

static always_inline struct recent_vip *express_recent(const struct express_view *v, u64 destination)
{
    return &v->recent->entry[destination * HASH_FACTOR >> (64 - RECENT_VIPS_SHIFT)];
}

static always_inline void express_locate_ipv4(const struct express_view *v, struct express *x, u32 i)
{
    u64 destination = express_destination_ipv4(x, i);
    const struct recent_vip *recent = express_recent(v, destination);
    x->vip[i] = recent->vip;
    if (unlikely(recent->destination != destination)) {
        struct tuple t = {
            .dst = {0, 0, V4_MAPPED_WORD, (u32)(destination >> 32)},
            .ports = (u32)x->lanes.ports[i],
            .protocol = (u32)(x->lanes.ports[i] >> 32),
        };
        express_index(v, x, i, &t);
    }
    express_fetch(v, x, i);
}

/* A destination as a VIP has it: address, then port and protocol as one number. */
static always_inline bool is_vip_of(const struct vip *vip, u64 high, u64 low, u32 key)
{
    u32 port_protocol = load32((const u8 *)&vip->port) & 0xffffff;
    return !((load64(vip->address) ^ high) | (load64(vip->address + 8) ^ low) | (port_protocol ^ key));
}

static always_inline void express_locate_ipv6(const struct express_view *v, struct express *x, u32 i, const struct packet *p)
{
    const u8 *ip = p->data + ETH_BYTES;
    u64 high = load64(ip + IPV6_DST), low = load64(ip + IPV6_DST + 8);
    u32 key = (u32)(x->lanes.ports[i] >> 16);
    u64 destination = express_destination_ipv6(high, low, key);
    const struct recent_vip *recent = express_recent(v, destination);
    x->vip[i] = recent->vip;
    if (unlikely(recent->destination != destination || !is_vip_of(recent->vip, high, low, key))) {
        struct tuple t = {
            .dst = {(u32)high, (u32)(high >> 32), (u32)low, (u32)(low >> 32)},
            .ports = (u32)x->lanes.ports[i],
            .protocol = (u32)(x->lanes.ports[i] >> 32),
        };
        express_index(v, x, i, &t);
    }
    express_fetch(v, x, i);
}
