/* Takes one Ethernet frame apart: step 1 and 2 of the walk (docs/packet-path.md).
 *
 * Ethernet II with at most one 802.1Q tag, IPv4 (RFC 791) with options, IPv6 (RFC 8200) with up to six extension
 * headers, TCP, UDP, ICMP. Every length is checked before
 * the first field behind it is read. What is wrong with a packet is only noted (`fault`), because a packet to somebody
 * else is the kernel's, whatever is odd about it. */
#pragma once
#include "core.h"

#define ETH_BYTES 14
#define ETH_TYPE 12
#define VLAN_BYTES 4
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_IPV6 0x86dd

#define IPV4_BYTES 20
#define IPV4_TOS 1
#define IPV4_TOTAL_LENGTH 2
#define IPV4_ID 4
#define IPV4_FRAGMENT 6
#define IPV4_TTL 8
#define IPV4_PROTOCOL 9
#define IPV4_CHECKSUM 10
#define IPV4_SRC 12
#define IPV4_DST 16
#define IPV4_DF 0x4000
#define IPV4_MF 0x2000
#define IPV4_OFFSET_MASK 0x1fff

#define IPV6_BYTES 40
#define IPV6_PAYLOAD_LENGTH 4
#define IPV6_NEXT_HEADER 6
#define IPV6_HOP_LIMIT 7
#define IPV6_SRC 8
#define IPV6_DST 24
#define IPV6_HEADERS_MAX 6
#define IPV6_HOP_BY_HOP 0
#define IPV6_ROUTING 43
#define IPV6_FRAGMENT 44
#define IPV6_DESTINATION 60
#define IPV6_EXTENSION_BYTES 8   /* the least one has */
#define IPV6_SEGMENTS_LEFT 3     /* in a routing header */
#define IPV6_FRAGMENT_OFFSET 2   /* in a fragment header: 13 bits of offset, then 2 reserved, then M */
#define IPV6_FRAGMENT_ID 4

#define PROTOCOL_ICMP 1
#define PROTOCOL_IPIP 4
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PROTOCOL_IPV6 41
#define PROTOCOL_ICMPV6 58

#define TCP_BYTES 20
#define TCP_FLAGS 13
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define UDP_BYTES 8
#define ICMP_BYTES 8

/* Where a packet stands in a fragmented datagram, families alike. */
enum fragment_kind { FRAGMENT_NONE, FRAGMENT_FIRST, FRAGMENT_LATER };

static always_inline bool is_extension(u32 header)
{
    return header == IPV6_HOP_BY_HOP || header == IPV6_ROUTING || header == IPV6_FRAGMENT || header == IPV6_DESTINATION;
}

/* What is wrong with a fragment, whatever its VIP. `offset` counts eight bytes. */
static always_inline u8 fragment_fault(const struct packet *p, u32 offset, u32 l4_len, u32 needed)
{
    if (p->kind == KIND_ICMP)
        return VERDICT_ICMP_OTHER;
    if (offset == 1 && p->tuple.protocol == PROTOCOL_TCP) /* RFC 1858: would overwrite the flags */
        return VERDICT_FRAGMENT_TINY;
    if (offset)
        return VERDICT_FRAGMENT_UNMATCHED;
    return l4_len < needed ? VERDICT_FRAGMENT_TINY : VERDICT_FORWARD;
}

