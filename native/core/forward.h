/* The walk of one packet, in three steps that an engine may run packet by packet or each over a whole burst, so that the
 * lines of all packets are on their way from memory before the first is needed (docs/packet-path.md).
 *
 * Guarantees: every packet gets exactly one verdict and is counted once; what is not for a VIP is left as it came. */
#pragma once
#include "answer.h"
#include "fragment.h"
#include "path.h"
#include "pieces.h"

/* Nothing is known of the packet's fate yet. */
static always_inline void packet_begin(struct packet *p)
{
    p->verdict = VERDICT_PASS;
    p->flow = FLOW_NONE;
    p->device = 0;
    p->vip = p->tenant = p->backend = 0;
    p->out_len = 0;
    p->piece = 0;
    p->is_error = p->entropy = p->is_handed_over = 0;
    p->in_len = (u32)(p->end - p->data);
}

/* Step one: take apart, hash. */
static always_inline void core_parse(const struct core *core, struct packet *p)
{
    packet_begin(p);
    parse_packet(p);
    if (p->kind == KIND_FLOW && !p->fault)
        locate_flow(core, p);
}

/* From this node, or from its entropy prefix. */
static always_inline bool is_own_source(const struct core *core, const struct packet *p)
{
    return is_outer_source(core, p->tuple.src, p->is_v4);
}

/* Whose the packet is from here on. */
static always_inline void belong(struct packet *p, const struct vip *vip)
{
    p->vip = vip->index;
    p->tenant = vip->tenant;
    p->encap = vip->encap;
    p->entropy = vip->flags & VIP_ENTROPY;
}

static always_inline u8 steer_vip(const struct core *core, const struct vip *vip, struct packet *p)
{
    belong(p, vip);
    if (is_own_source(core, p))
        return VERDICT_LOOP;
    u8 verdict = steer_flow(core, vip, p);
    if (unlikely(p->fragment == FRAGMENT_FIRST) && verdict == VERDICT_FORWARD) {
        const struct backend *b = backend_at(core, p->backend);
        if (b)
            fragment_record(core, p, b);
    }
    return verdict;
}

/* A later fragment follows the first; without a record only the source address can tell where that went. */
static slow_path u8 steer_later_fragment(const struct core *core, u32 speaker, struct packet *p)
{
    p->hash = fragment_hash(core, p); /* without ports, it is what spreads the outer source */
    u64 record = fragment_find(core, &p->hash);
    if (record) {
        u32 index = (u32)(record >> FRAGMENT_BACKEND_SHIFT) & 0xffff, vip_index = (u32)(record >> FRAGMENT_VIP_SHIFT);
        const struct vip *vip = vip_index < core->header->vips ? vip_at(core, vip_index) : NULL_PTR;
        const struct backend *b = index < core->header->backends ? backend_at(core, index) : NULL_PTR;
        if (vip && vip->index == vip_index && b && b->flags & BACKEND_KEEPS && b->generation == (u8)(record >> FRAGMENT_GENERATION_SHIFT)) {
            belong(p, vip);
            if (p->ttl <= 1)
                return VERDICT_TTL_EXPIRED;
            if (vip->flags & VIP_DENIED)
                return VERDICT_DENIED;
            p->backend = index;
            p->flow = FLOW_KNOWN;
            return VERDICT_FORWARD;
        }
    }
    if (p->ttl <= 1)
        return VERDICT_TTL_EXPIRED;
    const struct vip *vip = vip_or_none(core, speaker);
    if (!vip)
        return VERDICT_FRAGMENT_UNMATCHED;
    belong(p, vip);
    if (vip->flags & VIP_DENIED)
        return VERDICT_DENIED;
    p->backend = table_choice(core, vip->pool, packet_slot_hash(core, vip, p));
    return p->backend ? VERDICT_FORWARD : VERDICT_NO_BACKEND;
}

/* A whole ICMP message: to a VIP, or perhaps about one of our outer packets. */
static slow_path u8 steer_icmp(const struct core *core, struct packet *p)
{
    if (!destination_of(core, &p->tuple, false).is_ours) {
        learn_path(core, p);
        return VERDICT_PASS;
    }
    u8 *icmp = l4_of(p);
    if (icmp + ICMP_BYTES > p->end)
        return VERDICT_MALFORMED;
    if (!p->is_v4 && is_link_message(icmp[0]))
        return VERDICT_PASS;
    if (is_own_source(core, p))
        return VERDICT_LOOP;
    if (is_icmp_error(p, icmp[0]))
        return steer_icmp_error(core, p, icmp);
    if (icmp[0] == (p->is_v4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST) && icmp[1] == 0)
        return answer_echo(core, p, icmp);
    return VERDICT_ICMP_OTHER;
}

