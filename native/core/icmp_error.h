/* ICMP errors to a VIP: sent to the backend whose reply they quote (docs/packet-path.md, "ICMP to a VIP").
 *
 * Path MTU discovery and fast failure of direct-return connections depend on it. The quoted packet is the backend's reply, so the
 * flow is its tuple turned round. Creates no flow, spends no token and reads no TCP flags: eight quoted bytes are enough. */
#pragma once
#include "steer.h"

#define ICMP_UNREACHABLE 3
#define ICMP_TIME_EXCEEDED 11
#define ICMP_PARAMETER_PROBLEM 12
#define ICMPV6_UNREACHABLE 1
#define ICMPV6_PARAMETER_PROBLEM 4 /* 1 to 4: unreachable, packet too big, time exceeded, parameter problem */
#define QUOTE_BYTES 8              /* of the quoted transport header */

static always_inline bool is_icmp_error(const struct packet *p, u8 type)
{
    if (p->is_v4)
        return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER_PROBLEM;
    return type >= ICMPV6_UNREACHABLE && type <= ICMPV6_PARAMETER_PROBLEM;
}

/* Makes `p->tuple` the flow that a quote of `room` bytes belongs to, from the client's side: its destination is the VIP's already.
 * False: not a reply from this VIP. */
static always_inline bool read_quote_ipv4(struct packet *p, const u8 *q, u32 room)
{
    if (room < IPV4_BYTES || q + IPV4_BYTES > p->end || q[0] >> 4 != 4)
        return false;
    u32 header_len = (u32)(q[0] & 15) * 4;
    const u8 *l4 = pinned(q + header_len);
    if (header_len < IPV4_BYTES || header_len + QUOTE_BYTES > room || l4 + QUOTE_BYTES > p->end ||
        be16(load16(q + IPV4_FRAGMENT)) & IPV4_OFFSET_MASK || load32(q + IPV4_SRC) != p->tuple.dst[3])
        return false;
    p->tuple.src[3] = load32(q + IPV4_DST);
    p->tuple.ports = load32(l4) << 16 | load32(l4) >> 16;
    p->tuple.protocol = q[IPV4_PROTOCOL];
    return true;
}

static always_inline bool read_quote_ipv6(struct packet *p, const u8 *q, u32 room)
{
    if (room < IPV6_BYTES || q + IPV6_BYTES > p->end || q[0] >> 4 != 6 || !same_address(p->tuple.dst, q + IPV6_SRC))
        return false;
    struct chain c = APART(walk_chain)(p, q, room);
    const u8 *l4 = pinned(q + c.at);
    if (c.fault || c.fragment == FRAGMENT_LATER || c.at + QUOTE_BYTES > room || l4 + QUOTE_BYTES > p->end)
        return false;
    for (u32 i = 0; i < 4; i++)
        p->tuple.src[i] = load32(q + IPV6_DST + 4 * i);
    p->tuple.ports = load32(l4) << 16 | load32(l4) >> 16;
    p->tuple.protocol = c.protocol;
    return true;
}

/* The backend of the flow in the two buckets, if it keeps its flows; else 0. */
static always_inline u32 flow_in_buckets(const struct core *core, const struct vip *vip, const struct packet *p)
{
    struct flow_place entry = flow_find(core, p);
    return entry.meta && flow_keeps(core, vip, *entry.meta) ? flow_backend(*entry.meta) : 0;
}

/* The same in any worker's table: the error seldom lands on the flow's queue. Read only. */
static always_inline u32 flow_of_any_worker(const struct core *core, const struct vip *vip, struct packet *p)
{
    u32 index = 0, own[2] = {p->bucket[0] - core->flow_first, p->bucket[1] - core->flow_first};
    for (u32 worker = 0; worker < WORKERS_MAX && worker < core->workers && !index; worker++) {
        u32 first = worker * (core->flow_mask + 1);
        p->bucket[0] = first + own[0];
        p->bucket[1] = first + own[1];
        index = APART(flow_in_buckets)(core, vip, p);
    }
    return index;
}

/* `p` keeps its own addresses on the wire; its tuple becomes the quoted flow's. */
static slow_path u8 steer_icmp_error(const struct core *core, struct packet *p, const u8 *icmp)
{
    u32 room = (u32)p->l3 + p->l3_len - p->l4 - ICMP_BYTES;
    const u8 *quote = icmp + ICMP_BYTES;
    if (!(p->is_v4 ? read_quote_ipv4(p, quote, room) : read_quote_ipv6(p, quote, room)) ||
        (p->tuple.protocol != PROTOCOL_TCP && p->tuple.protocol != PROTOCOL_UDP))
        return VERDICT_ICMP_OTHER;
    p->tcp_flags = 0;
    p->is_error = 1;
    locate_flow(core, p);
    const struct vip *vip = vip_exact(core, p);
    if (!vip)
        vip = vip_or_none(core, destination_of(core, &p->tuple, true).vip);
    if (!vip)
        return VERDICT_NO_VIP_PORT;
    p->vip = vip->index;
    p->tenant = vip->tenant;
    p->encap = vip->encap;
    p->entropy = vip->flags & VIP_ENTROPY;
    if (p->ttl <= 1)
        return VERDICT_TTL_EXPIRED;
    if (vip->flags & VIP_DENIED)
        return VERDICT_DENIED;
    p->backend = flow_of_any_worker(core, vip, p);
    if (p->backend) {
        p->flow = FLOW_KNOWN;
        return VERDICT_FORWARD;
    }
    p->backend = table_choice(core, vip->pool, packet_slot_hash(core, vip, p));
    return p->backend ? VERDICT_FORWARD : VERDICT_NO_BACKEND;
}
