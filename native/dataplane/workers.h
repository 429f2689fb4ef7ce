/* The running half of an engine: one thread per worker that takes bursts from its devices, runs the core on them and sends
 * what comes out. Threads call nothing in JavaScript and read one word to learn of new snapshots. */
#pragma once
#include "device.h"

struct workers;

/* One hardware queue of a device as a worker holds it. */
struct device_facts {
    u32 device, worker;
    const char *engine;
    struct queue_facts queue;
};

struct workers_start {
    struct device_spec spec[DEVICES_MAX]; /* numbered as the snapshot's backend lines mean it by `device` */
    u32 devices, workers;
    u32 core[WORKERS_MAX], cores; /* worker n stays on core[n]; those beyond `cores` run anywhere */
};

/* Opens every device for every worker, then starts the threads; all or nothing. NULL: see `error`. Blocks for the few ms that
 * rings need. */
struct workers *engine_start(struct engine *engine, const struct workers_start *how, struct device_error *error);

/* Before a snapshot is loaded: has the devices take what it is to serve, beside what they take already. False: see `error`. */
bool engine_take(struct workers *workers, const line *snapshot, size_t lines, struct device_error *error);

/* Has the devices take no more than the snapshot in force serves, once every worker has adopted it. By the thread that loads. */
void engine_settle(struct workers *workers);

/* Wakes idle workers, so that they adopt what engine_load has put in force at once. Any thread. */
void engine_kick(struct workers *workers);

/* Ends the threads after their burst, closes the devices, frees. Counters stay readable. */
void engine_stop(struct workers *workers);

/* Worst state of each device over all workers, in the order of `spec`. Any thread. */
void engine_device_states(const struct workers *workers, enum device_state *states);

/* Why a device that is there is not taken up, a sentence; empty where it is, or is not there. Any thread; it waits
 * for no worker, not even for one that is opening the device. */
void engine_device_trouble(struct workers *workers, u32 device, char text[REASON_BYTES]);

/* Facts on every queue that is open, device by device, at most `max`; returns how many. Any thread, as long as nobody stops the
 * engine. */
u32 engine_facts(struct workers *workers, struct device_facts *facts, u32 max);

/* The engines that a word of the document stands for ("af_packet", "auto"), best first, in `engines`; false: none. */
bool engines_of(const char *word, const struct device_ops **engines);
