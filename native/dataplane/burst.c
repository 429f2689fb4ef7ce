#include "engine.h"
#include "../core/express_forward.h"
#include "../core/express_steer.h"
#include "../core/record.h"
#include <string.h>

#define SWEEP_PERIOD_NS 60000000000ull /* a whole table is looked at once a minute */
#define SWEEP_LINES_MAX 256            /* in one go, about 5 us; what more is due follows with the next bursts, or at once when idle */

/* Takes over the snapshot in force. Word 0 of the counters is what the loader waits for before it writes the other side. */
static void adopt(struct worker *w)
{
    u32 generation = atomic_load_explicit(&w->engine->generation, memory_order_acquire);
    if (likely(generation == w->adopted))
        return;
    w->core.table[TABLE_SNAPSHOT] = w->engine->snapshot[generation & 1];
    w->adopted = generation;
    memset(&w->recent_vips, 0, sizeof w->recent_vips);
    u64 *word = counter(&w->core, w->core.counter_first, WORD_OF(worker_counters, generation));
    __atomic_store_n(word, generation, __ATOMIC_RELEASE);
}

/* How many of `count` lines are due by now, at most what fits one go. `done_ns` moves on by the time those stand for, so that neither
 * a rest of less than a line nor what was too much for one go is forgotten. `more`: more is due. */
static u32 due_lines(struct sweep *s, u64 count, u64 now_ns, bool *more)
{
    if (now_ns - s->done_ns > SWEEP_PERIOD_NS)
        s->done_ns = now_ns - SWEEP_PERIOD_NS; /* once round is enough */
    u64 due = (now_ns - s->done_ns) * count / SWEEP_PERIOD_NS;
    u64 lines = due < SWEEP_LINES_MAX ? due : SWEEP_LINES_MAX;
    s->done_ns += lines * SWEEP_PERIOD_NS / count;
    *more |= due > lines;
    return (u32)lines;
}

/* Looks at what is due of the worker's flows, and the first worker at the node's fragments. Whether more is due. */
static bool sweep(struct worker *w, u64 now_ns)
{
    bool more = false;
    u32 lines = due_lines(&w->flows, (u64)w->core.flow_mask + 1, now_ns, &more);
    if (lines)
        flow_sweep(&w->core, w->flows.at, lines);
    w->flows.at += lines;
    if (w->number != 0)
        return more;
    lines = due_lines(&w->fragments, FRAGMENT_LINES, now_ns, &more);
    if (lines)
        fragment_sweep(&w->core, w->fragments.at, lines);
    w->fragments.at += lines;
    return more;
}

static void pass_all(struct worker *w, struct packet *packets, u32 n)
{
    struct core *core = &w->core;
    for (u32 i = 0; i < n; i++) {
        packets[i].verdict = VERDICT_PASS;
        packets[i].flow = FLOW_NONE;
        packets[i].vip = packets[i].tenant = packets[i].backend = 0;
        packets[i].out_len = 0;
        COUNT_WORKER(core, rx_bytes, (u64)(packets[i].end - packets[i].data));
    }
    COUNT_WORKER(core, rx_packets, n);
    u64 *verdicts = counter(core, core->counter_first, WORD_OF(worker_counters, verdict));
    verdicts[VERDICT_PASS] += n;
}

/* Step one of a packet that does not go express: the lines that deciding will read are on their way. */
static __attribute__((noinline)) void parse_whole(const struct core *core, struct packet *p)
{
    core_parse(core, p);
    if (p->kind != KIND_FLOW || p->fault)
        return;
    __builtin_prefetch(flow_bucket(core, p, 0), 1);
    __builtin_prefetch(flow_bucket(core, p, 1), 1);
    __builtin_prefetch(at(core, TABLE_SNAPSHOT, core->sections->vip_index + (p->destination_hash & core->sections->vip_index_mask)));
}

/* Steps two and three of it. */
static __attribute__((noinline)) void walk_whole(const struct core *core, struct packet *p, struct tally *tally)
{
    core_steer(core, p);
    core_finish(core, p, tally);
}

/* What remains to be done with a packet that went express in step one and can't in step three. */
static __attribute__((noinline)) void leave_express(const struct core *core, struct packet *p, enum express_fate fate, struct tally *tally)
{
    if (fate == EXPRESS_DECIDED) {
        parse_packet(p);
        core_finish(core, p, tally);
    } else {
        core_parse(core, p);
        walk_whole(core, p, tally);
    }
}

/* Some packets of a burst that go through each step together. */
struct stride {
    struct packet *packets;
    u32 count;
    bool is_plain; /* all are express IPv4, and none has a source of ours */
    bool is_whole; /* all flows were found in their first bucket */
    struct express express;
};

