#define _GNU_SOURCE
#include "workers.h"
#include "../core/forward.h"
#include "claim.h"
#include "overload.h"
#include "steering.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define IDLE_WAIT_MS 100
#define PIECES_AT_ONCE 8
#define PIECE_HEADERS_MAX 128
#define PIECE_FRAME_BYTES 9216 /* a jumbo frame; a piece is never larger than the next hop's MTU */
#define NICE -10 /* a reload compiles for long on every core there is; packets wait at most for each other */
#define PIECE_BYTES (2u << 20) /* a huge page */
#define INSPECT_NS 100000000ull /* how often a worker looks after its devices: link, losses, return of a vanished one */

struct runner {
    struct workers *all;
    struct worker *worker;
    pthread_t thread;
    int wake_fd;
    int core; /* that it stays on; negative: none */
    u64 inspected_ns;
    u64 received_ns, gap_ns; /* when its last packet came, and how long after the one before */
    struct overload overload;
    u64 looked_packets, looked_busy_ns, looked_lost; /* its counters when overload_look was asked last */
    size_t populated; /* bytes of its flow table that have pages */
    struct queue *queue[DEVICES_MAX]; /* by device; NULL while it is gone */
    pthread_mutex_t holding; /* its worker takes it to open or close one; who reads facts, too */
    _Atomic u32 state[DEVICES_MAX];
    u32 rx_bytes[BURST_MAX];
    struct packet packets[BURST_MAX];
    u8 pieces[PIECES_AT_ONCE][PIECE_FRAME_BYTES];
} __attribute__((aligned(64)));

struct workers {
    struct engine *engine;
    struct device_spec spec[DEVICES_MAX];
    const struct device_ops *ops[DEVICES_MAX]; /* the engine that started */
    char refused[DEVICES_MAX][REASON_BYTES]; /* why the engine before it did not */
    char trouble[DEVICES_MAX][REASON_BYTES]; /* why one that is there could not be taken up again; under `opening` */
    u32 group[DEVICES_MAX];
    void *shared[DEVICES_MAX];
    struct steering steering;
    int claim[DEVICES_MAX]; /* sockets of claim.h; what is not claimed is negative */
    u32 devices, count;
    pthread_mutex_t opening; /* a device that returned is opened by several workers; they share its group */
    int query_fd; /* any socket, to ask the kernel about links */
    atomic_bool stopping;
    struct runner runner[];
};

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static u64 now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

/* ---- One burst ---- */

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

/* `*now` is when the worker began to look, and after a burst when that was done: one look at the clock a burst. */
static u32 run_burst(struct runner *r, u32 from, u64 *now)
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

/* ---- Looking after devices ---- */

/* The carrier itself: the RUNNING flag follows it up to a second late. */
static enum device_state query_state(const struct workers *all, u32 d, struct queue *queue)
{
    struct ifreq request = {0};
    memcpy(request.ifr_name, all->spec[d].name, sizeof request.ifr_name);
    if (ioctl(all->query_fd, SIOCGIFINDEX, &request) < 0 || !queue || (u32)request.ifr_ifindex != queue->ifindex)
        return DEVICE_GONE;
    if (ioctl(all->query_fd, SIOCGIFFLAGS, &request) < 0)
        return DEVICE_GONE;
    if (!(request.ifr_flags & IFF_UP))
        return DEVICE_DOWN;
    struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
    request.ifr_data = (void *)&link;
    if (ioctl(all->query_fd, SIOCETHTOOL, &request) == 0 && !link.data)
        return DEVICE_DOWN;
    return queue->ops->state(queue);
}

static const struct device_ops *last_engine(const struct device_spec *spec)
{
    u32 last = 0;
    while (last + 1 < ENGINES_PER_DEVICE && spec->engines[last + 1])
        last++;
    return spec->engines[last];
}

static struct queue *open_queue(struct workers *all, u32 worker, u32 d, struct device_error *error)
{
    struct device_open how = {
        .name = all->spec[d].name, .worker = worker, .workers = all->count, .group = &all->group[d], .busy_poll = all->spec[d].busy_poll,
        .is_best = all->ops[d] != last_engine(&all->spec[d]), .shared = &all->shared[d], .steering = &all->steering,
    };
    pthread_mutex_lock(&all->opening);
    struct queue *queue = all->ops[d]->open(&how, error);
    bool is_refused = !queue && strcmp(error->code, "device_unknown") != 0;
    snprintf(all->trouble[d], REASON_BYTES, "%.*s", REASON_BYTES - 1, is_refused ? error->text : "");
    pthread_mutex_unlock(&all->opening);
    return queue;
}

