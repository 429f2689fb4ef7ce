#define _GNU_SOURCE
#include "capture.h"
#include "../core/forward.h"
#include "engine.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define HEAD_BYTES 256u /* of each packet, kept before the core runs: all that it may change */
#define RING_BYTES (4u << 20)
#define SLOTS_MIN 64u
#define SLOTS_MAX 4096u
#define RATE_DEPTH_NS 100000000ull /* what may come at once after a pause: a tenth of a second's */
#define NS_PER_SEC 1000000000ull

_Static_assert(BURST_MAX <= 64, "a bit for each packet");

struct capture_tap {
    struct capture *capture;
    _Atomic u32 *inside;
    u32 worker;
    u8 *ring;
    _Atomic u32 shown, read; /* records: by the worker, by the reader */
    u32 written;             /* of which the reader does not know yet */
    u64 wanted;              /* matches so far, for the sample */
    struct capture_counts counts[CAPTURE_DEVICES_MAX];
    /* The burst under way. */
    u64 time_ns, now_ns;
    u32 device;
    const u8 *start[BURST_MAX];
    u32 length[BURST_MAX];
    u64 decided;                              /* bit n: packet n was wanted, and has a record or was counted */
    struct capture_record *record[BURST_MAX]; /* of each packet; NULL: none was taken */
    u8 head[BURST_MAX][HEAD_BYTES];
} __attribute__((aligned(64)));

struct capture {
    struct capture_filter filter;
    u64 interval_ns;
    size_t slot_bytes;
    u32 slots; /* a power of two */
    u32 workers, next; /* the worker whose ring the reader looks at first */
    _Atomic u64 tat;   /* when the next packet would be due if they came evenly (GCRA) */
    struct capture_tap tap[];
};

/* A word that its one writer adds to, while others read it. */
static void add(u64 *word, u64 amount)
{
    __atomic_store_n(word, *word + amount, __ATOMIC_RELAXED);
}

static u64 clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (u64)t.tv_sec * NS_PER_SEC + (u64)t.tv_nsec;
}

static size_t filled_up(size_t bytes)
{
    return (bytes + 7) & ~(size_t)7;
}

static struct capture_record *slot_at(const struct capture_tap *tap, u32 number)
{
    return (void *)(tap->ring + (number & (tap->capture->slots - 1)) * tap->capture->slot_bytes);
}

/* ---- Open, read, close ---- */

static size_t slot_bytes_of(const struct capture_filter *filter)
{
    size_t snap = filled_up(filter->snap_bytes);
    return (sizeof(struct capture_record) + snap * (filter->with_output ? 2 : 1) + 63) & ~(size_t)63;
}

size_t capture_record_max(const struct capture_filter *filter)
{
    return slot_bytes_of(filter);
}

static u32 slots_for(size_t slot_bytes)
{
    u32 slots = SLOTS_MIN;
    while (slots < SLOTS_MAX && slots * 2 * slot_bytes <= RING_BYTES)
        slots *= 2;
    return slots;
}

static void free_capture(struct capture *c)
{
    for (u32 w = 0; w < c->workers; w++)
        if (c->tap[w].ring)
            munmap(c->tap[w].ring, c->slots * c->slot_bytes);
    free(c);
}

static struct capture *new_capture(struct capture_port *port, const struct capture_filter *filter, u32 workers)
{
    size_t bytes = sizeof(struct capture) + workers * sizeof(struct capture_tap);
    struct capture *c = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!c)
        return NULL;
    memset(c, 0, bytes);
    c->filter = *filter;
    c->interval_ns = NS_PER_SEC / filter->rate;
    c->slot_bytes = slot_bytes_of(filter);
    c->slots = slots_for(c->slot_bytes);
    c->workers = workers;
    for (u32 w = 0; w < workers; w++) {
        /* Populated, so that no worker waits for a page. */
        u8 *ring = mmap(NULL, c->slots * c->slot_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
        if (ring == MAP_FAILED) {
            free_capture(c);
            return NULL;
        }
        c->tap[w].capture = c;
        c->tap[w].inside = &port->inside[w];
        c->tap[w].worker = w;
        c->tap[w].ring = ring;
    }
    return c;
}

enum capture_error capture_open(struct capture_port *port, const struct capture_filter *filter, u32 workers)
{
    enum capture_error error = CAPTURE_BUSY;
    pthread_mutex_lock(&port->lock);
    if (!port->capture) {
        port->capture = new_capture(port, filter, workers);
        error = port->capture ? CAPTURE_OK : CAPTURE_NO_MEMORY;
        atomic_store(&port->on, port->capture);
    }
    pthread_mutex_unlock(&port->lock);
    return error;
}

static size_t record_bytes(const struct capture_record *r)
{
    return sizeof *r + filled_up(r->in_kept) + filled_up(r->out_kept);
}

