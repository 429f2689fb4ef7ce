/* An instance of the packet path in this process: its tables, its workers' view of them, its snapshots.
 *
 * Guarantees: a snapshot is validated whole before any worker can see it; a worker adopts at the start of a burst and says
 * so in word 0 of its counters; a snapshot's memory is not written again before every worker has adopted its successor.
 * Threads: engine_load by one thread at a time; worker_burst by the worker's own; counters are read by anybody. */
#pragma once
#include "../core/recent.h"
#include "capture.h"
#include <stdatomic.h>
#include <stddef.h>

#define BURST_MAX 64

struct capacity {
    u32 vips, backends, tenants; /* highest index + 1 */
    u32 snapshot_lines;          /* of each of the two sides */
    u32 slot_lines;
    u32 flow_lines;              /* buckets per worker, a power of two */
    u32 workers;
    u32 records; /* 1: flows have records */
};

struct engine;

/* How far a worker has looked for what has expired. */
struct sweep {
    u64 done_ns; /* up to when it has done what was due */
    u32 at;      /* next bucket */
};

struct worker {
    struct core core;      /* its view of the tables; the lines of the adopted snapshot */
    struct engine *engine;
    u32 number;
    u32 adopted;           /* generation */
    struct sweep flows, fragments;
    u32 recorded;          /* bursts */
    struct recent_vips recent_vips;
} __attribute__((aligned(64)));

struct engine {
    struct capacity capacity;
    line *snapshot[2];
    line *slots, *flows, *counters, *tenants, *fragments, *paths;
    line *records; /* NULL: flows have none */
    size_t counter_lines_per_worker;
    _Atomic u32 generation; /* of the snapshot in force; its side is generation & 1, 0: none yet */
    u32 workers;            /* running, at most capacity.workers */
    struct capture_port capture;
    struct worker worker[WORKERS_MAX];
};

/* NULL when memory is short. All tables are zero; flows lie on huge pages where the kernel has some. */
struct engine *engine_open(const struct capacity *capacity);
void engine_close(struct engine *engine);

/* What load found wrong; the old snapshot stays in force. */
enum load_error {
    LOAD_OK,
    LOAD_BUSY,      /* a worker has not adopted the generation before this one yet */
    LOAD_TOO_LARGE,
    LOAD_MAGIC,
    LOAD_VERSION,
    LOAD_LENGTH,
    LOAD_SECTION,   /* a section reaches beyond the snapshot */
    LOAD_INDEX,     /* an index points outside its section or table */
    LOAD_GENERATION /* not the successor of the one in force */
};

/* Takes the pages that loading this snapshot will write, so that the thread that loads it need not wait for them. Changes no
 * byte; any thread, while nobody loads. */
void engine_prepare(struct engine *engine, const line *snapshot, size_t lines);

/* Copies, validates and puts in force `lines` lines, with the next generation number. `now_ns` is the workers' clock (token buckets are rescaled to it). */
enum load_error engine_load(struct engine *engine, const line *snapshot, size_t lines, u64 now_ns);
const char *load_error_text(enum load_error error);

/* The lowest generation that a running worker has adopted; with no worker running, the one in force. */
u32 engine_adopted(const struct engine *engine);

/* Runs up to BURST_MAX parsed-in-place packets: verdicts, devices and new bounds come back in them. Adopts a new snapshot
 * first; without any snapshot every packet passes. */
void worker_burst(struct worker *worker, struct packet *packets, u32 n, u64 now_ns);

/* For an idle worker: adopts, sweeps a little. Whether there is more to sweep before it may sleep. */
bool worker_idle(struct worker *worker, u64 now_ns);

/* First counter line of a worker, and a word of its worker_counters. */
line *worker_counters_line(struct engine *engine, u32 worker);
