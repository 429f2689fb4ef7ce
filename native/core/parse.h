/* Takes one Ethernet frame apart: step 1 and 2 of the walk (docs/packet-path.md).
 *
 * Ethernet II with at most one 802.1Q tag, IPv4 (RFC 791) with options, TCP, UDP, ICMP. Every length is checked before
 * the first field behind it is read. What is wrong with a packet is only noted (`fault`), because a packet to somebody
 * else is the kernel's, whatever is odd about it. */
#pragma once
#include "core.h"

#define ETH_BYTES 14
#define ETH_TYPE 12
#define VLAN_BYTES 4
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_VLAN 0x8100

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

#define PROTOCOL_ICMP 1
#define PROTOCOL_IPIP 4
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17

#define TCP_BYTES 20
#define TCP_FLAGS 13
#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10
#define UDP_BYTES 8
#define ICMP_BYTES 8

/* The transport header that a whole or first fragment must have; a later fragment has none to read. */
static always_inline void parse_transport(struct packet *p, u8 *l4, u32 l4_len, u32 fragment)
{
    u32 protocol = p->tuple.protocol;
    u32 needed = protocol == PROTOCOL_TCP ? TCP_BYTES : protocol == PROTOCOL_UDP ? UDP_BYTES : ICMP_BYTES;
    if (protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP && protocol != PROTOCOL_ICMP) {
        p->kind = KIND_OTHER;
        p->fault = VERDICT_NO_VIP_PORT;
        return;
    }
    p->kind = protocol == PROTOCOL_ICMP ? KIND_ICMP : KIND_FLOW;
    u32 offset = fragment & IPV4_OFFSET_MASK;
    if (unlikely(fragment & (IPV4_OFFSET_MASK | IPV4_MF))) {
        if (p->kind == KIND_ICMP)
            p->fault = VERDICT_ICMP_OTHER;
        else if (offset == 1 && protocol == PROTOCOL_TCP) /* RFC 1858: would overwrite the flags */
            p->fault = VERDICT_FRAGMENT_TINY;
        else if (offset)
            p->fault = VERDICT_FRAGMENT_UNMATCHED;
        else if (l4_len < needed)
            p->fault = VERDICT_FRAGMENT_TINY;
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
    p->kind = KIND_OTHER;
    p->is_v4 = 1;
    p->ttl = ip[IPV4_TTL];
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
    parse_transport(p, l4, total - header_len, be16(load16(ip + IPV4_FRAGMENT)));
}

/* Fills everything of `p` but the outcome from data … end. A frame that is nobody's business here stays KIND_FOREIGN. */
static always_inline void parse_packet(struct packet *p)
{
    p->kind = KIND_FOREIGN;
    p->fault = VERDICT_FORWARD;
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
}
