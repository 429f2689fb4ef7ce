/* What ICMP tells of the way to a backend: errors for the outer packet come to the outer source (RFC 1191, RFC 8201).
 *
 * Only an error that quotes an outer header of ours counts, so that forging one takes more than an address. A path's MTU is only
 * ever lowered, for ten minutes; whatever it says, the packet itself is the kernel's. */
#pragma once
#include "icmp_error.h"

#define PATH_SECONDS 600
#define PATH_MTU_FLOOR 576       /* RFC 791's least that every host takes */
#define PATH_MTU_FLOOR_IPV6 1320 /* leaves 1280 behind the larger outer header */
#define ICMP_FRAGMENTATION_NEEDED 4
#define ICMP_NEXT_HOP_MTU 6
#define ICMPV6_TOO_BIG 2
#define ICMPV6_MTU 4
#define SAME_ADDRESS_MAX 64 /* pools that one address serves and that an error is told to */

/* The way to a backend now: the route's MTU, or what was learned. */
static always_inline u32 path_mtu(const struct core *core, const struct backend *b, u32 index)
{
    const struct path_words *w = (const void *)at(core, TABLE_PATHS, index / 8);
    u64 word = w ? load_shared(&w->path[index % 8]) : 0;
    u32 learned = (u32)(word >> 32);
    return learned && learned < b->mtu && core->now_sec - (u32)word < PATH_SECONDS ? learned : b->mtu;
}

static always_inline bool is_outer_source(const struct core *core, const u32 a[4], bool is_v4)
{
    const struct snapshot_entropy *e = core->entropy;
    if (is_v4)
        return (core->node->address4 != 0 && a[3] == core->node->address4) || (e->has4 && (a[3] & ~e->host_mask4) == e->prefix4);
    if (core->node->address6[0] != 0 && same_address(a, core->node->address6))
        return true;
    return e->has6 && load32(e->prefix6) == a[0] && load32(e->prefix6 + 4) == (a[1] & ~load32(e->host_mask6 + 4)) &&
           load32(e->prefix6 + 8) == (a[2] & ~load32(e->host_mask6 + 8)) &&
           load32(e->prefix6 + 12) == (a[3] & ~load32(e->host_mask6 + 12));
}

/* The first backend of that address, or 0. */
static always_inline u32 backend_by_address(const struct core *core, const u32 address[4])
{
    u32 h = hash_destination(address, ADDRESS_KEY(128));
    const struct vip_bucket *bucket =
        (const void *)at(core, TABLE_SNAPSHOT, core->sections->backend_index + (h & core->sections->backend_index_mask));
    for (u32 i = 0; bucket && i < 16; i++) {
        u32 entry = bucket->entry[i];
        if (entry == 0)
            break;
        const struct backend *b = entry >> VIP_TAG_SHIFT == h >> VIP_TAG_SHIFT ? backend_at(core, entry & VIP_INDEX_MASK) : NULL_PTR;
        if (b && same_address(address, b->address))
            return entry & VIP_INDEX_MASK;
    }
    return 0;
}

/* The backend whose outer packet the error quotes in `room` bytes, behind which may be padding; 0: not one of ours. */
static always_inline u32 quoted_backend(const struct core *core, const struct packet *p, const u8 *q, u32 room)
{
    u32 dst[4];
    u8 protocol;
    if (p->is_v4) {
        if (room < IPV4_BYTES || q + IPV4_BYTES > p->end || q[0] != 0x45 || load32(q + IPV4_SRC) != p->tuple.dst[3])
            return 0;
        protocol = q[IPV4_PROTOCOL];
        dst[0] = dst[1] = 0;
        dst[2] = V4_MAPPED_WORD;
        dst[3] = load32(q + IPV4_DST);
    } else {
        if (room < IPV6_BYTES || q + IPV6_BYTES > p->end || q[0] >> 4 != 6 || !same_address(p->tuple.dst, q + IPV6_SRC))
            return 0;
        protocol = q[IPV6_NEXT_HEADER];
        dst[0] = load32(q + IPV6_DST);
        dst[1] = load32(q + IPV6_DST + 4);
        dst[2] = load32(q + IPV6_DST + 8);
        dst[3] = load32(q + IPV6_DST + 12);
    }
    return protocol == PROTOCOL_IPIP || protocol == PROTOCOL_IPV6 ? backend_by_address(core, dst) : 0;
}

static always_inline void learn_mtu(const struct core *core, u32 index, const struct backend *b, u32 mtu)
{
    struct path_words *w = (void *)at(core, TABLE_PATHS, index / 8);
    u32 floor = b->flags & BACKEND_SERVES_IPV6 ? PATH_MTU_FLOOR_IPV6 : PATH_MTU_FLOOR;
    if (mtu < floor)
        mtu = floor;
    if (w && mtu < b->mtu && mtu <= path_mtu(core, b, index))
        store_shared(&w->path[index % 8], (u64)mtu << 32 | core->now_sec);
}

/* Tells a backend and all others of its address of an error: of the MTU in it, or (0) that there is no way. */
static always_inline void tell_backends(const struct core *core, u32 index, u32 mtu)
{
    for (u32 i = 0; index && i < SAME_ADDRESS_MAX; i++) {
        const struct backend *b = backend_at(core, index);
        if (!b)
            return;
        if (mtu)
            learn_mtu(core, index, b, mtu);
        else
            count(core, core->backend_counters + index, WORD_OF(backend_counters, unreachable), 1);
        index = b->next_same;
    }
}

/* Reads a whole ICMP message on its way to the kernel: it may be an error for one of our outer packets. */
static slow_path void learn_path(const struct core *core, const struct packet *p)
{
    const u8 *icmp = l4_of(p);
    if (icmp + ICMP_BYTES > p->end || !is_icmp_error(p, icmp[0]) || !is_outer_source(core, p->tuple.dst, p->is_v4))
        return;
    if (icmp[0] == (p->is_v4 ? ICMP_PARAMETER_PROBLEM : ICMPV6_PARAMETER_PROBLEM)) /* it did arrive */
        return;
    bool is_mtu = p->is_v4 ? icmp[0] == ICMP_UNREACHABLE && icmp[1] == ICMP_FRAGMENTATION_NEEDED : icmp[0] == ICMPV6_TOO_BIG;
    u32 mtu = p->is_v4 ? be16(load16(icmp + ICMP_NEXT_HOP_MTU)) : be32(load32(icmp + ICMPV6_MTU));
    u32 room = (u32)p->l3 + p->l3_len - p->l4 - ICMP_BYTES;
    u32 index = quoted_backend(core, p, icmp + ICMP_BYTES, room);
    if (index && (mtu || !is_mtu))
        APART(tell_backends)(core, index, is_mtu ? mtu : 0);
}