/* The transport header that a whole packet or a first fragment must have; a later fragment has none to read. */
static always_inline void parse_transport(struct packet *p, u8 *l4, u32 l4_len, u32 offset)
{
    u32 protocol = p->tuple.protocol;
    l4 = pinned(l4);
    u32 needed = protocol == PROTOCOL_TCP ? TCP_BYTES : protocol == PROTOCOL_UDP ? UDP_BYTES : ICMP_BYTES;
    bool is_icmp = protocol == (p->is_v4 ? PROTOCOL_ICMP : PROTOCOL_ICMPV6);
    if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP && !is_icmp) {
        /* Behind a later fragment's header only the first one's chain goes on (RFC 8200 4.5): its record knows the transport. */
        bool is_untold = !p->is_v4 && p->fragment == FRAGMENT_LATER && is_extension(protocol);
        p->fault = is_untold ? VERDICT_FRAGMENT_UNMATCHED : VERDICT_NO_VIP_PORT;
        return;
    }
    p->kind = is_icmp ? KIND_ICMP : KIND_FLOW;
    if (unlikely(p->fragment != FRAGMENT_NONE)) {
        p->fault = fragment_fault(p, offset, l4_len, needed);
        if (p->fault)
            return;
    }
    /* The L3 length covers `end` already; BPF's verifier wants to see it against constants. */
    if (unlikely(l4_len < needed || l4 + UDP_BYTES > p->end)) {
        p->fault = VERDICT_MALFORMED;
        return;
    }
    p->tuple.ports = load32(l4);
    if (protocol == PROTOCOL_TCP && likely(l4 + TCP_BYTES <= p->end))
        p->tcp_flags = l4[TCP_FLAGS];
}

static always_inline void parse_ipv4(struct packet *p, u8 *ip)
{
    if (ip + IPV4_BYTES > p->end || ip[0] >> 4 != 4)
        return;
    u32 header_len = (u32)(ip[0] & 15) * 4;
    u32 total = be16(load16(ip + IPV4_TOTAL_LENGTH));
    u32 fragment = be16(load16(ip + IPV4_FRAGMENT));
    p->kind = KIND_OTHER;
    p->is_v4 = 1;
    p->ttl = ip[IPV4_TTL];
    p->tos = ip[IPV4_TOS];
    p->tuple = (struct tuple){
        .src = {0, 0, V4_MAPPED_WORD, load32(ip + IPV4_SRC)},
        .dst = {0, 0, V4_MAPPED_WORD, load32(ip + IPV4_DST)},
        .protocol = ip[IPV4_PROTOCOL],
    };
    u8 *l4 = ip + header_len;
    if (unlikely(header_len < IPV4_BYTES || total < header_len || ip + total > p->end || l4 > p->end)) {
        p->fault = VERDICT_MALFORMED;
        return;
    }
    p->l4 = (u16)(p->l3 + header_len);
    p->l3_len = (u16)total;
    if (unlikely(fragment & (IPV4_OFFSET_MASK | IPV4_MF))) {
        p->fragment = fragment & IPV4_OFFSET_MASK ? FRAGMENT_LATER : FRAGMENT_FIRST;
        p->fragment_id = load16(ip + IPV4_ID);
    }
    parse_transport(p, l4, total - header_len, fragment & IPV4_OFFSET_MASK);
}

/* An IPv6 header chain, walked to the transport header or to the data of a later fragment. */
struct chain {
    u32 protocol;
    u32 at;       /* offset of what follows the chain, from the IPv6 header */
    u32 offset;   /* of a fragment, in eight bytes */
    u32 fragment_id;
    u8 fragment;  /* enum fragment_kind */
    u8 fault;
};

/* What an extension header that does not fit is worth: a first fragment must have the whole chain (RFC 7112). */
static always_inline u8 broken_chain(const struct chain *c)
{
    return c->fragment == FRAGMENT_FIRST ? VERDICT_FRAGMENT_TINY : VERDICT_MALFORMED;
}