static void inspect_queue(struct runner *r, u32 d)
{
    struct queue *queue = r->queue[d];
    if (queue)
        COUNT_WORKER(&r->worker->core, rx_lost, queue->ops->lost(queue));
    enum device_state state = query_state(r->all, d, queue);
    if (state == DEVICE_GONE) {
        struct device_error error;
        pthread_mutex_lock(&r->holding);
        if (queue)
            queue->ops->close(queue);
        r->queue[d] = open_queue(r->all, r->worker->number, d, &error);
        pthread_mutex_unlock(&r->holding);
        state = query_state(r->all, d, r->queue[d]);
    }
    atomic_store(&r->state[d], state);
}

/* How much of the time since the last inspection was spent on packets makes a worker busy. */
static bool was_busy(u64 busy_ns, u64 elapsed_ns)
{
    return busy_ns > elapsed_ns / 16 * 15;
}

static void inspect(struct runner *r, u64 now)
{
    const struct worker_counters *counters = (const void *)worker_counters_line(r->all->engine, r->worker->number);
    for (u32 d = 0; d < r->all->devices; d++)
        inspect_queue(r, d);
    struct overload_look seen = {
        .received = counters->rx_packets - r->looked_packets,
        .lost = counters->rx_lost - r->looked_lost,
        .is_busy = was_busy(counters->busy_ns - r->looked_busy_ns, now - r->inspected_ns),
        .is_alone = r->worker->adopted == 0 || r->worker->core.header->tenants <= 2, /* one is none */
    };
    overload_look(&r->overload, &seen);
    r->looked_packets = counters->rx_packets;
    r->looked_lost = counters->rx_lost;
    r->looked_busy_ns = counters->busy_ns;
    r->inspected_ns = now;
}

static void wait_for_work(struct runner *r)
{
    struct pollfd fds[DEVICES_MAX * QUEUES_PER_WORKER + 1];
    u32 n = 0, devices[DEVICES_MAX * QUEUES_PER_WORKER + 1];
    fds[n++] = (struct pollfd){.fd = r->wake_fd, .events = POLLIN};
    for (u32 d = 0; d < r->all->devices; d++) {
        int polled[QUEUES_PER_WORKER];
        u32 count = r->queue[d] ? r->queue[d]->ops->fds(r->queue[d], polled) : 0;
        for (u32 i = 0; i < count; i++) {
            devices[n] = d;
            fds[n++] = (struct pollfd){.fd = polled[i], .events = POLLIN};
        }
    }
    if (poll(fds, n, IDLE_WAIT_MS) <= 0)
        return;
    u64 kicks;
    if (fds[0].revents && read(r->wake_fd, &kicks, sizeof kicks) < 0 && errno != EAGAIN)
        return;
    for (u32 i = 1; i < n; i++)
        if (fds[i].revents & (POLLERR | POLLHUP)) {
            int error;
            socklen_t size = sizeof error;
            getsockopt(fds[i].fd, SOL_SOCKET, SO_ERROR, &error, &size); /* reading it ends the condition */
            inspect_queue(r, devices[i]);
        }
}

/* Has the kernel find the next piece of the flow table's memory, which takes up to 7 ms where the host must first find it. A new
 * flow would otherwise wait for that, and the packets behind it. False: there is all of it. */
static bool populate(struct runner *r)
{
    const struct worker *w = r->worker;
    size_t bytes = w->engine->capacity.flow_lines * sizeof(line);
    if (r->populated >= bytes)
        return false;
    u8 *flows = (u8 *)(w->engine->flows + w->core.flow_first);
    size_t piece = bytes - r->populated < PIECE_BYTES ? bytes - r->populated : PIECE_BYTES;
    if (madvise(flows + r->populated, piece, MADV_POPULATE_WRITE) < 0)
        piece = bytes; /* Linux before 5.14: pages come with the first write */
    r->populated += piece;
    return true;
}

/* The next packet of this worker may come sooner than a sleep and a wake-up take: those before it did. */
static bool lingers(const struct runner *r, u64 now)
{
    u64 quiet = now - r->received_ns, longest = quiet > r->gap_ns ? quiet : r->gap_ns;
    for (u32 d = 0; d < r->all->devices; d++)
        if (r->queue[d] && longest < r->queue[d]->linger_ns)
            return true;
    return false;
}

/* Nothing came: does a little of what is due besides packets, then sleeps. */
static void rest(struct runner *r)
{
    u64 now = now_ns();
    bool is_swept = !worker_idle(r->worker, now);
    if (populate(r) || !is_swept)
        return;
    if (lingers(r, now))
        cpu_relax();
    else
        wait_for_work(r);
}

