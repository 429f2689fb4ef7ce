/* The seam between the workers and what brings them packets: one `struct queue` is one worker's hold on one network
 * device. Engines (af_packet, af_xdp) fill a table of functions and nothing else knows them.
 *
 * Guarantees an engine gives: packets of rx have ENCAP_ROOM writable bytes before `data`, a tag the hardware took off is
 * back in the frame, L4 checksums the kernel left open are complete, and they stay valid until the next rx of the same
 * device; what tx sends never comes back by rx. Threads: open and close by the starter or the worker, the rest by the
 * worker alone. */
#pragma once
#include "engine.h"

struct steering;

#define DEVICE_NAME_BYTES 16 /* IFNAMSIZ */
#define DEVICES_MAX 16

#define ENGINES_PER_DEVICE 2

struct device_spec {
    char name[DEVICE_NAME_BYTES];
    const struct device_ops *engines[ENGINES_PER_DEVICE]; /* the first that starts; NULL: no more */
    bool busy_poll; /* asked for, where the engine can */
    bool without_tcx; /* for tests: as on a kernel that has none */
};

/* Why something did not start: `code` is a key of src/errors.ts, `text` a sentence that says what to do. */
struct device_error {
    const char *code;
    char text[512];
};

/* Later ones are worse. */
enum device_state {
    DEVICE_UP,
    DEVICE_FORWARDING, /* works, but the kernel forwards the same packets, too */
    DEVICE_MTU,  /* its MTU was raised above what the engine takes: larger packets are lost */
    DEVICE_DOWN, /* no link, or set down */
    DEVICE_GONE, /* removed; opened again when one of that name returns */
};

struct device_open {
    const char *name;
    u32 worker, workers;
    u32 *group; /* what the workers of one device share; 0 until the first has opened it. One opens at a time */
    bool is_best; /* there is another engine to fall back to: rather refuse than run in a mode that is worse than that one */
    bool busy_poll, without_tcx;
    void **shared;              /* the engine's own for this device: what its workers have in common */
    struct steering *steering;  /* what VIP traffic is, for engines that take it from the kernel */
};

struct queue {
    const struct device_ops *ops;
    u32 ifindex;
    /* A worker whose packets come closer than that looks again and again for as long after the last one, instead of sleeping; 0: never.
     * Set by open. */
    u64 linger_ns;
};

#define REASON_BYTES 320
#define QUEUES_PER_WORKER 16 /* hardware queues of one device that one worker may hold */

/* What a queue is and how it does, for people. Read while its worker runs: each number for itself is right. */
struct ring_level {
    u32 size, used; /* in frames; 0, 0: the engine has no such ring */
};

struct queue_facts {
    const char *xdp;  /* "native", "generic" or "none" */
    const char *copy; /* "zero-copy", "copy" or "ring" */
    u32 queue;        /* the device's number of it; of a socket of a fanout group the worker's */
    bool is_busy_polling, has_huge_pages;
    char reason[REASON_BYTES]; /* why nothing better, a sentence; empty where this is the best there is */
    struct ring_level fill, rx, tx, completion;
    /* XDP_STATISTICS; of af_packet rx_dropped alone: what found the ring full. */
    u64 rx_dropped, rx_invalid_descs, tx_invalid_descs, rx_ring_full, fill_ring_empty, tx_ring_empty;
};

struct device_ops {
    const char *engine;
    struct queue *(*open)(const struct device_open *how, struct device_error *error); /* NULL: refused, see error */
    void (*close)(struct queue *);
    u32 (*fds)(const struct queue *, int *fds); /* to poll for POLLIN, at most QUEUES_PER_WORKER */
    /* Up to `max` (at most BURST_MAX) frames; bit i of `*oversize`: packet i is a super-frame that cannot be cut. */
    u32 (*rx)(struct queue *, struct packet *packets, u32 max, u64 *oversize);
    /* Sends out_len bytes of each; bit i of the result: packet i was not taken. */
    u64 (*tx)(struct queue *, struct packet *const *packets, u32 count);
    void (*tend)(struct queue *); /* several times a second, whatever the device's state: what must be kept fresh; NULL: nothing */
    enum device_state (*state)(struct queue *); /* of a device that is there and has a link; DEVICE_GONE: to be opened anew */
    /* Gives the kernel what the core passed on, where it does not have it anyway; NULL: it always has. */
    void (*pass)(struct queue *, struct packet *const *packets, u32 count);
    u64 (*lost)(struct queue *); /* frames that found the receive ring full since the last call */
    /* One for each hardware queue, at most QUEUES_PER_WORKER. Another thread may call it, while the queue is open. */
    u32 (*facts)(struct queue *, struct queue_facts *facts);
};

extern const struct device_ops af_packet, af_xdp;
