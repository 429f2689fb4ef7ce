/* ICMP to a VIP: the balancer answers echo requests itself (RFC 792, RFC 4443), at a bounded rate. */
#pragma once
#include "admit.h"
#include "encap.h"

#define ICMP_ECHO_REPLY 0
#define ICMP_ECHO_REQUEST 8
#define ICMP_CHECKSUM 2
#define ICMPV6_ECHO_REQUEST 128
#define ICMPV6_ECHO_REPLY 129
#define ICMPV6_MLD_FIRST 130
#define ICMPV6_MLD_LAST 132
#define ICMPV6_ND_FIRST 133
#define ICMPV6_ND_LAST 137
#define ICMPV6_MLDV2_REPORT 143
#define ANSWER_TTL 64

/* A token of this worker's own bucket for answers; the same virtual time as in admit.h, without a shared word. */
static always_inline bool answer_allowed(const struct core *core, u64 *tat, u64 interval, u64 burst)
{
    if (!tat || interval == 0)
        return false;
    u64 full = core->now_ticks - burst * interval;
    u64 base = *tat > full ? *tat : full;
    if (base + interval > core->now_ticks)
        return false;
    *tat = base + interval;
    return true;
}

/* Whether the message is zero behind its checksum; one word tells for almost every message. The last
 * word overlaps the one before it, so that no byte behind the message is read. */
static always_inline bool is_zero_message(const struct packet *p, const u8 *icmp)
{
    const u8 *rest = icmp + ICMP_CHECKSUM + 2;
    u32 last = (u32)(p->l3 + p->l3_len - p->l4) - (ICMP_CHECKSUM + 2) - 4;
    for (u32 at = 0; at < FRAME_BYTES_MAX; at += 4) {
        const u8 *word = rest + (at < last ? at : last);
        if (word + 4 > p->end || load32(word))
            return false;
        if (at >= last)
            break;
    }
    return true;
}

static always_inline void swap_bytes(u8 *a, u8 *b, u32 bytes)
{
    u8 kept[16];
    __builtin_memcpy(kept, a, bytes);
    __builtin_memcpy(a, b, bytes);
    __builtin_memcpy(b, kept, bytes);
}

/* Swapping the addresses changes no sum, the pseudo-header's included. */
static always_inline void turn_round(u8 *ip, bool is_v4)
{
    if (!is_v4) {
        swap_bytes(ip + IPV6_SRC, ip + IPV6_DST, 16);
        ip[IPV6_HOP_LIMIT] = ANSWER_TTL;
        return;
    }
    swap_bytes(ip + IPV4_SRC, ip + IPV4_DST, 4);
    u16 old_ttl = load16(ip + IPV4_TTL);
    ip[IPV4_TTL] = ANSWER_TTL;
    store16(ip + IPV4_CHECKSUM, csum_replace16(load16(ip + IPV4_CHECKSUM), old_ttl, load16(ip + IPV4_TTL)));
}

/* Makes the request's message its reply's. */
static always_inline void write_echo_reply(const struct packet *p, u8 *icmp)
{
    u16 old_type = load16(icmp);
    icmp[0] = p->is_v4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
    u16 csum = csum_replace16(load16(icmp + ICMP_CHECKSUM), old_type, load16(icmp));
    /* Unlike an IP header a reply can be all zeros. Its sum is then plus zero, which no update yields. */
    if (unlikely(csum == 0) && p->is_v4 && is_zero_message(p, icmp))
        csum = 0xffff;
    store16(icmp + ICMP_CHECKSUM, csum);
}

/* Whether the source may be one host: not multicast, broadcast, loopback or zero (RFC 1122 3.2.1.3, RFC 4291 2.5). Nothing is ever
 * sent to another. */
static always_inline bool is_host_source(const struct packet *p)
{
    if (!p->is_v4) {
        u8 first = (u8)p->tuple.src[0];
        bool is_unspecified_or_loopback = !(p->tuple.src[0] | p->tuple.src[1] | p->tuple.src[2] | (p->tuple.src[3] & be32(~1u)));
        return first != 0xff && !is_unspecified_or_loopback;
    }
    u32 src = be32(p->tuple.src[3]);
    return src != 0 && src != ~0u && src >> 24 != 127 && src >> 28 != 14;
}

/* Turns the request in place into its reply. */
static always_inline u8 answer_echo(const struct core *core, struct packet *p, u8 *icmp)
{
    u8 *ip = l3_of(p);
    bool is_v4 = p->is_v4;
    if (p->data + ETH_BYTES > p->end || ip + IPV4_BYTES > p->end || (!is_v4 && ip + IPV6_BYTES > p->end))
        return VERDICT_MALFORMED;
    if (!is_host_source(p))
        return VERDICT_ICMP_OTHER;
    u64 *tat = counter(core, core->counter_first, WORD_OF(worker_counters, echo_tat));
    if (!answer_allowed(core, tat, core->node->echo_interval, core->node->echo_burst))
        return VERDICT_RATE_LIMITED;
    swap_bytes(p->data, p->data + 6, 6);
    turn_round(ip, is_v4);
    write_echo_reply(p, icmp);
    p->out_len = (u32)p->l3 + p->l3_len;
    return cut_tail(p, p->out_len) ? VERDICT_ECHO : VERDICT_TX_FULL;
}

/* Neighbour discovery and multicast listener messages are the kernel's (RFC 4861, RFC 3810). */
static always_inline bool is_link_message(u8 type)
{
    return (type >= ICMPV6_MLD_FIRST && type <= ICMPV6_MLD_LAST) || (type >= ICMPV6_ND_FIRST && type <= ICMPV6_ND_LAST) ||
           type == ICMPV6_MLDV2_REPORT;
}
