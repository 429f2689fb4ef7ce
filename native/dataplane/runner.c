#define _GNU_SOURCE
#include "runner.h"
#include "../core/forward.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_WAIT_MS 100
#define NICE -10 /* a reload compiles for long on every core there is; packets wait at most for each other */
#define PIECE_BYTES (2u << 20) /* a huge page */
#define INSPECT_NS 100000000ull /* how often a worker looks after its devices: link, losses, return of a vanished one */

static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* ---- Looking after devices ---- */

/* The carrier itself: the RUNNING flag follows it up to a second late. */
enum device_state query_state(const struct workers *all, u32 d, struct queue *queue)
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

struct queue *open_queue(struct workers *all, u32 worker, u32 d, struct device_error *error)
{
    struct device_open how = {
        .name = all->spec[d].name, .worker = worker, .workers = all->count, .group = &all->group[d], .busy_poll = all->spec[d].busy_poll,
        .without_tcx = all->spec[d].without_tcx, .is_best = all->ops[d] != last_engine(&all->spec[d]), .shared = &all->shared[d],
        .steering = &all->steering,
    };
    pthread_mutex_lock(&all->opening);
    struct queue *queue = all->ops[d]->open(&how, error);
    pthread_mutex_unlock(&all->opening);
    bool is_refused = !queue && strcmp(error->code, "device_unknown") != 0;
    pthread_mutex_lock(&all->telling);
    snprintf(all->trouble[d], REASON_BYTES, "%.*s", REASON_BYTES - 1, is_refused ? error->text : "");
    pthread_mutex_unlock(&all->telling);
    return queue;
}

static void close_queue(struct workers *all, u32 d, struct queue *queue)
{
    u32 now = if_nametoindex(all->spec[d].name);
    struct shield_open how = {
        .steering = &all->steering, .ifindex = now == queue->ifindex ? now : 0, .without_tcx = all->spec[d].without_tcx, .only_tcx = true,
    };
    pthread_mutex_lock(&all->opening);
    gap_widen(&all->gap[d], &how);
    pthread_mutex_unlock(&all->opening);
    queue->ops->close(queue);
}

static void tell_gap(struct workers *all, u32 d, bool is_open)
{
    pthread_mutex_lock(&all->opening);
    if (is_open)
        gap_narrow(&all->gap[d]);
    else
        gap_check(&all->gap[d], if_nametoindex(all->spec[d].name));
    pthread_mutex_unlock(&all->opening);
}

static void tend(struct runner *r, struct queue *queue)
{
    if (!queue->ops->tend)
        return;
    pthread_mutex_lock(&r->holding); /* it may change what its facts say */
    queue->ops->tend(queue);
    pthread_mutex_unlock(&r->holding);
}

void inspect_queue(struct runner *r, u32 d)
{
    struct queue *queue = r->queue[d];
    if (queue) {
        COUNT_WORKER(&r->worker->core, rx_lost, queue->ops->lost(queue));
        tend(r, queue);
    }
    enum device_state state = query_state(r->all, d, queue);
    if (state == DEVICE_GONE) {
        struct device_error error;
        pthread_mutex_lock(&r->holding);
        if (queue)
            close_queue(r->all, d, queue);
        r->queue[d] = open_queue(r->all, r->worker->number, d, &error);
        tell_gap(r->all, d, r->queue[d] != NULL);
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

void *run_worker(void *argument)
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
