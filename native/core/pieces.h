/* Inner fragmentation (RFC 791 3.2): an IPv4 packet without DF that does not fit the way to its backend leaves as several whole
 * outer packets, each with a fragment of the inner one, so that any decapsulator can take it.
 *
 * The core only says how large the pieces are; the engine asks for them one by one, each into a buffer of its own. */
#pragma once
#include "encap.h"

#define IPV4_OPTION_COPIED 0x80
#define PIECE_BYTES_MAX (65535 + 64 + ETH_BYTES + VLAN_BYTES)

/* Payload of each piece but the last, or 0 when not even eight bytes fit. */
static always_inline u32 piece_payload(const struct packet *p, u32 inner_mtu)
{
    u32 header = (u32)(p->l4 - p->l3);
    return inner_mtu >= header + 8 ? (inner_mtu - header) & ~7u : 0;
}

static always_inline u32 piece_count(const struct packet *p)
{
    u32 payload = (u32)p->l3_len - (u32)(p->l4 - p->l3);
    return (payload + p->piece - 1) / p->piece;
}

/* The header of later pieces: only options whose copy bit is set. `to` has room for 60 bytes; returns its length. */
static always_inline u32 later_header(const u8 *ip, u32 header, u8 *to)
{
    u32 length = IPV4_BYTES;
    __builtin_memcpy(to, ip, IPV4_BYTES);
    for (u32 at = IPV4_BYTES; at < header;) {
        u8 type = ip[at];
        if (type == 0)
            break;
        u32 size = type == 1 ? 1 : at + 1 < header ? ip[at + 1] : 0;
        if (size == 0 || (type != 1 && size < 2) || at + size > header)
            break;
        if (type & IPV4_OPTION_COPIED) {
            __builtin_memcpy(to + length, ip + at, size);
            length += size;
        }
        at += size;
    }
    while (length % 4)
        to[length++] = 0;
    to[0] = (u8)(0x40 | length / 4);
    return length;
}

/* Bytes of all pieces as frames. */
static always_inline u32 pieces_bytes(const struct packet *p, u32 overhead)
{
    u8 later[60];
    u32 count = piece_count(p), header = (u32)(p->l4 - p->l3);
    return count * (p->l3 + overhead) + p->l3_len + (count - 1) * later_header(p->data + p->l3, header, later);
}

static always_inline u32 sum_header(const u8 *ip, u32 header)
{
    u32 sum = 0;
    for (u32 i = 0; i < header; i += 2)
        if (i != IPV4_CHECKSUM)
            sum += load16(ip + i);
    return sum;
}

/* Writes piece `number` of `p` for backend `b` at `to`, as a whole frame; returns its length. `p` was not encapsulated, but its TTL is
 * already lowered. A header checksum that was wrong stays wrong by the same amount. */
static always_inline u32 write_piece(const struct core *core, const struct packet *p, const struct backend *b, u32 number, u8 *to)
{
    const u8 *ip = p->data + p->l3;
    u32 l2 = p->l3, header = (u32)(p->l4 - p->l3), payload = (u32)p->l3_len - header, overhead = encap_overhead(b, p->encap);
    u32 from = number * p->piece, size = payload - from < p->piece ? payload - from : p->piece;
    u8 *inner = to + l2 + overhead;
    u32 own_header = header;
    if (number == 0)
        __builtin_memcpy(inner, ip, header);
    else
        own_header = later_header(ip, header, inner);
    u32 fragment = be16(load16(ip + IPV4_FRAGMENT));
    u32 more = fragment & IPV4_MF || from + size < payload ? IPV4_MF : 0;
    store16(inner + IPV4_TOTAL_LENGTH, be16((u16)(own_header + size)));
    store16(inner + IPV4_FRAGMENT, be16((u16)((fragment & ~(IPV4_MF | IPV4_OFFSET_MASK)) | more | ((fragment & IPV4_OFFSET_MASK) + from / 8))));
    u32 before = (u32)(u16)csum_fold(sum_header(ip, header)); /* its complement */
    store16(inner + IPV4_CHECKSUM, csum_fold((u32)(u16)~load16(ip + IPV4_CHECKSUM) + before + sum_header(inner, own_header)));
    __builtin_memcpy(inner + own_header, ip + header + from, size);
    write_ethernet(to, b, l2, load32(p->data + ETH_TYPE),
                   overhead == OUTER_IPV6_BYTES ? be16(ETHERTYPE_IPV6) : be16(ETHERTYPE_IPV4));
    if (overhead == OUTER_IPV4_BYTES)
        write_outer_ipv4(to + l2, b, p, outer_source4(core, b, p), own_header + size);
    else if (overhead == OUTER_IPV6_BYTES)
        write_outer_ipv6(to + l2, core, b, p, own_header + size);
    return l2 + overhead + own_header + size;
}
