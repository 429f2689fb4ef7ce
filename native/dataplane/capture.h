/* Samples of live packets, each with its verdict, for `torii capture`: a ring a worker writes and an operator's thread reads.
 *
 * Guarantees: while no capture is on a burst costs a worker one load and one branch; while one is on it never waits: what finds
 * its ring full, or the capture's rate used up, is counted and let go. A packet is kept as it came in, before the core touched
 * it, and as it leaves. Threads: begin, stage and commit by the worker, in that order around each burst; all else by any
 * thread, one at a time. Leaves out: names, files, the kernel's in-driver engine. */
#pragma once
#include "../core/core.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define CAPTURE_DEVICES_MAX 16
#define CAPTURE_SNAP_MAX (FRAME_BYTES_MAX + ENCAP_ROOM)

struct capture;
struct capture_tap; /* one worker's part of a capture */

struct capture_port {
    _Atomic(struct capture *) on; /* what workers look at; NULL: no capture */
    struct capture *capture;      /* the one that is open, be it stopped */
    pthread_mutex_t lock;         /* of all but the workers */
    _Atomic u32 inside[WORKERS_MAX]; /* 1: that worker is between begin and commit */
} __attribute__((aligned(64)));

/* An address and how many of its bits count; no bits: any. IPv4 mapped, so 96 more. */
struct capture_prefix {
    u8 address[16];
    u32 bits;
};

/* Which packets are wanted: all that hold. */
struct capture_filter {
    u32 verdicts; /* bit n: verdict n */
    u32 vip;      /* index; 0: any */
    struct capture_prefix client, destination; /* source and destination as the packet came in */
    struct capture_prefix backend;
    u32 sample;       /* of so many wanted ones the first is taken */
    u32 rate;         /* packets a second, all workers together */
    u32 snap_bytes;   /* of each packet, at most */
    bool with_output; /* as it leaves, too */
};

/* Of one device. matched = taken + limited + missed + those that `sample` left out. */
struct capture_counts {
    u64 received, matched, taken, limited, missed;
};

enum capture_error { CAPTURE_OK, CAPTURE_BUSY, CAPTURE_NO_MEMORY };

/* Busy: another one is open. */
enum capture_error capture_open(struct capture_port *port, const struct capture_filter *filter, u32 workers);

/* Samples of any number of whole records: struct capture_record, then the bytes that came in and those that leave, each part
 * filled up to 8. Returns the bytes written to `into`, at most `room`, which holds one of the longest at least. */
size_t capture_drain(struct capture_port *port, u8 *into, size_t room);
size_t capture_record_max(const struct capture_filter *filter);

/* Sums over workers, by device number. */
void capture_count(struct capture_port *port, struct capture_counts counts[CAPTURE_DEVICES_MAX]);

/* Ends the taking; what is in the rings can still be read. Whether no worker is at it any more: else ask again. */
bool capture_stop(struct capture_port *port);

/* Frees a stopped capture. False while a worker is at it. */
bool capture_close(struct capture_port *port);

/* ---- The worker's side ---- */

struct capture_tap *capture_enter(struct capture_port *port, u32 worker, const struct packet *packets, u32 n, u32 device);

/* Before the core runs on a burst that came from `device`. NULL: there is no capture, and no more to be done. */
static always_inline struct capture_tap *capture_begin(struct capture_port *port, u32 worker, const struct packet *packets, u32 n, u32 device)
{
    if (likely(!atomic_load_explicit(&port->on, memory_order_relaxed)))
        return NULL;
    return capture_enter(port, worker, packets, n, device);
}

/* When verdicts are there and nothing was sent yet. */
void capture_stage(struct capture_tap *tap, const struct core *core, const struct packet *packets, u32 n);

/* When all was sent: takes in what no device took, shows the burst to the reader. */
void capture_commit(struct capture_tap *tap, const struct core *core, const struct packet *packets, u32 n);
