#define _GNU_SOURCE
#include "claim.h"
#include "runner.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static void close_device(struct workers *all, u32 d)
{
    for (u32 w = 0; w < all->count; w++) {
        struct queue *queue = all->runner[w].queue[d];
        if (queue)
            queue->ops->close(queue);
        all->runner[w].queue[d] = NULL;
    }
    all->group[d] = 0;
}

static void close_all(struct workers *all)
{
    for (u32 d = 0; d < all->devices; d++) {
        close_device(all, d);
        gap_close(&all->gap[d]);
    }
    for (u32 w = 0; w < all->count; w++) {
        pthread_mutex_destroy(&all->runner[w].holding);
        overload_close(&all->runner[w].overload);
        if (all->runner[w].wake_fd >= 0)
            close(all->runner[w].wake_fd);
    }
    for (u32 d = 0; d < all->devices; d++)
        if (all->claim[d] >= 0)
            close(all->claim[d]);
    if (all->query_fd >= 0)
        close(all->query_fd);
    pthread_mutex_destroy(&all->opening);
    pthread_mutex_destroy(&all->telling);
    steering_free(&all->steering);
    free(all);
}

/* Handlers belong to the main thread: a packet worker never sees a signal. */
static bool start_thread(struct runner *r)
{
    sigset_t all_signals, before;
    char name[16];
    sigfillset(&all_signals);
    pthread_sigmask(SIG_SETMASK, &all_signals, &before);
    int result = pthread_create(&r->thread, NULL, run_worker, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (result != 0)
        return false;
    snprintf(name, sizeof name, "torii-worker-%u", r->worker->number);
    pthread_setname_np(r->thread, name);
    return true;
}

static void join_threads(struct workers *all, u32 started)
{
    atomic_store(&all->stopping, true);
    engine_kick(all);
    for (u32 w = 0; w < started; w++)
        pthread_join(all->runner[w].thread, NULL);
}

static bool claim_all(struct workers *all, struct device_error *error)
{
    for (u32 d = 0; d < all->devices; d++) {
        all->claim[d] = claim_device(all->spec[d].name, error);
        if (all->claim[d] < 0)
            return false;
    }
    return true;
}

/* One device for every worker, by the engine chosen for it. */
static bool open_device(struct workers *all, u32 d, struct device_error *error)
{
    for (u32 w = 0; w < all->count; w++) {
        struct runner *r = &all->runner[w];
        r->queue[d] = open_queue(all, w, d, error);
        if (!r->queue[d]) {
            close_device(all, d);
            return false;
        }
        atomic_store(&r->state[d], query_state(all, d, r->queue[d]));
    }
    return true;
}

/* By the first of its engines that starts. */
static bool choose_engine(struct workers *all, u32 d, struct device_error *error)
{
    const struct device_spec *spec = &all->spec[d];
    for (u32 i = 0; i < ENGINES_PER_DEVICE && spec->engines[i]; i++) {
        all->ops[d] = spec->engines[i];
        if (open_device(all, d, error))
            return true;
        snprintf(all->refused[d], sizeof all->refused[d], "no %s: %.*s", spec->engines[i]->engine, REASON_BYTES - 32, error->text);
    }
    return false;
}

static bool open_all(struct workers *all, struct device_error *error)
{
    for (u32 w = 0; w < all->count; w++)
        if (all->runner[w].wake_fd < 0)
            return false;
    for (u32 d = 0; d < all->devices; d++)
        if (!choose_engine(all, d, error))
            return false;
    return true;
}

struct workers *engine_start(struct engine *engine, const struct workers_start *how, struct device_error *error)
{
    u32 devices = how->devices, workers = how->workers;
    error->code = "internal";
    snprintf(error->text, sizeof error->text, "no memory or file descriptors for %u workers on %u devices", workers, devices);
    if (devices > DEVICES_MAX || workers == 0 || workers > engine->capacity.workers)
        return NULL;
    size_t bytes = sizeof(struct workers) + workers * sizeof(struct runner);
    struct workers *all = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!all)
        return NULL;
    memset(all, 0, bytes);
    all->engine = engine;
    all->devices = devices;
    all->count = workers;
    for (u32 d = 0; d < devices; d++)
        gap_init(&all->gap[d]);
    pthread_mutex_init(&all->opening, NULL);
    pthread_mutex_init(&all->telling, NULL);
    steering_init(&all->steering);
    all->query_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(all->spec, how->spec, devices * sizeof how->spec[0]);
    memset(all->claim, -1, sizeof all->claim);
    for (u32 w = 0; w < workers; w++) {
        all->runner[w].all = all;
        all->runner[w].worker = &engine->worker[w];
        all->runner[w].core = w < how->cores ? (int)how->core[w] : -1;
        all->runner[w].wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_mutex_init(&all->runner[w].holding, NULL);
        overload_open(&all->runner[w].overload, engine->capacity.tenants); /* without memory for it a worker sheds nothing */
    }
    if (!claim_all(all, error) || !open_all(all, error)) {
        close_all(all);
        return NULL;
    }
    engine->workers = workers;
    for (u32 w = 0; w < workers; w++)
        if (!start_thread(&all->runner[w])) {
            join_threads(all, w);
            engine->workers = 0;
            close_all(all);
            return NULL;
        }
    return all;
}

