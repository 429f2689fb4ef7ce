/* The walk of one packet, in three steps that an engine may run packet by packet or each over a whole burst, so that the
 * lines of all packets are on their way from memory before the first is needed (docs/packet-path.md).
 *
 * Guarantees: every packet gets exactly one verdict and is counted once; what is not for a VIP is left as it came. */
#pragma once
#include "icmp.h"
#include "steer.h"

/* Step one: take apart, hash. */
static always_inline void core_parse(const struct core *core, struct packet *p)
{
    p->verdict = VERDICT_PASS;
    p->flow = FLOW_NONE;
    p->device = 0;
    p->vip = p->tenant = p->backend = 0;
    p->out_len = 0;
    p->in_len = (u32)(p->end - p->data);
    parse_packet(p);
    if (p->kind == KIND_FLOW && !p->fault) {
        p->hash = hash_tuple(core->key, core->mix, &p->tuple, p->is_v4);
        flow_locate(core, p);
        p->destination_hash = hash_destination(p->tuple.dst, destination_key(&p->tuple));
    }
}

static always_inline bool is_own_source(const struct core *core, const struct packet *p)
{
    if (p->is_v4)
        return core->node->address4 != 0 && p->tuple.src[3] == core->node->address4;
    return same_address(p->tuple.src, core->node->address6);
}

static always_inline u8 steer_vip(const struct core *core, const struct vip *vip, struct packet *p)
{
    p->vip = vip->index;
    p->tenant = vip->tenant;
    return is_own_source(core, p) ? VERDICT_LOOP : steer_flow(core, vip, p);
}

/* What the exact index does not know: other ports, other protocols, faults, and all that is not ours. */
static always_inline u8 steer_other(const struct core *core, struct packet *p)
{
    const struct address *a = address_of(core, p->tuple.dst);
    if (!a)
        return VERDICT_PASS;
    if (p->fault && p->fault != VERDICT_FRAGMENT_UNMATCHED && p->fault != VERDICT_ICMP_OTHER)
        return p->fault;
    if ((p->fault || p->kind == KIND_ICMP) && is_own_source(core, p))
        return VERDICT_LOOP;
    if (p->fault) /* fragments: look-up comes after TTL */
        return p->kind == KIND_FLOW && p->ttl <= 1 ? VERDICT_TTL_EXPIRED : p->fault;
    if (p->kind == KIND_ICMP)
        return steer_icmp(core, p);
    const struct vip *vip = vip_by_range(core, a, &p->tuple);
    return vip ? steer_vip(core, vip, p) : VERDICT_NO_VIP_PORT;
}

/* Step two: whose it is, where it goes. */
static always_inline void core_steer(const struct core *core, struct packet *p)
{
    if (p->kind == KIND_FOREIGN)
        return;
    const struct vip *vip = p->kind == KIND_FLOW && !p->fault ? vip_exact(core, p) : NULL_PTR;
    p->verdict = vip ? steer_vip(core, vip, p) : steer_other(core, p);
}

/* A burst's share of the worker's counters, kept in registers until its end. */
struct tally {
    u64 packets, bytes, forwarded;
};

/* Bytes and the forward verdict lie in the first line of a VIP's counters, so that a forwarded packet touches no other. */
static always_inline void count_vip(const struct core *core, const struct packet *p)
{
    u32 first = vip_counters_of(core, p->vip);
    u64 *words = counter(core, first, 0);
    if (!words)
        return;
    words[WORD_OF(vip_counters, bytes_in)] += p->in_len;
    words[WORD_OF(vip_counters, bytes_out)] += p->out_len;
    if (p->verdict == VERDICT_FORWARD)
        words[WORD_OF(vip_counters, verdict) + VERDICT_FORWARD]++;
    else
        count(core, first, WORD_OF(vip_counters, verdict) + p->verdict, 1);
}

/* Step three: wrap what is forwarded, count everything. */
static always_inline void core_finish(const struct core *core, struct packet *p, struct tally *tally)
{
    u32 bytes = p->in_len;
    if (p->verdict == VERDICT_FORWARD) {
        const struct backend *b = backend_at(core, p->backend);
        if (!b)
            p->verdict = VERDICT_NO_BACKEND;
        else if ((u32)p->l3_len + OUTER_IPV4_BYTES > b->mtu && b->mtu != 0) /* 0: not known, as there is no next hop */
            p->verdict = VERDICT_OVERSIZE;
        else if (!(b->flags & BACKEND_RESOLVED))
            p->verdict = VERDICT_NO_NEXT_HOP;
        else {
            p->device = b->device;
            if (!encapsulate(p, b))
                p->verdict = VERDICT_TX_FULL;
        }
    }
    tally->packets++;
    tally->bytes += bytes;
    tally->forwarded += p->verdict == VERDICT_FORWARD;
    if (p->verdict != VERDICT_FORWARD)
        count(core, core->counter_first, WORD_OF(worker_counters, verdict) + p->verdict, 1);
    if (p->vip)
        count_vip(core, p);
    if (p->verdict == VERDICT_FORWARD) {
        struct backend_counters *c = (void *)at(core, TABLE_COUNTERS, core->backend_counters + p->backend);
        if (c) {
            c->packets++;
            c->bytes_in += bytes;
            c->bytes_out += p->out_len;
        }
    } else {
        p->flow = FLOW_NONE;
        p->backend = 0;
    }
}

/* After the last packet of a burst. */
static always_inline void core_end(const struct core *core, const struct tally *tally)
{
    COUNT_WORKER(core, rx_packets, tally->packets);
    COUNT_WORKER(core, rx_bytes, tally->bytes);
    count(core, core->counter_first, WORD_OF(worker_counters, verdict) + VERDICT_FORWARD, tally->forwarded);
}
