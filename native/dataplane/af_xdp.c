/* Engine af_xdp: what is for a VIP comes by AF_XDP sockets, one a hardware queue, before the kernel spends anything on it; the kernel
 * gets everything else from the steering program (bpf/steer.c), and so does not see what we forward, whatever its settings.
 *
 * XDP in the driver where it can, else generic; zero-copy where the driver has it, else copied. Whoever opens a device first prepares
 * it for all workers: program, a socket for each queue, settings. Queue n belongs to worker n modulo the workers; one without a queue
 * sends by another's. The program goes with the process, however that ends; settings are put back by a close alone. */
#define LINGER_NS 30000 /* what a sleep and a wake-up cost, on both sides */
#define BUSY_LINGER_NS 100000000ull /* busy polling is for who rather has a core run than a packet wait */
#define _GNU_SOURCE
#include "link.h"
#include "partial.h"
#include "shown.h"
#include "steering.h"
#include "xsk.h"
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINK_BYTES 18 /* Ethernet header and one tag */
#define MTU_SMALL (XSK_SMALL_FRAME - XSK_HEADROOM - LINK_BYTES)
#define MTU_MAX (XSK_LARGE_FRAME - XSK_HEADROOM - LINK_BYTES)
#define OWN_MAX (QUEUES_PER_WORKER - 1) /* one place is for what is shown */
#define INJECTED_MAX 100 /* between two looks at what was lost: 1,000 a second */

/* A device for all workers. */
struct port {
    void **slot; /* where the workers find it */
    char name[DEVICE_NAME_BYTES];
    u32 users;
    int fd; /* for ioctls */
    struct link link;
    struct link_settings settings;
    struct steer_program program;
    const char *xdp;
    bool is_generic, has_partial;
    u32 frame_bytes;
    char reason[REASON_BYTES];
    struct xsk *socket[STEER_QUEUES_MAX];
};

/* One worker's hold on it. */
struct af_xdp {
    struct queue queue;
    struct port *port;
    struct xsk *own[OWN_MAX];
    u32 own_count, turn;
    struct xsk *sends_by;
    u64 lost;
    int pass_program;
    u32 injected;
    bool is_shown;
    struct shown shown;
};

static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;

