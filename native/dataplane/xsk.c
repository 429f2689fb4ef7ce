#define _GNU_SOURCE
#include "xsk.h"
#include <errno.h>
#include <linux/if_xdp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define HUGE_PAGE (2u << 20)
#define BUSY_POLL_US 20
#define KICKS_MAX 8 /* in copy mode a kernel without the option below sends 32 at a time */
#ifndef XDP_MAX_TX_SKB_BUDGET
#define XDP_MAX_TX_SKB_BUDGET 9 /* Linux 6.17 */
#endif
#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69 /* Linux 5.11 */
#define SO_BUSY_POLL_BUDGET 70
#endif

/* ---- Opening ---- */

/* Huge pages where some are free: the frames are more than a TLB of small ones covers. */
static bool map_frames(struct xsk *x)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE;
    x->frames_bytes = ((size_t)x->frame_count * x->frame_bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    x->frames = mmap(NULL, x->frames_bytes, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB, -1, 0);
    x->has_huge_pages = x->frames != MAP_FAILED;
    if (!x->has_huge_pages) {
        x->frames = mmap(NULL, x->frames_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (x->frames == MAP_FAILED)
            return false;
        madvise(x->frames, x->frames_bytes, MADV_HUGEPAGE); /* transparent ones, where the kernel has them */
        memset(x->frames, 0, x->frames_bytes);
    }
    return true;
}

static bool set_option(int fd, int option, u32 value)
{
    return setsockopt(fd, SOL_XDP, option, &value, sizeof value) == 0;
}

static bool register_frames(struct xsk *x)
{
    struct xdp_umem_reg umem = {.addr = (size_t)x->frames, .len = x->frames_bytes, .chunk_size = x->frame_bytes};
    return setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &umem, sizeof umem) == 0;
}

static bool map_ring(struct xsk *x, struct xsk_ring *r, const struct xdp_ring_offset *at, u64 page_offset, u32 entry_bytes)
{
    r->map_bytes = at->desc + (size_t)(r->mask + 1) * entry_bytes;
    r->map = mmap(NULL, r->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, x->fd, (off_t)page_offset);
    if (r->map == MAP_FAILED)
        return false;
    u8 *base = r->map;
    r->producer = (void *)(base + at->producer);
    r->consumer = (void *)(base + at->consumer);
    r->flags = (void *)(base + at->flags);
    r->entries = base + at->desc;
    return true;
}

static bool make_rings(struct xsk *x)
{
    x->rx.mask = x->fill.mask = XSK_RX_FRAMES - 1;
    x->tx.mask = x->completion.mask = XSK_TX_FRAMES - 1;
    struct xdp_mmap_offsets at;
    socklen_t size = sizeof at;
    return set_option(x->fd, XDP_UMEM_FILL_RING, XSK_RX_FRAMES) && set_option(x->fd, XDP_UMEM_COMPLETION_RING, XSK_TX_FRAMES) &&
           set_option(x->fd, XDP_RX_RING, XSK_RX_FRAMES) && set_option(x->fd, XDP_TX_RING, XSK_TX_FRAMES) &&
           getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size) == 0 &&
           map_ring(x, &x->rx, &at.rx, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc)) &&
           map_ring(x, &x->tx, &at.tx, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc)) &&
           map_ring(x, &x->fill, &at.fr, XDP_UMEM_PGOFF_FILL_RING, sizeof(u64)) &&
           map_ring(x, &x->completion, &at.cr, XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(u64));
}

/* Zero-copy where the driver has it: the kernel tries that first by itself. */
static bool bind_queue(struct xsk *x, const struct xsk_setup *setup)
{
    u16 flags = XDP_USE_NEED_WAKEUP | (setup->must_copy ? XDP_COPY : 0);
    struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_flags = flags, .sxdp_ifindex = setup->ifindex, .sxdp_queue_id = setup->queue};
    struct xdp_options options = {0};
    socklen_t size = sizeof options;
    if (bind(x->fd, (struct sockaddr *)&address, sizeof address) < 0)
        return false;
    x->is_zero_copy = getsockopt(x->fd, SOL_XDP, XDP_OPTIONS, &options, &size) == 0 && options.flags & XDP_OPTIONS_ZEROCOPY;
    return true;
}

static bool poll_busily(int fd)
{
    int on = 1, us = BUSY_POLL_US, budget = BURST_MAX;
    return setsockopt(fd, SOL_SOCKET, SO_PREFER_BUSY_POLL, &on, sizeof on) == 0 && setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &us, sizeof us) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL_BUDGET, &budget, sizeof budget) == 0;
}

static void fill_up(struct xsk *x);