static void stay_on_core(const struct runner *r)
{
    if (r->core < 0 || r->core >= CPU_SETSIZE)
        return;
    cpu_set_t only;
    CPU_ZERO(&only);
    CPU_SET((u32)r->core, &only);
    sched_setaffinity(0, sizeof only, &only); /* a core that was taken from this process meanwhile: it stays where it may run */
}

static void *run_worker(void *argument)
{
    struct runner *r = argument;
    const struct core *core = &r->worker->core;
    stay_on_core(r);
    setpriority(PRIO_PROCESS, 0, NICE); /* of this thread; without CAP_SYS_NICE or LimitNICE= of the unit it stays as it is */
    u64 now = now_ns();
    while (!atomic_load_explicit(&r->all->stopping, memory_order_relaxed)) {
        u32 received = 0;
        for (u32 d = 0; d < r->all->devices; d++)
            if (r->queue[d])
                received += run_burst(r, d, &now);
        COUNT_WORKER(core, heartbeat, 1);
        if (received == 0) {
            rest(r);
            now = now_ns();
        }
        if (now - r->inspected_ns >= INSPECT_NS)
            inspect(r, now);
    }
    return NULL;
}

/* ---- Start and stop ---- */

static void close_device(struct workers *all, u32 d)
{
    for (u32 w = 0; w < all->count; w++) {
        struct queue *queue = all->runner[w].queue[d];
        if (queue)
            queue->ops->close(queue);
        all->runner[w].queue[d] = NULL;
    }
    all->group[d] = 0;
}

static void close_all(struct workers *all)
{
    for (u32 d = 0; d < all->devices; d++)
        close_device(all, d);
    for (u32 w = 0; w < all->count; w++) {
        pthread_mutex_destroy(&all->runner[w].holding);
        overload_close(&all->runner[w].overload);
        if (all->runner[w].wake_fd >= 0)
            close(all->runner[w].wake_fd);
    }
    for (u32 d = 0; d < all->devices; d++)
        if (all->claim[d] >= 0)
            close(all->claim[d]);
    if (all->query_fd >= 0)
        close(all->query_fd);
    pthread_mutex_destroy(&all->opening);
    steering_free(&all->steering);
    free(all);
}

/* Handlers belong to the main thread: a packet worker never sees a signal. */
static bool start_thread(struct runner *r)
{
    sigset_t all_signals, before;
    char name[16];
    sigfillset(&all_signals);
    pthread_sigmask(SIG_SETMASK, &all_signals, &before);
    int result = pthread_create(&r->thread, NULL, run_worker, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        return false;
    snprintf(name, sizeof name, "torii-worker-%u", r->worker->number);
    pthread_setname_np(r->thread, name);
    return true;
}

static void join_threads(struct workers *all, u32 started)
{
    atomic_store(&all->stopping, true);
    engine_kick(all);
    for (u32 w = 0; w < started; w++)
        pthread_join(all->runner[w].thread, NULL);
}

static bool claim_all(struct workers *all, struct device_error *error)
{
    for (u32 d = 0; d < all->devices; d++) {
        all->claim[d] = claim_device(all->spec[d].name, error);
        if (all->claim[d] < 0)
            return false;
    }
    return true;
}

/* One device for every worker, by the engine chosen for it. */
static bool open_device(struct workers *all, u32 d, struct device_error *error)
{
    for (u32 w = 0; w < all->count; w++) {
        struct runner *r = &all->runner[w];
        r->queue[d] = open_queue(all, w, d, error);
        if (!r->queue[d]) {
            close_device(all, d);
            return false;
        }
        atomic_store(&r->state[d], query_state(all, d, r->queue[d]));
    }
    return true;
}

/* By the first of its engines that starts. */
static bool choose_engine(struct workers *all, u32 d, struct device_error *error)
{
    const struct device_spec *spec = &all->spec[d];
    for (u32 i = 0; i < ENGINES_PER_DEVICE && spec->engines[i]; i++) {
        all->ops[d] = spec->engines[i];
        if (open_device(all, d, error))
            return true;
        snprintf(all->refused[d], sizeof all->refused[d], "no %s: %.*s", spec->engines[i]->engine, REASON_BYTES - 32, error->text);
    }
    return false;
}

static bool open_all(struct workers *all, struct device_error *error)
{
    for (u32 w = 0; w < all->count; w++)
        if (all->runner[w].wake_fd < 0)
            return false;
    for (u32 d = 0; d < all->devices; d++)
        if (!choose_engine(all, d, error))
            return false;
    return true;
}

struct workers *engine_start(struct engine *engine, const struct workers_start *how, struct device_error *error)
{
    u32 devices = how->devices, workers = how->workers;
    error->code = "internal";
    snprintf(error->text, sizeof error->text, "no memory or file descriptors for %u workers on %u devices", workers, devices);
    if (devices > DEVICES_MAX || workers == 0 || workers > engine->capacity.workers)
        return NULL;
    size_t bytes = sizeof(struct workers) + workers * sizeof(struct runner);
    struct workers *all = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!all)
        return NULL;
    memset(all, 0, bytes);
    all->engine = engine;
    all->devices = devices;
    all->count = workers;
    pthread_mutex_init(&all->opening, NULL);
    steering_init(&all->steering);
    all->query_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(all->spec, how->spec, devices * sizeof how->spec[0]);
    memset(all->claim, -1, sizeof all->claim);
    for (u32 w = 0; w < workers; w++) {
        all->runner[w].all = all;
        all->runner[w].worker = &engine->worker[w];
        all->runner[w].core = w < how->cores ? (int)how->core[w] : -1;
        all->runner[w].wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_init(&all->runner[w].holding, NULL);
        overload_open(&all->runner[w].overload, engine->capacity.tenants); /* without memory for it a worker sheds nothing */
    }
    if (!claim_all(all, error) || !open_all(all, error)) {
        close_all(all);
        return NULL;
    }
    engine->workers = workers;
    for (u32 w = 0; w < workers; w++)
        if (!start_thread(&all->runner[w])) {
            join_threads(all, w);
            engine->workers = 0;
            close_all(all);
            return NULL;
        }
    return all;
}