static void add_reason(struct port *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_reason(struct port *p, const char *format, ...)
{
    size_t at = strlen(p->reason);
    va_list arguments;
    va_start(arguments, format);
    if (at > 0)
        at += (size_t)snprintf(p->reason + at, sizeof p->reason - at, "; ");
    if (at < sizeof p->reason)
        vsnprintf(p->reason + at, sizeof p->reason - at, format, arguments);
    va_end(arguments);
}

/* ---- Opening a device ---- */

static bool check_link(const struct port *p, const struct device_open *how, struct device_error *error)
{
    const struct link *link = &p->link;
    const char *name = how->name;
    if (!link->is_ethernet)
        return device_refuse(error, "device_unusable", "%s: expected an Ethernet device", name);
    if (strcmp(link->driver, "tun") == 0)
        return device_refuse(error, "device_unusable",
                             "%s: XDP on a tap loses the super-frames and open checksums of its other end: say engine: af_packet", name);
    if (link->mtu > MTU_MAX)
        return device_refuse(error, "device_unusable",
                             "%s: af_xdp takes packets of up to %u bytes, one page with its headers, and the MTU is %u: run `ip link set %s mtu %u` "
                             "or lower, or say engine: af_packet", name, MTU_MAX, link->mtu, name, MTU_MAX);
    if (link->queues > STEER_QUEUES_MAX || link->queues > OWN_MAX * how->workers)
        return device_refuse(error, "device_unusable", "%s: %u workers can't serve %u queues: run `ethtool -L %s combined %u`", name, how->workers,
                             link->queues, name, how->workers);
    return true;
}

static bool refuse_attach(const struct port *p, const char *name, struct device_error *error)
{
    int saved = errno;
    if (saved == EBUSY || saved == EEXIST)
        return device_refuse(error, "device_unusable", "%s: another XDP program is attached: see `ip -d link show %s`, then `ip link set %s xdp off`",
                             name, name, name);
    if (saved == ERANGE)
        return device_refuse(error, "device_unusable",
                             "%s: the driver %s has no XDP at this MTU (%u), or, of a veth, at its peer's: run `ip link set %s mtu 3000` at both ends",
                             name, p->link.driver, p->link.mtu, name);
    if (saved == EPERM)
        return device_refuse(error, "no_privilege", "%s: attaching an XDP program needs CAP_NET_ADMIN and CAP_BPF", name);
    return device_refuse(error, "device_unusable", "%s: the driver %s refuses native XDP: %s", name, p->link.driver, strerror(saved));
}

/* Generic XDP is behind where the kernel merges packets, and af_packet is no slower: only who asked for af_xdp gets it. Super-frames
 * of a veth, whose peer's segmentation native XDP alone turns off, would be lost there, and those of a device below this one. */
static bool attach(struct port *p, const struct device_open *how, struct device_error *error)
{
    struct steer_program *program = &p->program;
    p->xdp = "native";
    program->link = bpf_xdp_attach(program->program, p->link.ifindex, XDP_FLAGS_DRV_MODE);
    if (program->link >= 0)
        return true;
    bool is_taken = errno == EBUSY || errno == EEXIST || errno == EPERM || errno == ERANGE;
    refuse_attach(p, how->name, error);
    if (is_taken || how->is_best || strcmp(p->link.driver, "veth") == 0)
        return false;
    if (link_is_stacked(&p->link))
        return device_refuse(error, "device_unusable",
                             "%s: the driver %s has no native XDP, and generic XDP loses the packets that the device below has merged: say "
                             "engine: af_packet", how->name, p->link.driver);
    add_reason(p, "no native XDP: the driver %s refused it", p->link.driver);
    p->xdp = "generic";
    p->is_generic = true;
    program->link = bpf_xdp_attach(program->program, p->link.ifindex, XDP_FLAGS_SKB_MODE);
    return program->link >= 0 || refuse_attach(p, how->name, error);
}

static bool refuse_socket(const char *name, u32 queue, const char *what, struct device_error *error)
{
    int saved = errno;
    if (saved == EPERM)
        return device_refuse(error, "no_privilege", "%s: %s needs CAP_NET_RAW: run as root, or add it to AmbientCapabilities= in the systemd unit",
                             name, what);
    if (saved == ENOBUFS)
        return device_refuse(error, "no_privilege", "%s: %s: it is more than this process may lock: LimitMEMLOCK=infinity in the systemd unit, or "
                             "`ulimit -l unlimited`", name, what);
    if (saved == EBUSY)
        return device_refuse(error, "device_unusable", "%s: queue %u belongs to another program's AF_XDP socket", name, queue);
    return device_refuse(error, "device_unusable", "%s: %s (queue %u): %s", name, what, queue, strerror(saved));
}

static bool open_sockets(struct port *p, const struct device_open *how, struct device_error *error)
{
    p->frame_bytes = p->link.mtu > MTU_SMALL ? XSK_LARGE_FRAME : XSK_SMALL_FRAME;
    for (u32 q = 0; q < p->link.queues; q++) {
        const char *what;
        struct xsk_setup setup = {
            .ifindex = p->link.ifindex, .queue = q, .frame_bytes = p->frame_bytes, .busy_poll = how->busy_poll, .must_copy = p->is_generic,
        };
        p->socket[q] = xsk_open(&setup, &what);
        if (!p->socket[q] || bpf_map_set(p->program.sockets, &q, &p->socket[q]->fd) < 0)
            return refuse_socket(how->name, q, p->socket[q] ? "steering to a socket" : what, error);
    }
    const struct xsk *first = p->socket[0];
    if (!first->is_zero_copy && !p->is_generic)
        add_reason(p, "no zero-copy: the driver %s has none for this queue", p->link.driver);
    if (!first->has_huge_pages)
        add_reason(p, "no huge pages: fewer free than %zu MiB (vm.nr_hugepages)", first->frames_bytes >> 20);
    if (how->busy_poll && !first->is_busy_polling)
        add_reason(p, "no busy polling: the kernel has none before 5.11, or CAP_NET_ADMIN is missing");
    return true;
}

/* Under whatever name; another device may have the index of one that is gone. */
static bool is_there(const struct port *p)
{
    return (p->socket[0] && xsk_is_bound(p->socket[0])) || if_nametoindex(p->name) == p->link.ifindex;
}

static void port_close(struct port *p)
{
    bool has_device = is_there(p);
    steer_unload(&p->program);
    for (u32 q = 0; q < STEER_QUEUES_MAX; q++)
        if (p->socket[q])
            xsk_close(p->socket[q]);
    if (has_device)
        link_restore(p->fd, p->link.ifindex, p->settings);
    if (p->fd >= 0)
        close(p->fd);
    free(p);
}

static struct port *port_open(const struct device_open *how, struct device_error *error)
{
    struct port *p = calloc(1, sizeof *p);
    if (!p) {
        device_refuse(error, "internal", "%s: no memory", how->name);
        return NULL;
    }
    p->slot = how->shared;
    snprintf(p->name, sizeof p->name, "%s", how->name);
    p->program = (struct steer_program){-1, -1, -1, -1, -1};
    p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_known = p->fd >= 0 && link_read(p->fd, how->name, &p->link);
    if (!is_known)
        link_refuse_unknown(how->name, error);
    else if (check_link(p, how, error) && steer_load(how->steering, &p->program, how->name, error)) {
        bool is_veth = strcmp(p->link.driver, "veth") == 0;
        p->settings = link_settle(p->fd, how->name, is_veth);
        if (attach(p, how, error)) {
            p->has_partial = is_veth || p->is_generic;
            if (p->is_generic)
                p->settings.gro |= link_settle(p->fd, how->name, true).gro;
            if (steer_own_address(&p->program, p->link.mac) && open_sockets(p, how, error))
                return p;
        }
    }
    port_close(p);
    return NULL;
}

/* Whether it is still what it was prepared for, or has an MTU that nothing could be prepared for. */
static bool is_as_prepared(const struct port *p, const struct link *now)
{
    bool has_room = now->mtu + LINK_BYTES + XSK_HEADROOM <= p->frame_bytes || now->mtu > MTU_MAX;
    return now->ifindex == p->link.ifindex && now->queues == p->link.queues && now->tx_queues == p->link.tx_queues && has_room;
}

/* The device as the first worker prepared it. Where it has changed since, not before the others have given it up. */
static struct port *port_of(const struct device_open *how, struct device_error *error)
{
    struct port *p = *how->shared;
    struct link now;
    if (!p)
        p = *how->shared = port_open(how, error);
    else if (!link_read(p->fd, how->name, &now) || !is_as_prepared(p, &now)) {
        device_refuse(error, "device_unusable", "%s: it changes", how->name);
        return NULL;
    }
    if (p)
        p->users++;
    return p;
}

/* ---- One worker's hold ---- */

static void af_xdp_close(struct queue *queue)
{
    struct af_xdp *a = (void *)queue;
    if (a->is_shown)
        shown_close(&a->shown);
    if (a->pass_program >= 0)
        close(a->pass_program);
    pthread_mutex_lock(&ports_lock);
    struct port *p = a->port;
    if (--p->users == 0) {
        *p->slot = NULL;
        port_close(p);
    }
    pthread_mutex_unlock(&ports_lock);
    free(a);
}

static struct queue *af_xdp_open(const struct device_open *how, struct device_error *error)
{
    struct af_xdp *a = aligned_alloc(64, (sizeof *a + 63) / 64 * 64);
    if (!a) {
        device_refuse(error, "internal", "%s: no memory", how->name);
        return NULL;
    }
    memset(a, 0, sizeof *a);
    pthread_mutex_lock(&ports_lock);
    struct port *p = a->port = port_of(how, error);
    pthread_mutex_unlock(&ports_lock);
    if (!p) {
        free(a);
        return NULL;
    }
    a->queue = (struct queue){
        .ops = &af_xdp, .ifindex = p->link.ifindex, .linger_ns = p->socket[0]->is_busy_polling ? BUSY_LINGER_NS : LINGER_NS,
    };
    for (u32 q = how->worker; q < p->link.queues; q += how->workers)
        a->own[a->own_count++] = p->socket[q];
    a->sends_by = p->socket[how->worker % (p->link.queues < p->link.tx_queues ? p->link.queues : p->link.tx_queues)];
    a->pass_program = bpf_pass_program();
    if (how->worker == 0) {
        a->is_shown = true;
        if (!shown_open(&a->shown, p->program.copies)) {
            device_refuse(error, "device_unusable", "%s: mapping the ring of ICMP errors: %s", how->name, strerror(errno));
            af_xdp_close(&a->queue);
            return NULL;
        }
    }
    return &a->queue;
}

static u32 af_xdp_fds(const struct queue *queue, int *fds)
{
    const struct af_xdp *a = (const void *)queue;
    u32 n = 0;
    for (u32 i = 0; i < a->own_count; i++)
        fds[n++] = a->own[i]->fd;
    if (a->is_shown)
        fds[n++] = a->port->program.copies;
    return n;
}

/* One queue after the other, the next time from the one behind. */
static u32 af_xdp_rx(struct queue *queue, struct packet *packets, u32 max, u64 *oversize)
{
    struct af_xdp *a = (void *)queue;
    u32 n = a->is_shown ? shown_take(&a->shown, packets, max) : 0;
    *oversize = 0;
    for (u32 i = 0; i < a->own_count && n == 0; i++) {
        a->turn = a->turn + 1 < a->own_count ? a->turn + 1 : 0;
        n = xsk_rx(a->own[a->turn], packets, max);
    }
    if (a->port->has_partial)
        for (u32 i = 0; i < n; i++)
            complete_if_partial(packets[i].data, packets[i].end);
    return n;
}

/* By the queue that the burst came from, so that nothing is copied; what came from elsewhere, or by a queue that only receives, by the
 * worker's usual one. */
static u64 af_xdp_tx(struct queue *queue, struct packet *const *packets, u32 count)
{
    struct af_xdp *a = (void *)queue;
    for (u32 i = 0; i < a->own_count; i++)
        if (packets[0]->engine == a->own[i] && a->own[i]->queue < a->port->link.tx_queues)
            return xsk_tx(a->own[i], packets, count);
    return xsk_tx(a->sends_by, packets, count);
}

/* Rare: the steering program passes what the core would. But a VIP that has just gone is taken for a moment longer. */
static void af_xdp_pass(struct queue *queue, struct packet *const *packets, u32 count)
{
    struct af_xdp *a = (void *)queue;
    for (u32 i = 0; i < count; i++) {
        const struct xsk *from = packets[i]->engine;
        if (!from || a->injected++ >= INJECTED_MAX) /* the kernel has what is only shown */
            continue;
        bpf_inject(a->pass_program, queue->ifindex, from->queue, packets[i]->data, (u32)(packets[i]->end - packets[i]->data));
    }
}

/* ---- Looking after it ---- */

static enum device_state af_xdp_state(struct queue *queue)
{
    struct af_xdp *a = (void *)queue;
    struct port *p = a->port;
    struct link now;
    if (!link_read(p->fd, p->name, &now) || !is_as_prepared(p, &now) || !xsk_is_bound(p->socket[0]))
        return DEVICE_GONE;
    if (memcmp(now.mac, p->link.mac, sizeof now.mac) != 0) {
        pthread_mutex_lock(&ports_lock);
        memcpy(p->link.mac, now.mac, sizeof now.mac);
        pthread_mutex_unlock(&ports_lock);
        steer_own_address(&p->program, now.mac);
    }
    return now.mtu > MTU_MAX ? DEVICE_MTU : DEVICE_UP;
}

static u64 af_xdp_lost(struct queue *queue)
{
    struct af_xdp *a = (void *)queue;
    u64 lost = 0, before = a->lost;
    for (u32 i = 0; i < a->own_count; i++) {
        struct queue_facts facts;
        xsk_facts(a->own[i], &facts);
        lost += facts.rx_dropped + facts.rx_ring_full;
    }
    a->lost = lost;
    a->injected = 0;
    return lost - before;
}

static u32 af_xdp_facts(struct queue *queue, struct queue_facts *facts)
{
    const struct af_xdp *a = (const void *)queue;
    for (u32 i = 0; i < a->own_count; i++) {
        memset(&facts[i], 0, sizeof facts[i]);
        facts[i].xdp = a->port->xdp;
        memcpy(facts[i].reason, a->port->reason, sizeof facts[i].reason);
        xsk_facts(a->own[i], &facts[i]);
    }
    return a->own_count;
}

const struct device_ops af_xdp = {
    .engine = "af_xdp",
    .open = af_xdp_open,
    .close = af_xdp_close,
    .fds = af_xdp_fds,
    .rx = af_xdp_rx,
    .tx = af_xdp_tx,
    .state = af_xdp_state,
    .pass = af_xdp_pass,
    .lost = af_xdp_lost,
    .facts = af_xdp_facts,
};
