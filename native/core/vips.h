/* Which VIP a packet is for: (address, protocol, port), then (address, protocol, any port), then prefixes.
 *
 * The common case costs two lines: a bucket of tagged indices and the VIP itself. Only when that misses is the address
 * looked up by itself, which tells "not ours" from "no such port". Both indices are built by steering/snapshot.ts. */
#pragma once
#include "parse.h"

#define VIP_TAG_SHIFT 20
#define VIP_INDEX_MASK 0xfffffu

static always_inline bool same_address(const u32 a[4], const u8 *b)
{
    u32 difference = (load32(b + 12) ^ a[3]) | (load32(b + 8) ^ a[2]) | (load32(b + 4) ^ a[1]) | (load32(b) ^ a[0]);
    return difference == 0;
}

static always_inline u32 destination_key(const struct tuple *t)
{
    return t->ports >> 16 | t->protocol << 16;
}

static always_inline const struct vip *vip_at(const struct core *core, u32 index)
{
    return (const void *)at(core, TABLE_SNAPSHOT, core->sections->vip + index);
}

/* The VIP of this index; NULL for none. */
static always_inline const struct vip *vip_or_none(const struct core *core, u32 index)
{
    return index ? vip_at(core, index) : NULL_PTR;
}

/* The VIP of exactly this port, or NULL. */
static always_inline const struct vip *vip_exact(const struct core *core, const struct packet *p)
{
    u32 h = p->destination_hash;
    const struct vip_bucket *bucket =
        (const void *)at(core, TABLE_SNAPSHOT, core->sections->vip_index + (h & core->sections->vip_index_mask));
    if (!bucket)
        return NULL_PTR;
    for (u32 i = 0; i < 16; i++) {
        u32 entry = bucket->entry[i];
        if (entry == 0)
            break;
        if (entry >> VIP_TAG_SHIFT != h >> VIP_TAG_SHIFT)
            continue;
        const struct vip *vip = vip_at(core, entry & VIP_INDEX_MASK);
        if (vip && vip->port == (u16)(p->tuple.ports >> 16) && vip->protocol == p->tuple.protocol &&
            same_address(p->tuple.dst, vip->address))
            return vip;
    }
    return NULL_PTR;
}

static always_inline const struct address *address_find(const struct core *core, const u32 dst[4], u32 length)
{
    u32 h = hash_destination(dst, ADDRESS_KEY(length));
    for (u32 i = 0; i < ADDRESS_PROBES; i++) {
        const struct address *a =
            (const void *)at(core, TABLE_SNAPSHOT, core->sections->address + ((h + i) & core->sections->address_mask));
        if (!a || !a->used)
            return NULL_PTR;
        if (a->length == length && same_address(dst, a->address))
            return a;
    }
    return NULL_PTR;
}

static always_inline u32 masked_word(u32 word, u32 length, u32 first_bit)
{
    if (length <= first_bit)
        return 0;
    u32 bits = length - first_bit;
    return bits >= 32 ? word : word & be32(~0u << (32 - bits));
}

/* The VIP prefix of `length` bits that holds `dst`, or NULL. */
static always_inline const struct address *prefix_find(const struct core *core, const u32 dst[4], u32 length)
{
    u32 masked[4] = {masked_word(dst[0], length, 0), masked_word(dst[1], length, 32), masked_word(dst[2], length, 64),
                     masked_word(dst[3], length, 96)};
    return address_find(core, masked, length);
}

/* The VIP of a range or of any port at `a`, or 0. */
static always_inline u32 vip_by_range(const struct core *core, const struct address *a, const struct tuple *t)
{
    u32 port = be16((u16)(t->ports >> 16));
    u32 count = a->ranges;
    for (u32 i = 0; i < ADDRESS_RANGES_MAX; i++) {
        if (i >= count)
            break;
        u32 n = a->range + i;
        const line *l = at(core, TABLE_SNAPSHOT, core->sections->range + n / 4);
        if (!l)
            break;
        const struct range *r = (const struct range *)(const void *)l + n % 4;
        if (r->protocol == t->protocol && r->first <= port && port <= r->last)
            return r->vip;
    }
    return t->protocol == PROTOCOL_TCP ? a->any_tcp : a->any_udp;
}

/* What a destination is to this node. Numbers and not pointers, so that in BPF it can come from a function of its own. */
struct destination {
    u32 is_ours; /* a VIP address, or in a VIP prefix */
    u32 vip;     /* of this protocol and port; 0: none */
    u32 speaker; /* the VIP that speaks for all of its protocol there; 0: none */
};

static always_inline u32 speaker_of(const struct address *a, u32 protocol)
{
    return protocol == PROTOCOL_TCP ? a->source_tcp : protocol == PROTOCOL_UDP ? a->source_udp : 0;
}

/* What the VIP address or VIP prefix of `length` bits that holds the destination makes it, if there is one. */
static always_inline struct destination destination_in(const struct core *core, const struct tuple *t, u32 length, bool has_port)
{
    const struct address *a = prefix_find(core, t->dst, length);
    if (!a)
        return (struct destination){0, 0, 0};
    return (struct destination){1, has_port ? vip_by_range(core, a, t) : 0, speaker_of(a, t->protocol)};
}

/* By ranges and any port of the address itself; an address that has no VIP of its own, by prefixes, longest first. With
 * `has_port` false (a packet without a port to read) only the address is told. */
static always_inline struct destination destination_of(const struct core *core, const struct tuple *t, bool has_port)
{
    struct destination d = APART(destination_in)(core, t, 128, has_port);
    if (d.is_ours)
        return d;
    const struct snapshot_prefixes *prefixes = (const void *)at(core, TABLE_SNAPSHOT, 5);
    for (u32 i = 0; prefixes && i < PREFIX_LENGTHS_MAX && i < core->header->prefix_lengths; i++) {
        if (prefixes->length[i] < 96 && is_mapped(t->dst)) /* an IPv6 prefix as short as ::/0 holds no IPv4 address */
            break;
        struct destination wider = APART(destination_in)(core, t, prefixes->length[i], has_port);
        if (!wider.is_ours)
            continue;
        if (!d.is_ours)
            d = wider;
        d.vip = wider.vip;
        if (d.vip || !has_port)
            break;
    }
    return d;
}
