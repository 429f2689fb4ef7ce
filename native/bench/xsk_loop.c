/* The bare loop that engine af_xdp is measured against: one AF_XDP socket on queue 0 of a device, loop.h in the headroom that
 * XDP leaves before every frame, the frame sent from where it was received. usage: xsk_loop OBJECT DEVICE SECONDS
 *
 * OBJECT is xsk_loop_bpf.c compiled. Copy mode, as a veth has no other; need_wakeup. Rings are as large as the engine's. Says
 * "ready" once it receives (af_xdp.rst). Needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF. */
#define _GNU_SOURCE
#include "loop.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS 4096u /* of each ring, and frames */
#define FRAME_BYTES 2048u
#define SENT_AT_ONCE 32u /* what the kernel takes of a ring in one call */

struct ring {
    uint32_t *producer, *consumer, *flags;
    void *slots;
};

struct loop {
    int fd;
    uint8_t *frames;
    struct ring fill, done, rx, tx;
};

static uint32_t filled(const struct ring *r)
{
    return __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - *r->consumer;
}

static void advance(uint32_t *index, uint32_t count)
{
    __atomic_store_n(index, *index + count, __ATOMIC_RELEASE);
}

static struct xdp_desc *descriptor(const struct ring *r, uint32_t at)
{
    return (struct xdp_desc *)r->slots + at % SLOTS;
}

/* ---- Opening ---- */

static int map_ring(struct ring *r, int fd, const struct xdp_ring_offset *at, off_t which, size_t slot_bytes)
{
    uint8_t *memory = mmap(NULL, at->desc + SLOTS * slot_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, which);
    if (memory == MAP_FAILED)
        return -1;
    r->producer = (uint32_t *)(memory + at->producer);
    r->consumer = (uint32_t *)(memory + at->consumer);
    r->flags = (uint32_t *)(memory + at->flags);
    r->slots = memory + at->desc;
    return 0;
}

static int open_rings(struct loop *l)
{
    static const int sizes[] = {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING, XDP_TX_RING};
    struct xdp_umem_reg area = {.addr = (uint64_t)(uintptr_t)l->frames, .len = SLOTS * FRAME_BYTES, .chunk_size = FRAME_BYTES};
    struct xdp_mmap_offsets at;
    socklen_t size = sizeof at;
    uint32_t slots = SLOTS;
    if (setsockopt(l->fd, SOL_XDP, XDP_UMEM_REG, &area, sizeof area) < 0)
        return -1;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (setsockopt(l->fd, SOL_XDP, sizes[i], &slots, sizeof slots) < 0)
            return -1;
    if (getsockopt(l->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size) < 0 ||
        map_ring(&l->fill, l->fd, &at.fr, (off_t)XDP_UMEM_PGOFF_FILL_RING, sizeof(uint64_t)) < 0 ||
        map_ring(&l->done, l->fd, &at.cr, (off_t)XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(uint64_t)) < 0 ||
        map_ring(&l->rx, l->fd, &at.rx, XDP_PGOFF_RX_RING, sizeof(struct xdp_desc)) < 0 ||
        map_ring(&l->tx, l->fd, &at.tx, XDP_PGOFF_TX_RING, sizeof(struct xdp_desc)) < 0)
        return -1;
    for (uint32_t i = 0; i < SLOTS; i++)
        ((uint64_t *)l->fill.slots)[i] = (uint64_t)i * FRAME_BYTES;
    advance(l->fill.producer, SLOTS);
    return 0;
}

static int open_loop(struct loop *l, const char *device)
{
    struct sockaddr_xdp address = {.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY | XDP_USE_NEED_WAKEUP, .sxdp_ifindex = if_nametoindex(device)};
    l->fd = socket(AF_XDP, SOCK_RAW, 0);
    l->frames = mmap(NULL, SLOTS * FRAME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (l->fd < 0 || l->frames == MAP_FAILED || open_rings(l) < 0)
        return -1;
    return bind(l->fd, (struct sockaddr *)&address, sizeof address);
}

static int attach(const struct loop *l, const char *path, const char *device)
{
    uint32_t zero = 0;
    struct bpf_object *object = bpf_object__open_file(path, NULL);
    if (!object || bpf_object__load(object))
        return -1;
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "sockets"), &zero, &l->fd, BPF_ANY) < 0)
        return -1;
    struct bpf_program *program = bpf_object__find_program_by_name(object, "torii_to_socket");
    return bpf_xdp_attach((int)if_nametoindex(device), bpf_program__fd(program), XDP_FLAGS_DRV_MODE, NULL);
}

/* ---- Forwarding ---- */

/* Frames that were sent can be received into again. */
static void recycle(struct loop *l)
{
    uint32_t count = filled(&l->done);
    for (uint32_t i = 0; i < count; i++)
        ((uint64_t *)l->fill.slots)[(*l->fill.producer + i) % SLOTS] =
            ((uint64_t *)l->done.slots)[(*l->done.consumer + i) % SLOTS] / FRAME_BYTES * FRAME_BYTES;
    advance(l->done.consumer, count);
    advance(l->fill.producer, count);
}

static void forward(struct loop *l, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct xdp_desc *from = descriptor(&l->rx, *l->rx.consumer + i);
        uint8_t *frame = encapsulate(l->frames + from->addr);
        *descriptor(&l->tx, *l->tx.producer + i) =
            (struct xdp_desc){.addr = (uint64_t)(frame - l->frames), .len = from->len + OUTER_BYTES};
    }
    advance(l->rx.consumer, count);
    advance(l->tx.producer, count);
    for (uint32_t sent = 0; sent < count; sent += SENT_AT_ONCE)
        if (*l->tx.flags & XDP_RING_NEED_WAKEUP)
            sendto(l->fd, NULL, 0, MSG_DONTWAIT, NULL, 0);
}

static void run(struct loop *l)
{
    struct pollfd wait = {.fd = l->fd, .events = POLLIN};
    while (!stopping) {
        uint32_t count = filled(&l->rx);
        recycle(l);
        if (count == 0)
            poll(&wait, 1, 100);
        else
            forward(l, count < BURST ? count : BURST);
    }
}

int main(int argc, char **argv)
{
    struct loop loop = {0};
    if (argc != 4 || atoi(argv[3]) < 1) {
        fprintf(stderr, "usage: xsk_loop OBJECT DEVICE SECONDS\n");
        return 64;
    }
    libbpf_set_print(NULL);
    if (open_loop(&loop, argv[2]) < 0 || attach(&loop, argv[1], argv[2]) < 0)
        return fail("xsk_loop: opening its socket");
    begin();
    alarm((unsigned)atoi(argv[3]));
    puts("ready");
    fflush(stdout);
    run(&loop);
    bpf_xdp_detach((int)if_nametoindex(argv[2]), XDP_FLAGS_DRV_MODE, NULL);
    return 0;
}