void engine_kick(struct workers *all)
{
    u64 one = 1;
    for (u32 w = 0; w < all->count; w++)
        if (write(all->runner[w].wake_fd, &one, sizeof one) < 0)
            continue; /* full: it is awake anyway */
}

void engine_stop(struct workers *all)
{
    join_threads(all, all->count);
    all->engine->workers = 0;
    close_all(all);
}

void engine_device_states(const struct workers *all, enum device_state *states)
{
    for (u32 d = 0; d < all->devices; d++) {
        states[d] = DEVICE_UP;
        for (u32 w = 0; w < all->count; w++) {
            enum device_state state = (enum device_state)atomic_load(&all->runner[w].state[d]);
            if (state > states[d])
                states[d] = state;
        }
    }
}

void engine_device_trouble(struct workers *all, u32 d, char text[REASON_BYTES])
{
    pthread_mutex_lock(&all->telling);
    memcpy(text, all->trouble[d], REASON_BYTES);
    pthread_mutex_unlock(&all->telling);
}

/* What `worker` holds of one device. */
static u32 facts_of(struct runner *r, u32 d, struct device_facts *facts, u32 max)
{
    struct queue_facts queues[QUEUES_PER_WORKER];
    const struct device_ops *ops = r->all->ops[d];
    pthread_mutex_lock(&r->holding);
    u32 count = r->queue[d] ? ops->facts(r->queue[d], queues) : 0;
    pthread_mutex_unlock(&r->holding);
    for (u32 i = 0; i < count && i < max; i++) {
        facts[i] = (struct device_facts){.device = d, .worker = r->worker->number, .engine = ops->engine, .queue = queues[i]};
        const char *refused = r->all->refused[d], *own = queues[i].reason;
        if (refused[0])
            snprintf(facts[i].queue.reason, REASON_BYTES, "%.*s%s%.*s", REASON_BYTES / 2, refused, own[0] ? "; " : "", REASON_BYTES / 2 - 4, own);
    }
    return count < max ? count : max;
}

u32 engine_facts(struct workers *all, struct device_facts *facts, u32 max)
{
    u32 n = 0;
    for (u32 d = 0; d < all->devices; d++)
        for (u32 w = 0; w < all->count; w++)
            n += facts_of(&all->runner[w], d, facts + n, max - n);
    return n;
}

bool engines_of(const char *word, const struct device_ops **engines)
{
    u32 n = 0;
    bool is_any = strcmp(word, "auto") == 0;
    if (is_any || strcmp(word, af_xdp.engine) == 0)
        engines[n++] = &af_xdp;
    if (is_any || strcmp(word, af_packet.engine) == 0)
        engines[n++] = &af_packet;
    return n > 0;
}

bool engine_take(struct workers *all, const line *snapshot, size_t lines, struct device_error *error)
{
    return steering_add(&all->steering, snapshot, lines, error);
}

void engine_settle(struct workers *all)
{
    const struct engine *e = all->engine;
    u32 generation = atomic_load(&e->generation);
    if (generation && engine_adopted(e) == generation)
        steering_keep(&all->steering, e->snapshot[generation & 1], e->capacity.snapshot_lines);
}
