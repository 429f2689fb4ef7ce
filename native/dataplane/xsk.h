/* One AF_XDP socket (Documentation/networking/af_xdp.rst): a hardware queue of a device, its rings, the memory of its frames.
 *
 * Guarantees: a frame handed out by xsk_rx stays as it is until the next xsk_rx, whatever is sent of it; what is sent from a frame
 * of this socket is not copied. Threads: xsk_rx by the queue's worker alone; xsk_tx by any worker, since one without a queue of its
 * own sends by another's; the rest by who opened it. */
#pragma once
#include "device.h"
#include <pthread.h>

#define XSK_RX_FRAMES 4096 /* in the fill and receive rings: what a worker may be late by; powers of two */
#define XSK_TX_FRAMES 2048
#define XSK_FRAMES (XSK_RX_FRAMES + XSK_TX_FRAMES)
#define XSK_HEADROOM 256    /* the kernel's own before every packet, which encapsulation uses */
#define XSK_SMALL_FRAME 2048
#define XSK_LARGE_FRAME 4096 /* a page: without multi-buffer programs no packet is larger */

struct xsk_ring {
    u32 *producer, *consumer, *flags; /* shared with the kernel */
    void *entries;
    u32 mine, mask; /* the index that is ours; of size - 1 */
    void *map;
    size_t map_bytes;
};

enum xsk_fate { XSK_HELD, XSK_SENDING, XSK_SENT };

struct xsk {
    int fd;
    u32 queue, frame_bytes, frame_count;
    u8 *frames;
    size_t frames_bytes;
    bool is_zero_copy, has_huge_pages, is_busy_polling;
    struct xsk_ring rx, tx, fill, completion;
    u64 held[BURST_MAX]; /* frames of the burst that the worker has */
    u32 held_count;
    u32 received; /* by the kernel or waiting there for packets */
    pthread_mutex_t lock; /* over all below, the fill, send and completion rings */
    u32 sending;
    u32 free_count;
    u64 free[XSK_FRAMES];
    u8 fate[XSK_FRAMES]; /* of held ones: enum xsk_fate */
} __attribute__((aligned(64)));

struct xsk_setup {
    u32 ifindex, queue, frame_bytes;
    bool busy_poll;
    bool must_copy; /* zero-copy would take packets past generic XDP */
    bool only_sends; /* no frame waits for packets */
};

/* NULL with errno and `what` was done then. */
struct xsk *xsk_open(const struct xsk_setup *setup, const char **what);
/* False: the device has left this network namespace, and may be back. */
bool xsk_is_bound(const struct xsk *x);
void xsk_close(struct xsk *x);

u32 xsk_rx(struct xsk *x, struct packet *packets, u32 max);
/* Bit i: packet i was not taken. */
u64 xsk_tx(struct xsk *x, struct packet *const *packets, u32 count);
/* Sends what was left when the device had no room, as xsk_rx does. */
void xsk_push(struct xsk *x);
void xsk_facts(struct xsk *x, struct queue_facts *facts);