struct xsk *xsk_open(const struct xsk_setup *setup, const char **what)
{
    struct xsk *x = aligned_alloc(64, (sizeof *x + 63) / 64 * 64);
    *what = "memory";
    if (!x)
        return NULL;
    memset(x, 0, sizeof *x);
    x->queue = setup->queue;
    x->frame_bytes = setup->frame_bytes;
    x->frame_count = setup->only_sends ? XSK_TX_FRAMES : XSK_FRAMES;
    x->frames = MAP_FAILED;
    x->rx.map = x->tx.map = x->fill.map = x->completion.map = MAP_FAILED;
    pthread_mutex_init(&x->lock, NULL);
    bool is_open = (x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)) >= 0 || (*what = "opening an AF_XDP socket", false);
    is_open = is_open && (map_frames(x) || (*what = "memory for frames", false));
    is_open = is_open && (register_frames(x) || (*what = "registering the memory of frames", false));
    is_open = is_open && (make_rings(x) || (*what = "making the rings", false));
    is_open = is_open && (bind_queue(x, setup) || (*what = "binding a queue", false));
    if (!is_open) {
        int saved = errno;
        xsk_close(x);
        errno = saved;
        return NULL;
    }
    set_option(x->fd, XDP_MAX_TX_SKB_BUDGET, XSK_TX_FRAMES); /* a burst in one call */
    x->is_busy_polling = setup->busy_poll && poll_busily(x->fd);
    for (u32 i = 0; i < x->frame_count; i++)
        x->free[x->free_count++] = (u64)(x->frame_count - 1 - i) * x->frame_bytes;
    if (!setup->only_sends)
        fill_up(x);
    return x;
}

static void unmap_ring(struct xsk_ring *r)
{
    if (r->map != MAP_FAILED)
        munmap(r->map, r->map_bytes);
}

