#include "runner.h"
#include "../core/forward.h"

#define PIECE_HEADERS_MAX 128

/* The core counts before anything is sent. Where a packet then does not leave, its counts move to what became of it, so that
 * rx stays the sum of all verdicts. */
static void recount(const struct core *core, struct packet *p, u32 rx_bytes, u8 verdict)
{
    u32 words = core->counter_first;
    count(core, words, WORD_OF(worker_counters, verdict) + p->verdict, -1ull);
    count(core, words, WORD_OF(worker_counters, verdict) + verdict, 1);
    if (p->vip) {
        u32 vip = vip_counters_of(core, p->vip);
        count(core, vip, WORD_OF(vip_counters, verdict) + p->verdict, -1ull);
        count(core, vip, WORD_OF(vip_counters, verdict) + verdict, 1);
        count(core, vip, WORD_OF(vip_counters, bytes_out), -(u64)p->out_len);
    }
    if (p->verdict == VERDICT_FORWARD) {
        u32 backend = core->backend_counters + p->backend;
        count(core, backend, WORD_OF(backend_counters, packets), -1ull);
        count(core, backend, WORD_OF(backend_counters, bytes_in), -(u64)rx_bytes);
        count(core, backend, WORD_OF(backend_counters, bytes_out), -(u64)p->out_len);
    }
    p->verdict = verdict;
    p->out_len = 0;
}

static bool leaves(const struct packet *p)
{
    return p->verdict == VERDICT_FORWARD || p->verdict == VERDICT_ECHO || p->verdict == VERDICT_TOO_BIG || p->verdict == VERDICT_TIME_EXCEEDED;
}

/* Sends what leaves by device `d`. `from` is where the burst came from, and where answers go. The number behind the last
 * device stands for all that are not there. */
static void send_by(struct runner *r, u32 d, u32 from, u32 received)
{
    const struct core *core = &r->worker->core;
    struct packet *out[BURST_MAX];
    u32 n = 0;
    u64 bytes = 0;
    for (u32 i = 0; i < received; i++) {
        struct packet *p = &r->packets[i];
        u32 to = p->verdict == VERDICT_FORWARD ? p->device : from;
        if (leaves(p) && !p->piece && (to < r->all->devices ? to : r->all->devices) == d)
            out[n++] = p;
    }
    if (n == 0)
        return;
    struct queue *queue = d < r->all->devices ? r->queue[d] : NULL;
    u64 unsent = queue ? queue->ops->tx(queue, out, n) : ~0ull;
    u32 sent = 0;
    for (u32 i = 0; i < n; i++) {
        if (unsent >> i & 1) {
            recount(core, out[i], r->rx_bytes[out[i] - r->packets], VERDICT_TX_FULL);
            continue;
        }
        sent++;
        bytes += out[i]->out_len;
    }
    COUNT_WORKER(core, tx_packets, sent);
    COUNT_WORKER(core, tx_bytes, bytes);
    COUNT_WORKER(core, tx_errors, n - sent);
}

/* Sends the pieces of an inner packet that was cut (core/pieces.h), a burst at a time. What a full device refuses is lost, and
 * is counted as an error of sending: the packet itself was forwarded in part. */
static void send_pieces(struct runner *r, const struct packet *p)
{
    const struct core *core = &r->worker->core;
    const struct backend *b = backend_at(core, p->backend);
    struct queue *queue = p->device < r->all->devices ? r->queue[p->device] : NULL;
    struct packet pieces[PIECES_AT_ONCE], *out[PIECES_AT_ONCE];
    u32 total = piece_count(p);
    if (p->piece > PIECE_FRAME_BYTES - PIECE_HEADERS_MAX) {
        COUNT_WORKER(core, tx_errors, total);
        return;
    }
    for (u32 done = 0, n; done < total; done += n) {
        n = total - done < PIECES_AT_ONCE ? total - done : PIECES_AT_ONCE;
        u64 bytes = 0;
        for (u32 i = 0; i < n; i++) {
            u8 *frame = r->pieces[i];
            pieces[i] = (struct packet){.data = frame, .out_len = write_piece(core, p, b, done + i, frame)};
            pieces[i].end = frame + pieces[i].out_len;
            out[i] = &pieces[i];
            bytes += pieces[i].out_len;
        }
        u64 unsent = queue ? queue->ops->tx(queue, out, n) : ~0ull >> (64 - n);
        u32 lost = (u32)__builtin_popcountll(unsent);
        COUNT_WORKER(core, tx_packets, n - lost);
        COUNT_WORKER(core, tx_bytes, bytes);
        COUNT_WORKER(core, tx_errors, lost);
    }
}

/* A super-frame can't leave as one packet, whatever its length (docs/packet-path.md, "MTU"). */
static void refuse_oversize(struct runner *r, u64 oversize)
{
    for (; oversize; oversize &= oversize - 1) {
        u32 i = (u32)__builtin_ctzll(oversize);
        struct packet *p = &r->packets[i];
        if (leaves(p) || p->verdict == VERDICT_MALFORMED)
            recount(&r->worker->core, p, r->rx_bytes[i], VERDICT_OVERSIZE);
    }
}

/* What the core passed is the kernel's. */
static void pass_on(struct runner *r, struct queue *queue, u32 received)
{
    struct packet *passed[BURST_MAX];
    u32 n = 0;
    for (u32 i = 0; i < received; i++)
        if (unlikely(r->packets[i].verdict == VERDICT_PASS))
            passed[n++] = &r->packets[i];
    if (n)
        queue->ops->pass(queue, passed, n);
}

u32 run_burst(struct runner *r, u32 from, u64 *now)
{
    struct queue *queue = r->queue[from];
    u64 oversize, start = *now;
    u32 n = queue->ops->rx(queue, r->packets, BURST_MAX, &oversize);
    if (n == 0)
        return 0;
    r->gap_ns = start - r->received_ns;
    u32 kept = unlikely(r->overload.is_on) ? overload_shed(&r->overload, r->worker, r->packets, n, &oversize) : n;
    for (u32 i = 0; i < n; i++)
        r->rx_bytes[i] = (u32)(r->packets[i].end - r->packets[i].data);
    struct capture_tap *tap = capture_begin(&r->all->engine->capture, r->worker->number, r->packets, n, from);
    worker_burst(r->worker, r->packets, kept, start);
    refuse_oversize(r, oversize);
    if (unlikely(tap != NULL))
        capture_stage(tap, &r->worker->core, r->packets, n);
    for (u32 d = 0; d <= r->all->devices; d++)
        send_by(r, d, from, n);
    for (u32 i = 0; i < n; i++)
        if (r->packets[i].verdict == VERDICT_FORWARD && r->packets[i].piece)
            send_pieces(r, &r->packets[i]);
    if (queue->ops->pass)
        pass_on(r, queue, n);
    if (unlikely(tap != NULL))
        capture_commit(tap, &r->worker->core, r->packets, n);
    *now = r->received_ns = now_ns();
    COUNT_WORKER(&r->worker->core, busy_ns, *now - start);
    return n;
}
