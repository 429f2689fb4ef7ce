/* The outer header: IPv4 in IPv4 (RFC 2003), with the header rules of docs/packet-path.md. */
#pragma once
#include "checksum.h"
#include "parse.h"

#define OUTER_TTL 64
#define OUTER_IPV4_BYTES 20

/* One hop less in the inner header, its checksum following (RFC 1624). */
static always_inline void inner_decrement_ttl(u8 *ip)
{
    u16 old_word = load16(ip + IPV4_TTL), new_word = old_word - 1; /* the TTL is its low byte, and above 1 */
    store16(ip + IPV4_TTL, new_word);
    store16(ip + IPV4_CHECKSUM, csum_replace16(load16(ip + IPV4_CHECKSUM), old_word, new_word));
}

/* 20 bytes at `ip`: DF, ID 0, DSCP and ECN of the inner header (RFC 6040, normal mode). The backend's `outer_sum` has
 * every word but the one with the TOS and the total length. */
static always_inline void write_outer_ipv4(u8 *ip, const struct backend *b, u8 tos, u16 total)
{
    u16 first_word = (u16)(0x45 | tos << 8);
    store16(ip, first_word);
    store16(ip + IPV4_TOTAL_LENGTH, be16(total));
    store16(ip + IPV4_ID, 0);
    store16(ip + IPV4_FRAGMENT, be16(IPV4_DF));
    ip[IPV4_TTL] = OUTER_TTL;
    ip[IPV4_PROTOCOL] = PROTOCOL_IPIP;
    store16(ip + IPV4_CHECKSUM, csum_fold(b->outer_sum + first_word + be16(total)));
    store32(ip + IPV4_SRC, b->outer_src4);
    store32(ip + IPV4_DST, load32(b->address + 12));
}

/* Wraps the packet for `b` in place, growing into the headroom. False: the engine had no room. */
static always_inline bool encapsulate(struct packet *p, const struct backend *b)
{
    u32 l2 = p->l3;
    if (!grow_head(p, OUTER_IPV4_BYTES))
        return false;
    u8 *data = p->data;
    if (data + ETH_BYTES + VLAN_BYTES + OUTER_IPV4_BYTES + IPV4_BYTES > p->end)
        return false;
    u8 *outer = data + ETH_BYTES;
    if (l2 != ETH_BYTES) {
        /* The tag moves up with its type: bytes 12 … 17 of the frame that came. */
        u32 tag = load32(data + OUTER_IPV4_BYTES + ETH_TYPE);
        store32(data + ETH_TYPE, tag);
        outer += VLAN_BYTES;
    }
    u8 *inner = outer + OUTER_IPV4_BYTES;
    u8 tos = inner[IPV4_TOS];
    inner_decrement_ttl(inner);
    __builtin_memcpy(data, b->dst_mac, 6);
    __builtin_memcpy(data + 6, b->src_mac, 6);
    store16(outer - 2, be16(ETHERTYPE_IPV4));
    write_outer_ipv4(outer, b, tos, (u16)(p->l3_len + OUTER_IPV4_BYTES));
    p->out_len = l2 + OUTER_IPV4_BYTES + p->l3_len;
    return cut_tail(p, p->out_len);
}
