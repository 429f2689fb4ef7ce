#include "overload.h"
#include "../core/forward.h"
#include <stdlib.h>
#include <string.h>

#define WHOLE 0xffffffffu
#define OPENING_KEPT 16       /* one new connection of so many is let through whatever happens */
#define CUT 8                 /* the budget loses an eighth when the ring overflows, */
#define GROWTH 32             /* and grows by a thirty-second while the worker has time left */
#define LOSING 128            /* it overflows: more than one packet of so many was lost */
#define FLOOR 8               /* at an eighth of what it managed, a worker has little left to win by shedding more */

bool overload_open(struct overload *o, u32 tenants)
{
    memset(o, 0, sizeof *o);
    o->tenants = calloc(tenants, sizeof *o->tenants); /* pages come with the first write */
    o->active = calloc(tenants, sizeof *o->active);
    o->tenant_count = tenants;
    if (o->tenants && o->active)
        return true;
    overload_close(o);
    return false;
}

void overload_close(struct overload *o)
{
    free(o->tenants);
    free(o->active);
    memset(o, 0, sizeof *o);
}

/* ---- The decision ---- */

static u64 sent_by(const struct tenant_load *t)
{
    return (u64)t->rest + t->opening;
}

u64 fair_level(const struct tenant_load *tenants, const u32 *active, u32 count, u64 budget)
{
    u64 low = 0, high = 0, total = 0;
    for (u32 i = 0; i < count; i++) {
        u64 sent = sent_by(&tenants[active[i]]);
        total += sent;
        high = sent > high ? sent : high;
    }
    if (total <= budget)
        return ~0ull;
    while (low + 1 < high) { /* the sum at `low` is within the budget, at `high` above */
        u64 level = (low + high) / 2, sum = 0;
        for (u32 i = 0; i < count; i++) {
            u64 sent = sent_by(&tenants[active[i]]);
            sum += sent < level ? sent : level;
        }
        if (sum <= budget)
            low = level;
        else
            high = level;
    }
    return low;
}

static bool loses(const struct tenant_load *t)
{
    return t->drop_rest || t->drop_opening;
}

static u32 share_of(u64 part, u64 whole)
{
    u64 share = whole ? (part << 32) / whole : 0;
    return share < WHOLE ? (u32)share : WHOLE;
}

/* Takes what `t` has sent above `level` off its new connections first, then off all of its flows. */
static void set_share(struct tenant_load *t, u64 level)
{
    u64 sent = sent_by(t), above = sent > level ? sent - level : 0, opening = t->opening - t->opening / OPENING_KEPT;
    u64 from_opening = above < opening ? above : opening;
    t->drop_opening = share_of(from_opening, t->opening);
    t->drop_rest = share_of(above - from_opening, t->rest);
}

static bool is_losing(const struct overload_look *seen)
{
    return seen->lost > seen->received / LOSING;
}

/* The part of the budget for the packets that were seen: the ring lost of everybody alike, so those stand for more. */
static u64 budget_of_seen(const struct overload *o, const struct overload_look *seen)
{
    u64 came = seen->received + seen->lost;
    return came ? (u64)((double)o->budget * (double)seen->received / (double)came) : 0;
}

/* Shares for the time until the next look, from what was sent until this one. Who loses nothing is forgotten. */
static void set_shares(struct overload *o, u64 budget)
{
    u64 level = fair_level(o->tenants, o->active, o->active_count, budget);
    u32 kept = 0;
    for (u32 i = 0; i < o->active_count; i++) {
        struct tenant_load *t = &o->tenants[o->active[i]];
        set_share(t, level);
        t->rest = t->opening = 0;
        if (loses(t))
            o->active[kept++] = o->active[i];
    }
    o->active_count = kept;
}

static u64 sent_by_all(const struct overload *o)
{
    u64 sent = 0;
    for (u32 i = 0; i < o->active_count; i++)
        sent += sent_by(&o->tenants[o->active[i]]);
    return sent;
}

static void end(struct overload *o)
{
    for (u32 i = 0; i < o->active_count; i++)
        memset(&o->tenants[o->active[i]], 0, sizeof *o->tenants);
    o->active_count = 0;
    o->is_on = o->is_measured = false;
    o->losing = o->quiet = 0;
}

static void begin(struct overload *o, const struct overload_look *seen)
{
    o->is_on = true;
    o->quiet = 0;
    o->budget = seen->received - seen->received / CUT;
    o->floor = seen->received / FLOOR + 1;
}

/* The budget follows what the worker turns out to manage. */
static void follow(struct overload *o, const struct overload_look *seen)
{
    if (is_losing(seen))
        o->budget -= o->budget / CUT;
    else if (!seen->is_busy)
        o->budget += o->budget / GROWTH + 1;
    if (o->budget < o->floor)
        o->budget = o->floor;
}