/* What the exact index does not know: other ports, other protocols, faults, and all that is not ours. */
static slow_path u8 steer_other(const struct core *core, struct packet *p)
{
    struct destination d = destination_of(core, &p->tuple, p->kind == KIND_FLOW && !p->fault);
    if (!d.is_ours)
        return VERDICT_PASS;
    bool is_later = p->fault == VERDICT_FRAGMENT_UNMATCHED;
    if (p->fault && !is_later && p->fault != VERDICT_ICMP_OTHER)
        return p->fault;
    if (p->fault && is_own_source(core, p))
        return VERDICT_LOOP;
    if (p->fault)
        return is_later ? steer_later_fragment(core, d.speaker, p) : p->fault;
    const struct vip *vip = vip_or_none(core, d.vip);
    return vip ? steer_vip(core, vip, p) : VERDICT_NO_VIP_PORT;
}

enum steer { STEER_DONE, STEER_ICMP, STEER_OTHER };

/* Step two: whose it is, where it goes. The common case first; in BPF the others have programs of their own. */
static always_inline enum steer core_steer_exact(const struct core *core, struct packet *p)
{
    if (p->kind == KIND_FOREIGN)
        return STEER_DONE;
    if (unlikely(p->kind != KIND_FLOW || p->fault))
        return p->kind == KIND_ICMP && !p->fault ? STEER_ICMP : STEER_OTHER;
    const struct vip *vip = vip_exact(core, p);
    if (!vip)
        return STEER_OTHER;
    p->verdict = steer_vip(core, vip, p);
    return STEER_DONE;
}

static always_inline void core_steer(const struct core *core, struct packet *p)
{
    enum steer rest = core_steer_exact(core, p);
    if (rest != STEER_DONE)
        p->verdict = rest == STEER_ICMP ? steer_icmp(core, p) : steer_other(core, p);
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

static always_inline bool may_fragment(const struct packet *p)
{
    const u8 *ip = l3_of(p);
    return p->is_v4 && ip + IPV4_BYTES <= p->end && !(be16(load16(ip + IPV4_FRAGMENT)) & IPV4_DF);
}

/* The packet is larger than `mtu` leaves beside the outer header: it leaves in pieces, or its sender is told. */
static slow_path u8 forward_oversize(const struct core *core, struct packet *p, u32 mtu, u32 overhead)
{
    u32 inner_mtu = mtu > overhead ? mtu - overhead : 0;
    if (!may_fragment(p))
        return answer_too_big(core, p, inner_mtu);
    p->piece = (u16)piece_payload(p, inner_mtu);
    if (p->piece == 0)
        return VERDICT_OVERSIZE;
    decrement_ttl(p->data + p->l3, true);
    p->out_len = pieces_bytes(p, overhead);
    return VERDICT_FORWARD;
}

/* What the platform can't do itself goes to the one in user space as it came, uncounted here. */
static always_inline u8 hand_over(struct packet *p)
{
    p->is_handed_over = 1;
    return VERDICT_PASS;
}

static always_inline u8 forward_to(const struct core *core, struct packet *p, const struct backend *b)
{
    u32 overhead = encap_overhead(b, p->encap), needed = p->l3_len + overhead;
    u32 mtu = needed > PATH_MTU_FLOOR ? path_mtu(core, b, p->backend) : b->mtu;
    p->device = b->device;
    if (unlikely(needed > mtu && b->mtu != 0)) { /* 0: not known, as there is no next hop */
        if (may_fragment(p) && !(b->flags & BACKEND_RESOLVED))
            return VERDICT_NO_NEXT_HOP;
        if (CORE_HANDS_OVER)
            return hand_over(p);
        return forward_oversize(core, p, mtu, overhead);
    }
    if (!(b->flags & BACKEND_RESOLVED))
        return VERDICT_NO_NEXT_HOP;
    return encapsulate(core, p, b, overhead) ? VERDICT_FORWARD : VERDICT_TX_FULL;
}

/* Step three: wrap what is forwarded, answer what is due an answer, count everything. */
static always_inline void core_finish(const struct core *core, struct packet *p, struct tally *tally)
{
    u32 bytes = p->in_len;
    if (p->verdict == VERDICT_FORWARD) {
        const struct backend *b = backend_at(core, p->backend);
        p->verdict = b ? forward_to(core, p, b) : VERDICT_NO_BACKEND;
    } else if (unlikely(p->verdict == VERDICT_TTL_EXPIRED)) {
        p->verdict = CORE_HANDS_OVER ? hand_over(p) : answer_time_exceeded(core, p);
    }
    if (CORE_HANDS_OVER && p->is_handed_over)
        return;
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