void engine_kick(struct workers *all)
{
    u64 one = 1;
    for (u32 w = 0; w < all->count; w++)
        if (write(all->runner[w].wake_fd, &one, sizeof one) < 0)
            continue; /* full: it is awake anyway */
}

void engine_stop(struct workers *all)
{
    join_threads(all, all->count);
    all->engine->workers = 0;
    close_all(all);
}

void engine_device_states(const struct workers *all, enum device_state *states)
{
    for (u32 d = 0; d < all->devices; d++) {
        states[d] = DEVICE_UP;
        for (u32 w = 0; w < all->count; w++) {
            enum device_state state = (enum device_state)atomic_load(&all->runner[w].state[d]);
            if (state > states[d])
                states[d] = state;
        }
    }
}

void engine_device_trouble(struct workers *all, u32 d, char text[REASON_BYTES])
{
    pthread_mutex_lock(&all->opening);
    memcpy(text, all->trouble[d], REASON_BYTES);
    pthread_mutex_unlock(&all->opening);
}

/* What `worker` holds of one device. */
static u32 facts_of(struct runner *r, u32 d, struct device_facts *facts, u32 max)
{
    struct queue_facts queues[QUEUES_PER_WORKER];
    const struct device_ops *ops = r->all->ops[d];
    pthread_mutex_lock(&r->holding);
    u32 count = r->queue[d] ? ops->facts(r->queue[d], queues) : 0;
    pthread_mutex_unlock(&r->holding);
    for (u32 i = 0; i < count && i < max; i++) {
        facts[i] = (struct device_facts){.device = d, .worker = r->worker->number, .engine = ops->engine, .queue = queues[i]};
        const char *refused = r->all->refused[d], *own = queues[i].reason;
        if (refused[0])
            snprintf(facts[i].queue.reason, REASON_BYTES, "%.*s%s%.*s", REASON_BYTES / 2, refused, own[0] ? "; " : "", REASON_BYTES / 2 - 4, own);
    }
    return count < max ? count : max;
}

u32 engine_facts(struct workers *all, struct device_facts *facts, u32 max)
{
    u32 n = 0;
    for (u32 d = 0; d < all->devices; d++)
        for (u32 w = 0; w < all->count; w++)
            n += facts_of(&all->runner[w], d, facts + n, max - n);
    return n;
}

bool engines_of(const char *word, const struct device_ops **engines)
{
    u32 n = 0;
    bool is_any = strcmp(word, "auto") == 0;
    if (is_any || strcmp(word, af_xdp.engine) == 0)
        engines[n++] = &af_xdp;
    if (is_any || strcmp(word, af_packet.engine) == 0)
        engines[n++] = &af_packet;
    return n > 0;
}

bool engine_take(struct workers *all, const line *snapshot, size_t lines, struct device_error *error)
{
    return steering_add(&all->steering, snapshot, lines, error);
}

void engine_settle(struct workers *all)
{
    const struct engine *e = all->engine;
    u32 generation = atomic_load(&e->generation);
    if (generation && engine_adopted(e) == generation)
        steering_keep(&all->steering, e->snapshot[generation & 1], e->capacity.snapshot_lines);
}