/* The steps that only read, and send for what the others will read. */
static always_inline void stride_begin(const struct core *core, const struct express_view *view, struct stride *s, struct packet *packets, u32 n)
{
    struct express *x = &s->express;
    s->packets = packets;
    s->count = n;
    s->is_plain = true;
    __builtin_memset(x->kind, EXPRESS_IPV4, sizeof x->kind);
    for (u32 i = 0; i < n; i++) {
        if (likely(express_parse_ipv4(x, i, &packets[i])))
            continue;
        s->is_plain = false;
        x->kind[i] = express_parse_ipv6(x, i, &packets[i]) ? EXPRESS_IPV6 : EXPRESS_NO;
        if (x->kind[i] == EXPRESS_NO)
            parse_whole(core, &packets[i]);
    }
    bool is_ipv4 = s->is_plain;
    if (unlikely(!is_ipv4)) {
        const u8 *ipv6[LANES] = {NULL};
        for (u32 i = 0; i < n; i++)
            if (x->kind[i] == EXPRESS_IPV6)
                ipv6[i] = packets[i].data + ETH_BYTES;
        lanes_high(&x->lanes, &view->lanes, ipv6);
    }
    s->is_plain &= !lanes_hash(&x->lanes, &view->lanes, is_ipv4);
    for (u32 i = 0; i < n; i++)
        if (likely(x->kind[i] == EXPRESS_IPV4))
            express_locate_ipv4(view, x, i);
        else if (x->kind[i] == EXPRESS_IPV6)
            express_locate_ipv6(view, x, i, &packets[i]);
}

static always_inline void stride_finish_as(const struct core *core, struct express_view *view, struct stride *s, struct tally *tally, bool is_plain)
{
    struct express *x = &s->express;
    struct packet *packets = s->packets;
    u32 n = s->count;
    bool is_all = is_plain; /* forwarded express */
    if (!s->is_whole)
        lanes_match_second(&x->lanes, &view->lanes);
    for (u32 i = 0; i < n; i++) {
        struct packet *p = &packets[i];
        if (!is_plain && x->kind[i] == EXPRESS_NO) {
            walk_whole(core, p, tally);
            continue;
        }
        enum express_fate fate = is_plain || x->kind[i] == EXPRESS_IPV4 ? express_steer(core, view, x, i, p, true, is_plain)
                                                                        : express_steer(core, view, x, i, p, false, false);
        if (unlikely(fate != EXPRESS_FORWARD)) {
            leave_express(core, p, fate, tally);
            x->kind[i] = EXPRESS_NO;
            is_all = false;
        }
    }
    for (u32 i = 0; i < n; i++)
        if (likely(is_all) || x->kind[i] == EXPRESS_IPV4)
            express_forward(view, x, i, &packets[i], true);
        else if (x->kind[i] == EXPRESS_IPV6)
            express_forward(view, x, i, &packets[i], false);
}

static __attribute__((noinline)) void stride_finish_any(const struct core *core, struct express_view *view, struct stride *s, struct tally *tally)
{
    stride_finish_as(core, view, s, tally, false);
}

static always_inline void stride_finish(const struct core *core, struct express_view *view, struct stride *s, struct tally *tally)
{
    if (likely(s->is_plain))
        stride_finish_as(core, view, s, tally, true);
    else
        stride_finish_any(core, view, s, tally);
}

static always_inline u32 stride_size(u32 left)
{
    return left < LANES ? left : LANES;
}

static always_inline void stride_look(const struct express_view *view, struct stride *s)
{
    s->is_whole = lanes_match_first(&s->express.lanes, &view->lanes);
}

/* Three strides are under way at a time, each a step behind the one after it, so that memory has its time: the first bucket's line
 * comes while others are finished, and so does the second's where it takes that. */
static always_inline void walk(const struct core *core, struct express_view *view, struct packet *packets, u32 n, struct tally *tally)
{
    struct stride strides[3], *first = &strides[0], *second = &strides[1], *third = &strides[2];
    for (u32 i = 0; i < 3; i++) /* no source of ours, in lanes that no packet uses */
        memset(strides[i].express.lanes.addresses, 0xff, sizeof strides[i].express.lanes.addresses);
    if (n == 0)
        return;
    stride_begin(core, view, first, packets, stride_size(n));
    if (n > LANES)
        stride_begin(core, view, second, packets + LANES, stride_size(n - LANES));
    stride_look(view, first);
    for (u32 done = 0; done < n; done += LANES) {
        u32 left = n - done;
        if (left > 2 * LANES)
            stride_begin(core, view, third, packets + done + 2 * LANES, stride_size(left - 2 * LANES));
        if (left > LANES)
            stride_look(view, second);
        stride_finish(core, view, first, tally);
        struct stride *finished = first;
        first = second;
        second = third;
        third = finished;
    }
}

void worker_burst(struct worker *w, struct packet *packets, u32 n, u64 now_ns)
{
    struct core *core = &w->core;
    adopt(w);
    COUNT_WORKER(core, bursts, 1);
    if (unlikely(w->adopted == 0)) {
        pass_all(w, packets, n);
        return;
    }
    core_begin(core, now_ns);
    struct tally tally = {0, 0, 0};
    struct express_view view = express_begin(core, &w->recent_vips);
    for (u32 i = 0; i < n; i++)
        __builtin_prefetch(packets[i].data);
    walk(core, &view, packets, n, &tally);
    tally.bytes += view.bytes;
    tally.forwarded += n - tally.packets;
    tally.packets = n;
    core_end(core, &tally);
    if (unlikely(w->engine->records != NULL))
        record_burst(core, packets, n, w->recorded++);
    sweep(w, now_ns);
}

bool worker_idle(struct worker *w, u64 now_ns)
{
    adopt(w);
    if (w->adopted == 0)
        return false;
    core_begin(&w->core, now_ns);
    return sweep(w, now_ns);
}