/* False: there was no room for the next. */
static bool drain_tap(struct capture_tap *tap, u8 *into, size_t room, size_t *used)
{
    u32 read = atomic_load_explicit(&tap->read, memory_order_relaxed);
    u32 shown = atomic_load_explicit(&tap->shown, memory_order_acquire);
    for (; read != shown; read++) {
        const struct capture_record *r = slot_at(tap, read);
        size_t bytes = record_bytes(r);
        if (*used + bytes > room)
            break;
        memcpy(into + *used, r, bytes);
        *used += bytes;
    }
    atomic_store_explicit(&tap->read, read, memory_order_release);
    return read == shown;
}

size_t capture_drain(struct capture_port *port, u8 *into, size_t room)
{
    size_t used = 0;
    pthread_mutex_lock(&port->lock);
    struct capture *c = port->capture;
    for (u32 i = 0; c && i < c->workers; i++) {
        u32 w = c->next % c->workers;
        if (!drain_tap(&c->tap[w], into, room, &used))
            break; /* it is the first the next time */
        c->next = w + 1;
    }
    pthread_mutex_unlock(&port->lock);
    return used;
}

void capture_count(struct capture_port *port, struct capture_counts counts[CAPTURE_DEVICES_MAX])
{
    memset(counts, 0, CAPTURE_DEVICES_MAX * sizeof counts[0]);
    pthread_mutex_lock(&port->lock);
    const struct capture *c = port->capture;
    for (u32 w = 0; c && w < c->workers; w++)
        for (u32 d = 0; d < CAPTURE_DEVICES_MAX; d++) {
            const struct capture_counts *from = &c->tap[w].counts[d];
            counts[d].received += load_shared(&from->received);
            counts[d].matched += load_shared(&from->matched);
            counts[d].taken += load_shared(&from->taken);
            counts[d].limited += load_shared(&from->limited);
            counts[d].missed += load_shared(&from->missed);
        }
    pthread_mutex_unlock(&port->lock);
}

/* A worker says that it is inside before it looks whether there is a capture, and this the other way round; so one of the two
 * sees the other (both in one order with all such). */
static bool is_left(struct capture_port *port)
{
    atomic_store(&port->on, NULL);
    for (u32 w = 0; w < WORKERS_MAX; w++)
        if (atomic_load(&port->inside[w]))
            return false;
    return true;
}

bool capture_stop(struct capture_port *port)
{
    pthread_mutex_lock(&port->lock);
    bool left = is_left(port);
    pthread_mutex_unlock(&port->lock);
    return left;
}

bool capture_close(struct capture_port *port)
{
    pthread_mutex_lock(&port->lock);
    bool left = is_left(port);
    if (left && port->capture) {
        free_capture(port->capture);
        port->capture = NULL;
    }
    pthread_mutex_unlock(&port->lock);
    return left;
}

/* ---- What is wanted ---- */

static bool is_within(const struct capture_prefix *prefix, const u8 *address)
{
    u32 whole = prefix->bits / 8, rest = prefix->bits % 8;
    if (memcmp(prefix->address, address, whole) != 0)
        return false;
    return rest == 0 || ((prefix->address[whole] ^ address[whole]) & (u8)(0xff00 >> rest)) == 0;
}

/* Source and destination of the frame as it came in; false: it has none. */
static bool read_addresses(const u8 *frame, u32 length, u8 src[16], u8 dst[16])
{
    u32 l3 = ETH_BYTES;
    if (length < ETH_BYTES + VLAN_BYTES)
        return false;
    u16 type = load16(frame + ETH_TYPE);
    if (type == be16(ETHERTYPE_VLAN)) {
        l3 += VLAN_BYTES;
        type = load16(frame + ETH_TYPE + VLAN_BYTES);
    }
    const u8 *ip = frame + l3;
    if (type == be16(ETHERTYPE_IPV6) && length >= l3 + IPV6_BYTES) {
        memcpy(src, ip + IPV6_SRC, 16);
        memcpy(dst, ip + IPV6_DST, 16);
        return true;
    }
    if (type != be16(ETHERTYPE_IPV4) || length < l3 + IPV4_BYTES)
        return false;
    static const u8 mapped[12] = {[10] = 0xff, [11] = 0xff};
    memcpy(src, mapped, sizeof mapped);
    memcpy(dst, mapped, sizeof mapped);
    memcpy(src + 12, ip + IPV4_SRC, 4);
    memcpy(dst + 12, ip + IPV4_DST, 4);
    return true;
}

static bool is_wanted(const struct capture_tap *tap, const struct core *core, const struct packet *p, u32 i)
{
    const struct capture_filter *f = &tap->capture->filter;
    if (!(f->verdicts >> p->verdict & 1) || (f->vip && f->vip != p->vip))
        return false;
    if (f->backend.bits && (p->backend == 0 || !is_within(&f->backend, backend_at(core, p->backend)->address)))
        return false;
    if (!f->client.bits && !f->destination.bits)
        return true;
    u8 src[16], dst[16];
    return read_addresses(tap->head[i], tap->length[i], src, dst) && is_within(&f->client, src) && is_within(&f->destination, dst);
}

/* ---- Taking ---- */