void xsk_close(struct xsk *x)
{
    unmap_ring(&x->rx);
    unmap_ring(&x->tx);
    unmap_ring(&x->fill);
    unmap_ring(&x->completion);
    if (x->fd >= 0)
        close(x->fd);
    if (x->frames != MAP_FAILED)
        munmap(x->frames, x->frames_bytes);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

/* ---- Rings ---- */

static u32 theirs(const u32 *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void publish(u32 *index, u32 value)
{
    __atomic_store_n(index, value, __ATOMIC_RELEASE);
}

static bool wants_wakeup(const struct xsk *x, const struct xsk_ring *r)
{
    return x->is_busy_polling || __atomic_load_n(r->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP;
}

/* As many free frames as there is room for wait for packets. Under the lock. */
static void fill_up(struct xsk *x)
{
    u64 *entries = x->fill.entries;
    u32 n = XSK_RX_FRAMES - x->received;
    n = n < x->free_count ? n : x->free_count;
    for (u32 i = 0; i < n; i++)
        entries[x->fill.mine++ & x->fill.mask] = x->free[--x->free_count];
    x->received += n;
    if (n)
        publish(x->fill.producer, x->fill.mine);
}

static u64 frame_at(const struct xsk *x, u64 address)
{
    return address & ~(u64)(x->frame_bytes - 1);
}

static u8 *fate_of(struct xsk *x, u64 address)
{
    return &x->fate[address / x->frame_bytes];
}

/* Frames that have left are free again, but for those that the worker still has. Under the lock. */
static void reclaim(struct xsk *x)
{
    const u64 *entries = x->completion.entries;
    u32 n = theirs(x->completion.producer) - x->completion.mine;
    for (u32 i = 0; i < n; i++) {
        u64 address = entries[x->completion.mine++ & x->completion.mask];
        if (*fate_of(x, address) == XSK_SENDING)
            *fate_of(x, address) = XSK_SENT;
        else
            x->free[x->free_count++] = frame_at(x, address);
    }
    x->sending -= n;
    if (n)
        publish(x->completion.consumer, x->completion.mine);
}

/* Has the kernel send what is in the ring. False: it never will, since the device is down. */
static bool kick(struct xsk *x)
{
    for (u32 i = 0; i < KICKS_MAX && wants_wakeup(x, &x->tx) && theirs(x->tx.consumer) != theirs(x->tx.producer); i++) {
        if (sendto(x->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) >= 0)
            continue;
        if (errno == ENETDOWN || errno == ENXIO)
            return false;
        if (errno != EAGAIN && errno != EBUSY)
            break;
    }
    return true;
}

bool xsk_is_bound(const struct xsk *x)
{
    return recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL) >= 0 || errno != ENXIO;
}

/* ---- Receive ---- */

/* What the worker had waits for packets again, or will when it has left. */
static void give_back(struct xsk *x)
{
    pthread_mutex_lock(&x->lock);
    for (u32 i = 0; i < x->held_count; i++) {
        u8 *fate = fate_of(x, x->held[i]);
        if (*fate != XSK_SENDING)
            x->free[x->free_count++] = x->held[i];
        *fate = XSK_HELD;
    }
    x->held_count = 0;
    reclaim(x);
    fill_up(x);
    pthread_mutex_unlock(&x->lock);
}

void xsk_push(struct xsk *x)
{
    if (x->sending)
        kick(x);
}

u32 xsk_rx(struct xsk *x, struct packet *packets, u32 max)
{
    const struct xdp_desc *entries = x->rx.entries;
    if (x->held_count || x->sending)
        give_back(x);
    xsk_push(x);
    u32 n = theirs(x->rx.producer) - x->rx.mine;
    if (n == 0) {
        if (wants_wakeup(x, &x->fill))
            recvfrom(x->fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
        return 0;
    }
    n = n < max ? n : max;
    for (u32 i = 0; i < n; i++) {
        const struct xdp_desc *d = &entries[x->rx.mine++ & x->rx.mask];
        packets[i].data = x->frames + d->addr;
        __builtin_prefetch(packets[i].data); /* else the first to look waits for another core's memory, packet by packet */
        packets[i].end = packets[i].data + d->len;
        packets[i].engine = x;
        x->held[i] = frame_at(x, d->addr);
    }
    publish(x->rx.consumer, x->rx.mine);
    x->held_count = n;
    x->received -= n;
    return n;
}

/* ---- Send ---- */

/* Where in the memory of frames the packet leaves from; false: no room for a copy. Under the lock. */
static bool place(struct xsk *x, const struct packet *p, u64 *address)
{
    if (p->engine == x) {
        *address = (u64)(p->data - x->frames);
        *fate_of(x, *address) = XSK_SENDING;
        return true;
    }
    if (x->free_count == 0 || p->out_len > x->frame_bytes)
        return false;
    *address = x->free[--x->free_count];
    memcpy(x->frames + *address, p->data, p->out_len);
    return true;
}

/* Takes packets back that the kernel has not looked at, and won't: in copy mode it looks only when it is asked to. */
static bool take_back(struct xsk *x, u32 first, u32 last)
{
    const struct xdp_desc *entries = x->tx.entries;
    pthread_mutex_lock(&x->lock);
    bool is_possible = !x->is_zero_copy && theirs(x->tx.consumer) == first && x->tx.mine == last;
    while (is_possible && x->tx.mine != first) {
        u64 address = entries[--x->tx.mine & x->tx.mask].addr;
        if (*fate_of(x, address) == XSK_SENDING)
            *fate_of(x, address) = XSK_HELD;
        else
            x->free[x->free_count++] = frame_at(x, address);
        x->sending--;
    }
    if (is_possible)
        publish(x->tx.producer, x->tx.mine);
    pthread_mutex_unlock(&x->lock);
    return is_possible;
}

u64 xsk_tx(struct xsk *x, struct packet *const *packets, u32 count)
{
    struct xdp_desc *entries = x->tx.entries;
    u64 unsent = 0;
    pthread_mutex_lock(&x->lock);
    reclaim(x);
    u32 first = x->tx.mine;
    for (u32 i = 0; i < count; i++) {
        u64 address;
        if (x->sending == XSK_TX_FRAMES || !place(x, packets[i], &address)) {
            unsent |= 1ull << i;
            continue;
        }
        entries[x->tx.mine++ & x->tx.mask] = (struct xdp_desc){.addr = address, .len = packets[i]->out_len};
        x->sending++;
    }
    u32 last = x->tx.mine;
    publish(x->tx.producer, last);
    pthread_mutex_unlock(&x->lock);
    if (!kick(x) && take_back(x, first, last))
        return ~0ull >> (BURST_MAX - count);
    return unsent;
}

/* ---- Facts ---- */

static struct ring_level level(const struct xsk_ring *r)
{
    return (struct ring_level){.size = r->mask + 1, .used = theirs(r->producer) - theirs(r->consumer)};
}

void xsk_facts(struct xsk *x, struct queue_facts *facts)
{
    struct xdp_statistics s = {0};
    socklen_t size = sizeof s;
    getsockopt(x->fd, SOL_XDP, XDP_STATISTICS, &s, &size);
    facts->queue = x->queue;
    facts->copy = x->is_zero_copy ? "zero-copy" : "copy";
    facts->is_busy_polling = x->is_busy_polling;
    facts->has_huge_pages = x->has_huge_pages;
    facts->fill = level(&x->fill);
    facts->rx = level(&x->rx);
    facts->tx = level(&x->tx);
    facts->completion = level(&x->completion);
    facts->rx_dropped = s.rx_dropped;
    facts->rx_invalid_descs = s.rx_invalid_descs;
    facts->tx_invalid_descs = s.tx_invalid_descs;
    facts->rx_ring_full = s.rx_ring_full;
    facts->fill_ring_empty = s.rx_fill_ring_empty_descs;
    facts->tx_ring_empty = s.tx_ring_empty_descs;
}
