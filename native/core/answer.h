/* ICMP errors that the balancer sends itself: "fragmentation needed" / "packet too big" and time exceeded (RFC 792, RFC 4443).
 *
 * Built in place, in the headroom: the packet stays where it is and becomes the quote, as it came. At most 576 bytes over IPv4 (RFC 1812
 * 4.3.2.3), 1280 over IPv6 (RFC 4443 2.4). Never about an ICMP error or a later fragment, nor to a source that names no single host
 * (RFC 1122 3.2.2): those packets are just dropped. */
#pragma once
#include "icmp.h"

#define ANSWER_BYTES4 576
#define ANSWER_BYTES6 1280
#define ICMP_TYPE_UNREACHABLE 3
#define ICMP_TYPE_TIME_EXCEEDED 11
#define ICMP_CODE_FRAGMENTATION_NEEDED 4
#define ICMPV6_TYPE_TOO_BIG 2
#define ICMPV6_TYPE_TIME_EXCEEDED 3

static always_inline bool may_answer(const struct packet *p)
{
    return !p->is_error && p->fragment != FRAGMENT_LATER && is_host_source(p);
}

/* One's complement sum of `bytes` at `from`, in memory order; an odd last byte counts as if a zero followed. */
static always_inline u32 sum_bytes(const u8 *from, u32 bytes)
{
    u64 sum = 0;
    u32 i = 0;
    for (; i + 4 <= bytes; i += 4)
        sum += load32(from + i);
    if (i + 2 <= bytes) {
        sum += load16(from + i);
        i += 2;
    }
    if (i < bytes)
        sum += from[i];
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    return (u32)((sum & 0xffff) + (sum >> 16));
}

struct icmp_message {
    u8 type, code;
    u32 rest;      /* the second word, network order */
    const u8 *src; /* 16 bytes, IPv4 mapped */
};

static always_inline void write_answer_ipv4(u8 *ip, const struct icmp_message *m, u32 dst, u32 quote)
{
    u8 *icmp = ip + IPV4_BYTES;
    store32(ip, 0x45 | (u32)be16((u16)(IPV4_BYTES + ICMP_BYTES + quote)) << 16);
    store32(ip + IPV4_ID, (u32)be16(IPV4_DF) << 16);
    store32(ip + IPV4_TTL, ANSWER_TTL | PROTOCOL_ICMP << 8);
    store32(ip + IPV4_SRC, load32(m->src + 12));
    store32(ip + IPV4_DST, dst);
    store16(ip + IPV4_CHECKSUM, csum_fold(sum_bytes(ip, IPV4_BYTES)));
    store32(icmp, m->type | (u32)m->code << 8);
    store32(icmp + 4, m->rest);
    store16(icmp + ICMP_CHECKSUM, csum_fold(sum_bytes(icmp, ICMP_BYTES + quote)));
}

static always_inline void write_answer_ipv6(u8 *ip, const struct icmp_message *m, const u32 dst[4], u32 quote)
{
    u8 *icmp = ip + IPV6_BYTES;
    u32 length = ICMP_BYTES + quote;
    store32(ip, be32(6u << 28));
    store32(ip + IPV6_PAYLOAD_LENGTH, be16((u16)length) | PROTOCOL_ICMPV6 << 16 | (u32)ANSWER_TTL << 24);
    __builtin_memcpy(ip + IPV6_SRC, m->src, 16);
    __builtin_memcpy(ip + IPV6_DST, dst, 16);
    store32(icmp, m->type | (u32)m->code << 8);
    store32(icmp + 4, m->rest);
    /* Pseudo-header (RFC 8200 8.1): both addresses, the length, the next header. */
    u32 sum = sum_bytes(ip + IPV6_SRC, 32) + be16((u16)length) + be16(PROTOCOL_ICMPV6) + sum_bytes(icmp, length);
    store16(icmp + ICMP_CHECKSUM, csum_fold(sum));
}

/* Turns the packet into an answer to its sender. False: the engine had no room. */
static always_inline bool write_answer(struct packet *p, const struct icmp_message *m)
{
    u32 headers = (p->is_v4 ? IPV4_BYTES : IPV6_BYTES) + ICMP_BYTES;
    u32 most = (p->is_v4 ? ANSWER_BYTES4 : ANSWER_BYTES6) - headers;
    u32 quote = p->l3_len < most ? p->l3_len : most, l2 = p->l3;
    u8 ethernet[ETH_BYTES + VLAN_BYTES];
    __builtin_memcpy(ethernet, p->data, sizeof ethernet);
    if (!grow_head(p, headers))
        return false;
    __builtin_memcpy(p->data, ethernet + 6, 6);
    __builtin_memcpy(p->data + 6, ethernet, 6);
    __builtin_memcpy(p->data + ETH_TYPE, ethernet + ETH_TYPE, l2 - ETH_TYPE);
    u8 *ip = p->data + l2;
    if (p->is_v4)
        write_answer_ipv4(ip, m, p->tuple.src[3], quote);
    else
        write_answer_ipv6(ip, m, p->tuple.src, quote);
    p->out_len = l2 + headers + quote;
    return true;
}

static always_inline u8 answer(const struct core *core, struct packet *p, u64 *tat, u64 interval, u64 burst,
                               const struct icmp_message *m, u8 verdict)
{
    if (!answer_allowed(core, tat, interval, burst))
        return VERDICT_RATE_LIMITED;
    return write_answer(p, m) ? verdict : VERDICT_TX_FULL;
}

/* The packet does not fit the way to its backend: `mtu` is what the sender may send. From the VIP's address. */
static slow_path u8 answer_too_big(const struct core *core, struct packet *p, u32 mtu)
{
    if (!may_answer(p))
        return VERDICT_OVERSIZE;
    struct icmp_message m = {.src = (const u8 *)p->tuple.dst};
    m.type = p->is_v4 ? ICMP_TYPE_UNREACHABLE : ICMPV6_TYPE_TOO_BIG;
    m.code = p->is_v4 ? ICMP_CODE_FRAGMENTATION_NEEDED : 0;
    m.rest = be32(mtu);
    u64 *tat = counter(core, core->counter_first, WORD_OF(worker_counters, too_big_tat));
    return answer(core, p, tat, core->node->too_big_interval, core->node->too_big_burst, &m, VERDICT_TOO_BIG);
}

/* The packet's last hop was this one. From the node's own address; without one of that family there is no answer. */
static slow_path u8 answer_time_exceeded(const struct core *core, struct packet *p)
{
    u32 mapped[4] = {0, 0, V4_MAPPED_WORD, core->node->address4};
    const u8 *own6 = core->node->address6;
    if (!may_answer(p) || (p->is_v4 ? core->node->address4 == 0 : own6[0] == 0))
        return VERDICT_TTL_EXPIRED;
    struct icmp_message m = {.src = p->is_v4 ? (const u8 *)mapped : own6, .rest = 0, .code = 0};
    m.type = p->is_v4 ? ICMP_TYPE_TIME_EXCEEDED : ICMPV6_TYPE_TIME_EXCEEDED;
    u64 *tat = counter(core, core->counter_first, WORD_OF(worker_counters, time_exceeded_tat));
    return answer(core, p, tat, core->node->time_exceeded_interval, core->node->time_exceeded_burst, &m, VERDICT_TIME_EXCEEDED);
}