/* At most six extension headers of the `total` bytes at `ip`, whose fixed header is there. */
static always_inline struct chain walk_chain(const struct packet *p, const u8 *ip, u32 total)
{
    const u8 *end = p->end;
    struct chain c = {.protocol = ip[IPV6_NEXT_HEADER], .at = IPV6_BYTES};
    for (u32 headers = 0; headers <= IPV6_HEADERS_MAX && is_extension(c.protocol); headers++) {
        const u8 *h = ip + c.at;
        if (headers == IPV6_HEADERS_MAX) {
            c.fault = VERDICT_IPV6_HEADERS;
            return c;
        }
        if (c.at + IPV6_EXTENSION_BYTES > total || h + IPV6_EXTENSION_BYTES > end) {
            c.fault = broken_chain(&c);
            return c;
        }
        u32 header = c.protocol;
        c.protocol = h[0];
        if (header == IPV6_FRAGMENT) {
            u32 field = be16(load16(h + IPV6_FRAGMENT_OFFSET));
            c.offset = field >> 3;
            if (c.offset || field & 1) /* neither: an atomic fragment (RFC 6946), which is a whole packet */
                c.fragment = c.offset ? FRAGMENT_LATER : FRAGMENT_FIRST;
            c.fragment_id = load32(h + IPV6_FRAGMENT_ID);
            c.at += IPV6_EXTENSION_BYTES;
            if (c.offset)
                break; /* what follows is data */
            continue;
        }
        if (header == IPV6_ROUTING && h[IPV6_SEGMENTS_LEFT]) {
            c.fault = VERDICT_IPV6_HEADERS;
            return c;
        }
        c.at += (u32)(h[1] + 1) * 8;
    }
    if (c.at > total)
        c.fault = broken_chain(&c);
    return c;
}

static always_inline void parse_ipv6(struct packet *p, u8 *ip)
{
    if (ip + IPV6_BYTES > p->end || ip[0] >> 4 != 6)
        return;
    p->kind = KIND_OTHER;
    p->ttl = ip[IPV6_HOP_LIMIT];
    p->tos = (u8)(ip[0] << 4 | ip[1] >> 4);
    p->tuple = (struct tuple){
        .src = {load32(ip + 8), load32(ip + 12), load32(ip + 16), load32(ip + 20)},
        .dst = {load32(ip + 24), load32(ip + 28), load32(ip + 32), load32(ip + 36)},
    };
    /* An IPv4-mapped address is none on the wire: without this an IPv6 packet could name an IPv4 VIP. */
    if (unlikely(is_mapped(p->tuple.dst))) {
        p->kind = KIND_FOREIGN;
        return;
    }
    u32 total = IPV6_BYTES + be16(load16(ip + IPV6_PAYLOAD_LENGTH));
    if (unlikely(total > 65535 || ip + total > p->end)) {
        p->fault = VERDICT_MALFORMED;
        return;
    }
    p->l3_len = (u16)total;
    struct chain c = APART(walk_chain)(p, ip, total);
    p->fault = c.fault;
    p->fragment = c.fragment;
    p->fragment_id = c.fragment_id;
    u8 *l4 = ip + c.at;
    if (c.fault || l4 > p->end)
        return;
    p->tuple.protocol = c.protocol;
    p->l4 = (u16)(p->l3 + c.at);
    parse_transport(p, l4, total - c.at, c.offset);
}

/* Fills everything of `p` but the outcome from data … end. A frame that is nobody's business here stays KIND_FOREIGN. */
static always_inline void parse_packet(struct packet *p)
{
    p->kind = KIND_FOREIGN;
    p->fault = VERDICT_FORWARD;
    p->fragment = FRAGMENT_NONE;
    p->tcp_flags = 0;
    p->is_v4 = 0;
    u8 *ip = p->data + ETH_BYTES;
    if (ip > p->end)
        return;
    u16 type = load16(p->data + ETH_TYPE);
    p->l3 = ETH_BYTES;
    if (type == be16(ETHERTYPE_VLAN)) {
        ip += VLAN_BYTES;
        if (ip > p->end)
            return;
        type = load16(p->data + ETH_TYPE + VLAN_BYTES);
        p->l3 = ETH_BYTES + VLAN_BYTES;
    }
    if (type == be16(ETHERTYPE_IPV4))
        parse_ipv4(p, ip);
    else if (type == be16(ETHERTYPE_IPV6))
        parse_ipv6(p, ip);
}
