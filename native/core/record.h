/* What a flow is, for people (`flows: { records: true }`): a cold line for each place of the flow table, with tuple, VIP, packets and
 * bytes.
 *
 * No step of the walk knows of it. After a burst the engine records the flows that are new in it, and counts one known flow's
 * packet for as many as the burst had, or four large ones: exact with bursts of one, else right on average. Tuples are read from
 * packets as they leave, whose inner headers are whole. In a process only. */
#pragma once
#include "forward.h"

/* Never 0, which is no record. */
static always_inline u32 record_check(u64 fp)
{
    return (u32)fp | 1;
}

/* The packet that came, inside the frame that leaves. */
static always_inline u8 *inner_packet(const struct packet *p)
{
    u8 *ip = p->data + ETH_BYTES + (load16(p->data + ETH_TYPE) == be16(ETHERTYPE_VLAN) ? VLAN_BYTES : 0);
    if (p->piece || p->encap == ENCAP_L2)
        return ip;
    return ip + (ip[0] >> 4 == 4 ? OUTER_IPV4_BYTES : OUTER_IPV6_BYTES);
}

/* The line of a forwarded packet's flow, and the flow itself in `q`. NULL: it is no packet of a flow, or its entry is gone again. */
static always_inline struct flow_record *record_of(const struct core *core, const struct packet *p, struct packet *q)
{
    u8 *ip = inner_packet(p);
    *q = (struct packet){.data = p->data, .end = p->piece ? p->end : p->data + p->out_len, .l3 = (u16)(ip - p->data)};
    if (ip[0] >> 4 == 4)
        parse_ipv4(q, ip);
    else
        parse_ipv6(q, ip);
    if (q->kind != KIND_FLOW || q->fault)
        return NULL_PTR;
    locate_flow(core, q);
    struct flow_place place = flow_find(core, q);
    if (!place.fp)
        return NULL_PTR;
    u64 word = (u64)(place.fp - (const u64 *)(const void *)at(core, TABLE_FLOWS, 0));
    return (void *)at(core, TABLE_RECORDS, (u32)(word / 8 * FLOWS_PER_LINE + word % 8));
}

/* A reader that meets another `check` before and after has read half of two flows. */
static always_inline void record_new(const struct core *core, const struct packet *p)
{
    struct packet q;
    struct flow_record *r = record_of(core, p, &q);
    if (!r)
        return;
    __atomic_store_n(&r->check, 0, __ATOMIC_RELEASE);
    __builtin_memcpy(r->src, q.tuple.src, sizeof r->src);
    __builtin_memcpy(r->dst, q.tuple.dst, sizeof r->dst);
    r->ports = q.tuple.ports;
    r->protocol = (u8)q.tuple.protocol;
    r->vip = (u16)p->vip;
    r->since_sec = core->now_sec;
    r->packets = 1;
    r->bytes = p->in_len;
    __atomic_store_n(&r->check, record_check(q.hash.fp), __ATOMIC_RELEASE);
}

static always_inline void record_sample(const struct core *core, const struct packet *p, u32 weight)
{
    struct packet q;
    struct flow_record *r = record_of(core, p, &q);
    if (!r || r->check != record_check(q.hash.fp))
        return;
    r->packets += weight;
    r->bytes += (u64)p->in_len * weight;
}

/* A number for the worker's `burst`th burst, in no step with what senders do. */
static always_inline u32 lot(u32 burst)
{
    u32 h = burst * 0x9e3779b1u;
    h = (h ^ h >> 15) * 0x85ebca77u;
    h = (h ^ h >> 13) * 0xc2b2ae3du;
    return h ^ h >> 16;
}

#define BUSY_BURST 32 /* from so many packets on one burst of four counts for all four: a record's line costs 300 ns to reach */
#define BUSY_SHIFT 2

/* After a burst, the worker's `burst`th. Any packet counts as often as any other. */
static slow_path void record_burst(const struct core *core, const struct packet *packets, u32 n, u32 burst)
{
    u32 drawn = lot(burst), shift = n < BUSY_BURST ? 0 : BUSY_SHIFT;
    u32 chosen = drawn & ((1u << shift) - 1) ? n : (u32)((u64)drawn * n >> 32);
    for (u32 i = 0; i < n; i++) {
        const struct packet *p = &packets[i];
        if (p->verdict != VERDICT_FORWARD)
            continue;
        if (p->flow == FLOW_NEW)
            record_new(core, p);
        else if (p->flow == FLOW_KNOWN && i == chosen)
            record_sample(core, p, n << shift);
    }
}
