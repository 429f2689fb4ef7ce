/* The seam between the workers and what brings them packets: one `struct queue` is one worker's hold on one network
 * device. Engines (af_packet now, af_xdp beside it later) fill a table of functions and nothing else knows them.
 *
 * Guarantees an engine gives: packets of rx have ENCAP_ROOM writable bytes before `data`, a tag the hardware took off is
 * back in the frame, L4 checksums the kernel left open are complete, and they stay valid until the next rx of the same
 * device; what tx sends never comes back by rx. Threads: open and close by the starter or the worker, the rest by the
 * worker alone. */
#pragma once
#include "engine.h"

#define DEVICE_NAME_BYTES 16 /* IFNAMSIZ */
#define DEVICES_MAX 16

struct device_spec {
    char name[DEVICE_NAME_BYTES];
    const struct device_ops *ops;
};

/* Why something did not start: `code` is a key of src/errors.ts, `text` a sentence that says what to do. */
struct device_error {
    const char *code;
    char text[512];
};

enum device_state {
    DEVICE_UP,
    DEVICE_FORWARDING, /* works, but the kernel forwards the same packets, too */
    DEVICE_DOWN, /* no link, or set down */
    DEVICE_GONE, /* removed; opened again when one of that name returns */
};

struct device_open {
    const char *name;
    u32 worker, workers;
    u32 *group; /* what the workers of one device share; 0 until the first has opened it. One opens at a time */
};

struct queue {
    const struct device_ops *ops;
    u32 ifindex;
};

struct device_ops {
    const char *engine;
    struct queue *(*open)(const struct device_open *how, struct device_error *error); /* NULL: refused, see error */
    void (*close)(struct queue *);
    int (*fd)(const struct queue *); /* to poll for POLLIN */
    /* Up to `max` (at most BURST_MAX) frames; bit i of `*oversize`: packet i is a super-frame that cannot be cut. */
    u32 (*rx)(struct queue *, struct packet *packets, u32 max, u64 *oversize);
    /* Sends out_len bytes of each; bit i of the result: packet i was not taken. */
    u64 (*tx)(struct queue *, struct packet *const *packets, u32 count);
    bool (*is_forwarded)(const struct queue *); /* whether the kernel forwards the same packets, too */
    u64 (*lost)(struct queue *); /* frames that found the receive ring full since the last call */
};

extern const struct device_ops af_packet;
