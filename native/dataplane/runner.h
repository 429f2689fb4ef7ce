/* What the parts of a running engine share, and nobody else sees: workers.c opens and closes, runner.c is a worker's thread,
 * sending.c takes one burst from a device through the core and out again. */
#pragma once
#include "gap.h"
#include "overload.h"
#include "steering.h"
#include "workers.h"
#include <pthread.h>
#include <time.h>

#define PIECES_AT_ONCE 8
#define PIECE_FRAME_BYTES 9216 /* a jumbo frame; a piece is never larger than the next hop's MTU */

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
    pthread_mutex_t holding; /* its worker takes it to open, tend or close one; who reads facts, too */
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
    char trouble[DEVICES_MAX][REASON_BYTES]; /* why one that is there could not be taken up again; under `telling` */
    u32 group[DEVICES_MAX];
    void *shared[DEVICES_MAX];
    struct steering steering;
    int claim[DEVICES_MAX]; /* sockets of claim.h; what is not claimed is negative */
    u32 devices, count;
    struct gap gap[DEVICES_MAX];
    pthread_mutex_t opening; /* a device that returned is opened by several workers; they share its group */
    pthread_mutex_t telling; /* held for a copy: whoever asks must not wait for a device that is being opened */
    int query_fd; /* any socket, to ask the kernel about links */
    atomic_bool stopping;
    struct runner runner[];
};

static inline u64 now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

/* A burst from device `from`, if one is there. `*now` is when the worker began to look, and after a burst when that was done: one look
 * at the clock a burst. Returns the packets received. */
u32 run_burst(struct runner *r, u32 from, u64 *now);

/* The queue of device `d` for a worker; NULL: see `error`. */
struct queue *open_queue(struct workers *all, u32 worker, u32 d, struct device_error *error);

/* The state of device `d`, which `queue` is open on, or NULL. */
enum device_state query_state(const struct workers *all, u32 d, struct queue *queue);

/* Looks after device `d`: what it lost, its state, its return. */
void inspect_queue(struct runner *r, u32 d);

/* A worker's thread; `argument` is its runner. */
void *run_worker(void *argument);
