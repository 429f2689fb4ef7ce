/* The outer header, by the families of backend and packet: IPv4 in IPv4 (RFC 2003), IPv6 in IPv6 (RFC 2473), and both mixed
 * pairs (RFC 4213, RFC 2473), with the header rules of docs/packet-path.md; or none (`encap: l2`). */
#pragma once
#include "checksum.h"
#include "parse.h"

#define OUTER_TTL 64
#define OUTER_IPV4_BYTES 20
#define OUTER_IPV6_BYTES 40

/* One hop less in the inner header; an IPv4 checksum follows (RFC 1624). */
static always_inline void decrement_ttl(u8 *ip, bool is_v4)
{
    if (!is_v4) {
        ip[IPV6_HOP_LIMIT]--;
        return;
    }
    /* The TTL is the low byte of its word, and above 1; a byte stored and read back as half of a word would stall. */
    store16(ip + IPV4_TTL, load16(ip + IPV4_TTL) - 1);
    store16(ip + IPV4_CHECKSUM, csum_after_decrement(load16(ip + IPV4_CHECKSUM)));
}

/* The outer source: the node's address, or one of the entropy prefix by the flow's hash. */
static always_inline u32 outer_source4(const struct core *core, const struct backend *b, const struct packet *p)
{
    const struct snapshot_entropy *e = core->entropy;
    return p->entropy && e->has4 ? e->prefix4 | ((u32)p->hash.fp & e->host_mask4) : b->outer_src4;
}

static always_inline void outer_source6(const struct core *core, const struct packet *p, u8 *to)
{
    const struct snapshot_entropy *e = core->entropy;
    if (!(p->entropy && e->has6)) {
        __builtin_memcpy(to, core->node->address6, 16);
        return;
    }
    u32 low = (u32)p->hash.fp, high = (u32)(p->hash.fp >> 32);
    store32(to, load32(e->prefix6));
    store32(to + 4, load32(e->prefix6 + 4) | (high & load32(e->host_mask6 + 4)));
    store32(to + 8, load32(e->prefix6 + 8) | (high & load32(e->host_mask6 + 8)));
    store32(to + 12, load32(e->prefix6 + 12) | (low & load32(e->host_mask6 + 12)));
}

static always_inline u32 halves(u32 word)
{
    return (word & 0xffff) + (word >> 16);
}

/* DF, ID 0, DSCP and ECN of the inner header (RFC 6040, normal mode). The backend's `outer_sum` has every word but the one
 * with the TOS and the total length, and counts IPv4 as what is inside. */
static always_inline void write_outer_ipv4(u8 *ip, const struct backend *b, const struct packet *p, u32 src, u32 inner_len)
{
    u16 first_word = (u16)(0x45 | p->tos << 8), total = be16((u16)(inner_len + OUTER_IPV4_BYTES));
    u32 sum = b->outer_sum;
    if (unlikely(src != b->outer_src4))
        sum += halves(src) - halves(b->outer_src4);
    u8 protocol = p->is_v4 ? PROTOCOL_IPIP : PROTOCOL_IPV6;
    store16(ip, first_word);
    store16(ip + IPV4_TOTAL_LENGTH, total);
    store16(ip + IPV4_ID, 0);
    store16(ip + IPV4_FRAGMENT, be16(IPV4_DF));
    ip[IPV4_TTL] = OUTER_TTL;
    ip[IPV4_PROTOCOL] = protocol;
    store16(ip + IPV4_CHECKSUM, csum_fold(sum + ((u32)(protocol - PROTOCOL_IPIP) << 8) + first_word + total));
    store32(ip + IPV4_SRC, src);
    store32(ip + IPV4_DST, load32(b->address + 12));
}

static always_inline void write_outer_ipv6(u8 *ip, const struct core *core, const struct backend *b, const struct packet *p,
                                           u32 inner_len)
{
    store32(ip, be32(6u << 28 | (u32)p->tos << 20));
    store16(ip + IPV6_PAYLOAD_LENGTH, be16((u16)inner_len));
    ip[IPV6_NEXT_HEADER] = p->is_v4 ? PROTOCOL_IPIP : PROTOCOL_IPV6;
    ip[IPV6_HOP_LIMIT] = OUTER_TTL;
    outer_source6(core, p, ip + IPV6_SRC);
    __builtin_memcpy(ip + IPV6_DST, b->address, 16);
}

/* Bytes that the way to `b` adds to the packet. */
static always_inline u32 encap_overhead(const struct backend *b, u8 encap)
{
    return encap == ENCAP_L2 ? 0 : b->outer_bytes;
}

/* New Ethernet header at the start of the frame; a VLAN tag stays. `l2` is its length, `type` in network order. */
static always_inline void write_ethernet(u8 *data, const struct backend *b, u32 l2, u32 tag, u16 type)
{
    __builtin_memcpy(data, b->dst_mac, 6);
    __builtin_memcpy(data + 6, b->src_mac, 6);
    if (l2 == ETH_BYTES) {
        store16(data + ETH_TYPE, type);
        return;
    }
    store32(data + ETH_TYPE, tag);
    store16(data + ETH_TYPE + VLAN_BYTES, type);
}

/* Puts an outer header of `overhead` bytes around the packet, in place, growing into the headroom. False: the engine had no room. */
static always_inline bool wrap(const struct core *core, struct packet *p, const struct backend *b, u32 overhead)
{
    u32 l2 = p->l3;
    u8 *ip = l3_of(p);
    if (p->data + ETH_BYTES + VLAN_BYTES > p->end || ip + IPV4_BYTES > p->end || (!p->is_v4 && ip + IPV6_BYTES > p->end))
        return false;
    decrement_ttl(ip, p->is_v4);
    u32 tag = load32(p->data + ETH_TYPE);
    if (overhead && !grow_head(p, overhead))
        return false;
    u8 *data = p->data;
    if (data + ETH_BYTES + VLAN_BYTES > p->end)
        return false;
    bool is_v4_type = overhead ? overhead == OUTER_IPV4_BYTES : p->is_v4;
    write_ethernet(data, b, l2, tag, is_v4_type ? be16(ETHERTYPE_IPV4) : be16(ETHERTYPE_IPV6));
    u8 *outer = l2 == ETH_BYTES ? data + ETH_BYTES : data + ETH_BYTES + VLAN_BYTES;
    if (overhead == OUTER_IPV4_BYTES && outer + OUTER_IPV4_BYTES <= p->end)
        write_outer_ipv4(outer, b, p, outer_source4(core, b, p), p->l3_len);
    else if (overhead == OUTER_IPV6_BYTES && outer + OUTER_IPV6_BYTES <= p->end)
        write_outer_ipv6(outer, core, b, p, p->l3_len);
    p->out_len = l2 + overhead + p->l3_len;
    return cut_tail(p, p->out_len);
}

/* Wraps the packet for `b`; `overhead` is encap_overhead()'s. A constant in each call lets the compiler write out each case by itself: 3 ns for the common one. */
static always_inline bool encapsulate(const struct core *core, struct packet *p, const struct backend *b, u32 overhead)
{
    if (likely(overhead == OUTER_IPV4_BYTES))
        return wrap(core, p, b, OUTER_IPV4_BYTES);
    return overhead ? wrap(core, p, b, OUTER_IPV6_BYTES) : wrap(core, p, b, 0);
}
