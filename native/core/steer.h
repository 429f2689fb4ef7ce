/* The decision: which backend a packet goes to, and what becomes of its flow's entry. Steps 3 to 5 of the walk. */
#pragma once
#include "admit.h"
#include "flows.h"

static always_inline const struct backend *backend_at(const struct core *core, u32 index)
{
    return (const void *)at(core, TABLE_SNAPSHOT, core->sections->backend + index);
}

/* The entry's backend, if packets of the flow may still go there; else NULL. */
static always_inline const struct backend *flow_keeps(const struct core *core, const struct vip *vip, u64 meta)
{
    u32 index = flow_backend(meta);
    if (index >= core->header->backends)
        return NULL_PTR;
    const struct backend *b = backend_at(core, index);
    if (!b || b->generation != flow_generation(meta) || !(b->flags & BACKEND_KEEPS))
        return NULL_PTR;
    return b->pool == vip->pool || b->pool == vip->kept_pool ? b : NULL_PTR;
}

/* Everything that finding the VIP and the flow of `p->tuple` takes. */
static always_inline void locate_flow(const struct core *core, struct packet *p)
{
    p->hash = hash_tuple(core->key, core->mix, &p->tuple, p->is_v4);
    flow_locate(core, p);
    p->destination_hash = hash_destination(p->tuple.dst, destination_key(&p->tuple));
}

static always_inline bool is_first_syn(const struct packet *p)
{
    return (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/* A SYN starts over where the old connection must be gone: after FIN, or after a minute of silence. */
static always_inline bool syn_starts_over(const struct core *core, u64 meta)
{
    u32 state = flow_state(meta);
    return state == FLOW_FIN || (state == FLOW_ESTABLISHED && flow_idle_ms(core, meta) >= FLOW_IDLE_MS);
}

/* The state after one more packet of a known flow. */
static always_inline u32 next_state(const struct packet *p, u32 state)
{
    if (p->tuple.protocol == PROTOCOL_UDP)
        return FLOW_ESTABLISHED;
    if (p->tcp_flags & TCP_SYN)
        return state;
    return p->tcp_flags & TCP_FIN ? FLOW_FIN : state == FLOW_PROBATION ? FLOW_ESTABLISHED : state;
}

/* Slot hash of a packet: the fingerprint's, or that of a tuple that has only the field the VIP hashes by, so that a client
 * (or a port) keeps its backend over all VIPs and protocols of one pool. */
static always_inline u32 packet_slot_hash(const struct core *core, const struct vip *vip, const struct packet *p)
{
    if (likely(vip->hash_mode == HASH_5TUPLE))
        return hash_slot(core->mix, p->hash.fp);
    struct tuple part = {.protocol = 0};
    if (vip->hash_mode == HASH_SOURCE)
        __builtin_memcpy(part.src, p->tuple.src, sizeof part.src);
    else
        part.ports = p->tuple.ports & 0xffff0000u;
    return hash_slot(core->mix, hash_tuple(core->key, core->mix, &part, false).fp);
}

/* Chooses by the table and remembers the flow where there is room. `old` is its entry from before, if any. */
static always_inline u8 choose(const struct core *core, const struct vip *vip, struct packet *p, struct flow_place old,
                               struct flow_place room, bool evicted)
{
    u32 index = table_choice(core, vip->pool, packet_slot_hash(core, vip, p));
    const struct backend *b = index && index < core->header->backends ? backend_at(core, index) : NULL_PTR;
    if (!b)
        return VERDICT_NO_BACKEND;
    p->backend = index;
    if (p->tcp_flags & TCP_RST) /* never inserts, nor overwrites what is there */
        return VERDICT_FORWARD;
    struct flow_place place = old.meta ? old : room;
    u32 counters = vip_counters_of(core, p->vip);
    if (!place.meta) {
        p->flow = FLOW_UNTRACKED;
        COUNT_WORKER(core, untracked, 1);
        count(core, counters, WORD_OF(vip_counters, untracked), 1);
        return VERDICT_FORWARD;
    }
    if (flow_state(*place.meta) == FLOW_EMPTY)
        COUNT_WORKER(core, flows, 1);
    if (evicted) {
        COUNT_WORKER(core, evicted, 1);
        count(core, counters, WORD_OF(vip_counters, evicted), 1);
    }
    *place.fp = p->hash.fp;
    *place.meta = flow_meta(core->now_ms, FLOW_PROBATION, vip->profile, b, index);
    p->flow = FLOW_NEW;
    COUNT_WORKER(core, new_flows, 1);
    count(core, counters, WORD_OF(vip_counters, new_flows), 1);
    count(core, core->backend_counters + index, WORD_OF(backend_counters, new_flows), 1);
    return VERDICT_FORWARD;
}

static always_inline u8 steer_flow(const struct core *core, const struct vip *vip, struct packet *p)
{
    if (unlikely(p->ttl <= 1))
        return VERDICT_TTL_EXPIRED;
    if (unlikely(vip->flags & VIP_DENIED))
        return VERDICT_DENIED;
    const struct tenant *tenant = (const void *)at(core, TABLE_SNAPSHOT, core->sections->tenant + vip->tenant);
    if (!tenant)
        return VERDICT_NO_BACKEND;
    struct flow_place entry = flow_find(core, p);
    bool is_known = entry.meta != NULL_PTR;
    bool is_syn = p->tuple.protocol == PROTOCOL_TCP && is_first_syn(p);
    struct flow_place room = {NULL_PTR, NULL_PTR};
    bool evicted = false, is_placed = true;
    if (!is_known && !(p->tcp_flags & TCP_RST)) {
        room = flow_make_room(core, p, &evicted);
        is_placed = room.meta != NULL_PTR;
    }
    bool is_charged_udp = p->tuple.protocol == PROTOCOL_UDP && !is_known && is_placed && tenant->flags & TENANT_UDP;
    if ((is_syn || is_charged_udp) && !admit(core, tenant, vip->tenant))
        return VERDICT_CPS_LIMITED;

    if (is_known && !(is_syn && syn_starts_over(core, *entry.meta))) {
        u64 meta = *entry.meta;
        const struct backend *b = flow_keeps(core, vip, meta);
        if (likely(b != NULL_PTR)) {
            p->backend = flow_backend(meta);
            p->flow = FLOW_KNOWN;
            *entry.meta = flow_meta_again(meta, core->now_ms, next_state(p, flow_state(meta)), vip->profile);
            return VERDICT_FORWARD;
        }
        u8 verdict = choose(core, vip, p, entry, room, false);
        if (verdict == VERDICT_FORWARD) {
            COUNT_WORKER(core, resteered, 1);
            count(core, vip_counters_of(core, p->vip), WORD_OF(vip_counters, resteered), 1);
            count(core, core->backend_counters + p->backend, WORD_OF(backend_counters, resteered), 1);
        }
        return verdict;
    }
    return choose(core, vip, p, entry, room, evicted);
}