/* Whether the capture's rate allows one more. */
static bool is_admitted(struct capture *c, u64 now)
{
    u64 tat = atomic_load_explicit(&c->tat, memory_order_relaxed);
    for (;;) {
        if (tat > now + RATE_DEPTH_NS)
            return false;
        u64 next = (tat > now ? tat : now) + c->interval_ns;
        if (atomic_compare_exchange_weak_explicit(&c->tat, &tat, next, memory_order_relaxed, memory_order_relaxed))
            return true;
    }
}

/* The next slot, if this packet that is wanted may have one; else why not is counted. */
static struct capture_record *claim(struct capture_tap *tap)
{
    struct capture *c = tap->capture;
    struct capture_counts *counts = &tap->counts[tap->device];
    add(&counts->matched, 1);
    if (tap->wanted++ % c->filter.sample != 0)
        return NULL;
    if (tap->written - atomic_load_explicit(&tap->read, memory_order_acquire) >= c->slots) {
        add(&counts->missed, 1);
        return NULL;
    }
    if (!is_admitted(c, tap->now_ns)) {
        add(&counts->limited, 1);
        return NULL;
    }
    add(&counts->taken, 1);
    return slot_at(tap, tap->written++);
}

static u32 least(u32 a, u32 b)
{
    return a < b ? a : b;
}

/* The packet as it came: its head from before the core ran, the rest from where it lies. An echo's message is its answer's by
 * now: what of it lies behind the head (extension headers can push it there) is left out. */
static u32 copy_input(const struct capture_tap *tap, const struct packet *p, u32 i, u8 *to)
{
    u32 length = tap->length[i], kept = least(length, tap->capture->filter.snap_bytes), head = least(kept, HEAD_BYTES);
    memcpy(to, tap->head[i], head);
    if (p->verdict == VERDICT_ECHO && (u32)p->l4 + ICMP_BYTES > HEAD_BYTES)
        return head;
    memcpy(to + head, tap->start[i] + head, kept - head);
    return kept;
}

static void fill(struct capture_record *r, const struct capture_tap *tap, const struct packet *p, u32 i)
{
    u8 *bytes = (u8 *)(r + 1);
    *r = (struct capture_record){
        .time_ns = tap->time_ns,
        .in_bytes = tap->length[i],
        .vip = p->vip,
        .tenant = p->tenant,
        .backend = p->backend,
        .worker = tap->worker,
        .device = (u16)tap->device,
        .out_device = (u16)(p->verdict == VERDICT_FORWARD ? p->device : tap->device),
        .verdict = p->verdict,
        .flow = p->flow,
    };
    r->in_kept = copy_input(tap, p, i, bytes);
    if (p->verdict == VERDICT_FORWARD && p->piece) {
        r->pieces = (u16)piece_count(p);
        return;
    }
    r->out_bytes = p->out_len;
    if (!tap->capture->filter.with_output)
        return;
    r->out_kept = least(p->out_len, tap->capture->filter.snap_bytes);
    memcpy(bytes + filled_up(r->in_kept), p->data, r->out_kept);
}

static void take(struct capture_tap *tap, const struct core *core, const struct packet *p, u32 i)
{
    tap->record[i] = NULL;
    if (!is_wanted(tap, core, p, i))
        return;
    tap->decided |= 1ull << i;
    tap->record[i] = claim(tap);
    if (tap->record[i])
        fill(tap->record[i], tap, p, i);
}

struct capture_tap *capture_enter(struct capture_port *port, u32 worker, const struct packet *packets, u32 n, u32 device)
{
    atomic_store(&port->inside[worker], 1);
    struct capture *c = atomic_load(&port->on);
    if (!c || worker >= c->workers || device >= CAPTURE_DEVICES_MAX) {
        atomic_store_explicit(&port->inside[worker], 0, memory_order_release);
        return NULL;
    }
    struct capture_tap *tap = &c->tap[worker];
    tap->time_ns = clock_ns(CLOCK_REALTIME);
    tap->now_ns = clock_ns(CLOCK_MONOTONIC);
    tap->device = device;
    add(&tap->counts[device].received, n);
    for (u32 i = 0; i < n; i++) {
        tap->start[i] = packets[i].data;
        tap->length[i] = (u32)(packets[i].end - packets[i].data);
        memcpy(tap->head[i], packets[i].data, least(tap->length[i], HEAD_BYTES));
    }
    return tap;
}

void capture_stage(struct capture_tap *tap, const struct core *core, const struct packet *packets, u32 n)
{
    tap->decided = 0;
    for (u32 i = 0; i < n; i++)
        take(tap, core, &packets[i], i);
}

/* What a device refused is still there. Chosen as forwarded or not, it is shown as what became of it. */
void capture_commit(struct capture_tap *tap, const struct core *core, const struct packet *packets, u32 n)
{
    for (u32 i = 0; i < n; i++) {
        if (packets[i].verdict != VERDICT_TX_FULL)
            continue;
        if (!(tap->decided >> i & 1))
            take(tap, core, &packets[i], i);
        if (tap->record[i]) {
            tap->record[i]->verdict = VERDICT_TX_FULL;
            tap->record[i]->out_bytes = tap->record[i]->out_kept = 0;
        }
    }
    atomic_store_explicit(&tap->shown, tap->written, memory_order_release);
    atomic_store_explicit(tap->inside, 0, memory_order_release);
}