void overload_look(struct overload *o, const struct overload_look *seen)
{
    if (!o->tenants)
        return;
    if (seen->is_alone) {
        end(o);
        return;
    }
    if (!o->is_on) {
        o->losing = is_losing(seen) ? o->losing + 1 : 0;
        if (o->losing >= OVERLOAD_LOSING_LOOKS)
            begin(o, seen); /* the shares are not known before the next look */
        return;
    }
    if (o->is_measured)
        follow(o, seen);
    u64 budget = budget_of_seen(o, seen);
    o->quiet = is_losing(seen) || sent_by_all(o) > budget ? 0 : o->quiet + 1;
    o->is_measured = true;
    if (o->quiet >= OVERLOAD_QUIET_LOOKS)
        end(o);
    else
        set_shares(o, budget);
}

/* ---- The packets ---- */

/* Whose a packet is, as far as its destination tells; 0: nobody's, or no packet of a flow, which is never shed. */
static const struct vip *owner_of(const struct core *core, struct packet *p)
{
    parse_packet(p);
    if (p->kind != KIND_FLOW || p->fault)
        return NULL_PTR;
    p->destination_hash = hash_destination(p->tuple.dst, destination_key(&p->tuple));
    const struct vip *vip = vip_exact(core, p);
    return vip ? vip : vip_or_none(core, destination_of(core, &p->tuple, true).vip);
}

/* A number that is a flow's own, independent of its slot. A new connection's changes every second, so that a retransmitted SYN
 * has another chance. */
static u32 lot_of(const struct core *core, const struct packet *p, bool is_opening)
{
    u64 fp = hash_tuple(core->key, core->mix, &p->tuple, p->is_v4).fp;
    if (is_opening)
        fp ^= (u64)core->now_sec << 32;
    return (u32)((fp ^ fp >> 29) * 0xd6e8feb86659fd93ull >> 32);
}

static void count_shed(const struct core *core, struct packet *p, const struct vip *vip)
{
    u32 words = vip_counters_of(core, vip->index);
    packet_begin(p);
    belong(p, vip);
    p->verdict = VERDICT_OVERLOAD;
    COUNT_WORKER(core, rx_packets, 1);
    COUNT_WORKER(core, rx_bytes, p->in_len);
    count(core, core->counter_first, WORD_OF(worker_counters, verdict) + VERDICT_OVERLOAD, 1);
    count(core, words, WORD_OF(vip_counters, bytes_in), p->in_len);
    count(core, words, WORD_OF(vip_counters, verdict) + VERDICT_OVERLOAD, 1);
}

/* Counts the packet for its tenant's share; the VIP it was for, if it is shed. */
static const struct vip *sheds(struct overload *o, const struct core *core, const struct packet *p)
{
    struct packet q = {.data = p->data, .end = p->end}; /* the core has to find the packet as it came */
    const struct vip *vip = owner_of(core, &q);
    if (!vip || vip->tenant >= o->tenant_count)
        return NULL_PTR;
    struct tenant_load *t = &o->tenants[vip->tenant];
    bool is_opening = q.tuple.protocol == PROTOCOL_TCP && is_first_syn(&q);
    if (sent_by(t) == 0 && !loses(t))
        o->active[o->active_count++] = vip->tenant;
    t->rest += !is_opening;
    t->opening += is_opening;
    u32 share = is_opening ? t->drop_opening : t->drop_rest;
    return share && lot_of(core, &q, is_opening) < share ? vip : NULL_PTR;
}

/* What an engine has said of a packet; the rest is the core's to fill in. */
static void place(struct packet *to, const struct packet *from)
{
    to->data = from->data;
    to->end = from->end;
    to->engine = from->engine;
}

u32 overload_shed(struct overload *o, struct worker *w, struct packet *packets, u32 n, u64 *marks)
{
    const struct core *core = &w->core;
    struct packet shed[BURST_MAX];
    u64 kept_marks = 0, shed_marks = 0;
    u32 kept = 0, gone = 0;
    if (w->adopted == 0)
        return n;
    for (u32 i = 0; i < n; i++) {
        struct packet *p = &packets[i];
        const struct vip *vip = sheds(o, core, p);
        u64 mark = *marks >> i & 1;
        if (vip) {
            count_shed(core, p, vip);
            shed_marks |= mark << gone;
            shed[gone++] = *p;
        } else {
            kept_marks |= mark << kept;
            place(&packets[kept++], p);
        }
    }
    for (u32 i = 0; i < gone; i++)
        packets[kept + i] = shed[i];
    *marks = kept_marks | (kept < 64 ? shed_marks << kept : 0);
    return kept;
}
