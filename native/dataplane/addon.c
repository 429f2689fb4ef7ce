/* Node-API glue of the packet path: the only file here that knows JavaScript.
 *
 * TypeScript validates, native assumes, except for what would corrupt memory. Engines are numbered process-wide, because each
 * JavaScript thread loads the addon for itself and needs its own view of the same memory. Nothing calls back into JavaScript. */
#include "memory.h"
#include "rest.h"
#include "workers.h"
#include "capture_glue.h"
#include "facts_glue.h"
#include "output_glue.h"
#include "tables_glue.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ENGINES_MAX 64

static struct engine *engines[ENGINES_MAX];
static struct workers *running[ENGINES_MAX]; /* of a live engine */
static pthread_mutex_t running_lock = PTHREAD_MUTEX_INITIALIZER; /* main starts and stops; other threads ask for facts */
static pthread_mutex_t engines_lock = PTHREAD_MUTEX_INITIALIZER;

static struct engine *engine_of(napi_env env, napi_value v)
{
    u32 id = as_u32(env, v);
    struct engine *e = NULL;
    if (id < ENGINES_MAX) {
        pthread_mutex_lock(&engines_lock);
        e = engines[id];
        pthread_mutex_unlock(&engines_lock);
    }
    if (!e)
        throw_error(env, "closed", "this engine is not open");
    return e;
}

static u64 monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* Capacity of src/dataplane/addon.ts. */
static struct capacity capacity_of(napi_env env, napi_value source)
{
    return (struct capacity){
        .vips = field_u32(env, source, "vips"),
        .backends = field_u32(env, source, "backends"),
        .tenants = field_u32(env, source, "tenants"),
        .snapshot_lines = field_u32(env, source, "snapshotLines"),
        .slot_lines = field_u32(env, source, "slotLines"),
        .flow_lines = field_u32(env, source, "flowLines"),
        .workers = field_u32(env, source, "workers"),
        .records = field_u32(env, source, "records"),
    };
}

/* ---- layout(): every offset of layout.h ---- */

static void layout_field(napi_env env, napi_value out, const char *name, size_t offset, size_t size, size_t count)
{
    napi_value f = object(env);
    set(env, f, "offset", number(env, (double)offset));
    set(env, f, "size", number(env, (double)size));
    set(env, f, "count", number(env, (double)count));
    set(env, out, name, f);
}

#define EXPORT_FIELD(type, name) layout_field(env, out, #name, __builtin_offsetof(self, name), sizeof(type), 1);
#define EXPORT_ARRAY(type, name, n) layout_field(env, out, #name, __builtin_offsetof(self, name), sizeof(type), n);
#define EXPORT_STRUCTURE(name, FIELDS) \
    static napi_value export_##name(napi_env env) \
    { \
        typedef struct name self; \
        napi_value out = object(env); \
        FIELDS(EXPORT_FIELD, EXPORT_ARRAY) \
        return out; \
    }
STRUCTURES(EXPORT_STRUCTURE)

static napi_value layout_verdicts(napi_env env)
{
    napi_value out, v;
    napi_create_array(env, &out);
#define EXPORT_VERDICT(n, upper, kind_word, reason_word) \
    v = object(env); \
    set(env, v, "number", number(env, n)); \
    set(env, v, "kind", string(env, #kind_word)); \
    set(env, v, "reason", string(env, #reason_word)); \
    napi_set_element(env, out, n, v);
    VERDICTS(EXPORT_VERDICT)
    return out;
}

static napi_value js_layout(napi_env env, napi_callback_info info)
{
    (void)info;
    napi_value out = object(env), structures = object(env), constants = object(env), tables = object(env), flows = object(env);
#define SET_STRUCTURE(name, FIELDS) set(env, structures, #name, export_##name(env));
    STRUCTURES(SET_STRUCTURE)
#define SET_CONSTANT(name) set(env, constants, #name, number(env, (double)(name)));
    CONSTANTS(SET_CONSTANT)
#define SET_TABLE(name, n) set(env, tables, #name, number(env, n));
    TABLES(SET_TABLE)
#define SET_FLOW(name, n) set(env, flows, #name, number(env, n));
    FLOW_KINDS(SET_FLOW)
    set(env, out, "structures", structures);
    set(env, out, "constants", constants);
    set(env, out, "tables", tables);
    set(env, out, "flowKinds", flows);
    set(env, out, "verdicts", layout_verdicts(env));
    return out;
}

/* ---- Engines ---- */

static napi_value js_open(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct capacity c = capacity_of(env, argv[0]);
    if (!c.vips || !c.backends || !c.tenants || c.snapshot_lines < SNAPSHOT_FIRST_SECTION || !c.slot_lines || c.workers == 0 ||
        c.workers > WORKERS_MAX || c.records > 1 || c.flow_lines < 2 || (c.flow_lines & (c.flow_lines - 1)))
        return throw_error(env, "capacity", "a capacity is zero, above its limit, or flowLines is no power of two");
    struct engine *e = engine_open(&c);
    if (!e)
        return throw_error(env, "memory", "not enough memory for the tables of the packet path");
    pthread_mutex_lock(&engines_lock);
    u32 id = 0;
    while (id < ENGINES_MAX && engines[id])
        id++;
    if (id < ENGINES_MAX)
        engines[id] = e;
    pthread_mutex_unlock(&engines_lock);
    if (id == ENGINES_MAX) {
        engine_close(e);
        return throw_error(env, "capacity", "too many engines are open");
    }
    return number(env, id);
}

static napi_value js_close(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    if (!e)
        return NULL;
    if (e->workers)
        return throw_error(env, "running", "stop the engine before closing it");
    capture_close(&e->capture); /* no worker is there to be at it */
    pthread_mutex_lock(&engines_lock);
    engines[as_u32(env, argv[0])] = NULL;
    pthread_mutex_unlock(&engines_lock);
    engine_close(e);
    return NULL;
}

/* prepare(engine, snapshot): pages for it, ahead of load(), which a thread calls that must not wait. */
static napi_value js_prepare(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    size_t size;
    struct engine *e = engine_of(env, argv[0]);
    const void *bytes = bytes_of(env, argv[1], &size);
    if (e && bytes)
        engine_prepare(e, bytes, size / LINE_BYTES);
    return NULL;
}

/* load(engine, snapshot, nowNs?): a live engine's clock is the monotonic one; the memory engine's is the caller's. */
static napi_value js_load(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    size_t argc = args(env, info, argv), size;
    struct engine *e = engine_of(env, argv[0]);
    if (!e)
        return NULL;
    const void *bytes = bytes_of(env, argv[1], &size);
    if (!bytes || size % LINE_BYTES)
        return throw_error(env, "snapshot_invalid", "a snapshot is whole lines of 64 bytes in a typed array");
    u64 now = monotonic_ns();
    bool lossless;
    if (argc > 2)
        napi_get_value_bigint_uint64(env, argv[2], &now, &lossless);
    struct workers *w = running[as_u32(env, argv[0])];
    struct device_error refused;
    if (w && !engine_take(w, bytes, size / LINE_BYTES, &refused))
        return throw_error(env, refused.code, refused.text);
    enum load_error error = engine_load(e, bytes, size / LINE_BYTES, now);
    if (error != LOAD_OK)
        return throw_error(env, error == LOAD_BUSY ? "busy" : "snapshot_invalid", load_error_text(error));
    return number(env, atomic_load(&e->generation));
}

/* adopted(engine): what every worker has adopted. The devices stop taking what is served no more then. */
static napi_value js_adopted(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    if (!e)
        return NULL;
    u32 adopted = engine_adopted(e);
    struct workers *w = running[as_u32(env, argv[0])];
    if (w)
        engine_settle(w);
    return number(env, adopted);
}

/* shape(engine): where the blocks of the counters lie, in lines. */
static napi_value js_shape(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], out;
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    if (!e)
        return NULL;
    const struct core *core = &e->worker[0].core;
    out = object(env);
    set(env, out, "workers", number(env, e->capacity.workers));
    set(env, out, "linesPerWorker", number(env, (double)e->counter_lines_per_worker));
    set(env, out, "vipCounters", number(env, core->vip_counters));
    set(env, out, "backendCounters", number(env, core->backend_counters));
    set(env, out, "tenantCounters", number(env, core->tenant_counters));
    set(env, out, "flowLines", number(env, e->capacity.flow_lines));
    set(env, out, "slotLines", number(env, e->capacity.slot_lines));
    napi_value has_records;
    napi_get_boolean(env, e->records != NULL, &has_records);
    set(env, out, "hasRecords", has_records);
    return out;
}

/* view(engine, table): this thread's ArrayBuffer over live memory. It must not be used after close. */
static napi_value js_view(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], out;
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    if (!e)
        return NULL;
    const struct capacity *c = &e->capacity;
    line *base;
    size_t lines;
    switch (as_u32(env, argv[1])) {
    case TABLE_SLOTS: base = e->slots; lines = c->slot_lines; break;
    case TABLE_FLOWS: base = e->flows; lines = (size_t)c->flow_lines * c->workers; break;
    case TABLE_COUNTERS: base = e->counters; lines = e->counter_lines_per_worker * c->workers; break;
    case TABLE_TENANTS: base = e->tenants; lines = c->tenants; break;
    case TABLE_PATHS: base = e->paths; lines = (c->backends + 7) / 8; break;
    case TABLE_RECORDS: base = e->records; lines = (size_t)c->flow_lines * c->workers * FLOWS_PER_LINE; break;
    default: return throw_error(env, "bad_request", "no view of this table");
    }
    if (!base)
        return throw_error(env, "bad_request", "this table was not asked for when the engine was opened");
    if (napi_create_external_arraybuffer(env, base, lines * sizeof(line), NULL, NULL, &out) != napi_ok)
        return throw_error(env, "internal", "this runtime does not allow views of native memory");
    return out;
}

/* ---- Live engine ---- */

/* start(engine, workers, devices: [{name, engine}], cores). Throws with a code of src/errors.ts. */
static napi_value js_start(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], element, v;
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    if (!e)
        return NULL;
    u32 id = as_u32(env, argv[0]), count = 0, cores = 0;
    struct workers_start how;
    memset(&how, 0, sizeof how);
    how.workers = as_u32(env, argv[1]);
    if (napi_get_array_length(env, argv[2], &count) != napi_ok || count == 0 || count > DEVICES_MAX || how.workers == 0 ||
        how.workers > e->capacity.workers || running[id])
        return throw_error(env, "bad_request", "start: one to sixteen devices, a possible number of workers, an engine that does not run");
    if (napi_get_array_length(env, argv[3], &cores) != napi_ok || cores > WORKERS_MAX)
        return throw_error(env, "bad_request", "start: expected the list of the workers' cores");
    how.devices = count;
    how.cores = cores;
    for (u32 i = 0; i < cores; i++) {
        napi_get_element(env, argv[3], i, &element);
        how.core[i] = as_u32(env, element);
    }
    for (u32 i = 0; i < count; i++) {
        char engine_name[16] = "";
        napi_get_element(env, argv[2], i, &element);
        napi_get_named_property(env, element, "name", &v);
        napi_get_value_string_utf8(env, v, how.spec[i].name, sizeof how.spec[i].name, NULL);
        napi_get_named_property(env, element, "engine", &v);
        napi_get_value_string_utf8(env, v, engine_name, sizeof engine_name, NULL);
        how.spec[i].busy_poll = field_u32(env, element, "busyPoll");
        how.spec[i].without_tcx = field_u32(env, element, "withoutTcx");
        if (!engines_of(engine_name, how.spec[i].engines))
            return throw_error(env, "bad_request", "start: no such engine");
    }
    struct device_error error;
    struct workers *w = engine_start(e, &how, &error);
    if (!w)
        return throw_error(env, error.code, error.text);
    running[id] = w;
    return NULL;
}

static struct workers *workers_of(napi_env env, napi_value v)
{
    return engine_of(env, v) ? running[as_u32(env, v)] : NULL;
}

static napi_value js_kick(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct workers *w = workers_of(env, argv[0]);
    if (w)
        engine_kick(w);
    return NULL;
}

static napi_value js_stop(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct workers *w = workers_of(env, argv[0]);
    if (w) {
        pthread_mutex_lock(&running_lock);
        running[as_u32(env, argv[0])] = NULL;
        pthread_mutex_unlock(&running_lock);
        engine_stop(w);
    }
    return NULL;
}

/* deviceStates(engine) → "up" | "forwarding" | "mtu" | "down" | "gone" per device, in the order of start. */
static napi_value js_device_states(napi_env env, napi_callback_info info)
{
    static const char *const names[] = {
        [DEVICE_UP] = "up", [DEVICE_FORWARDING] = "forwarding", [DEVICE_MTU] = "mtu", [DEVICE_DOWN] = "down", [DEVICE_GONE] = "gone",
    };
    napi_value argv[ARGS_MAX], out;
    size_t argc = args(env, info, argv);
    struct workers *w = workers_of(env, argv[0]);
    u32 count = argc > 1 ? as_u32(env, argv[1]) : 0;
    enum device_state states[DEVICES_MAX] = {0};
    napi_create_array(env, &out);
    if (!w || count > DEVICES_MAX)
        return out;
    engine_settle(w); /* where much was to give back */
    engine_device_states(w, states);
    for (u32 i = 0; i < count; i++)
        napi_set_element(env, out, i, string(env, names[states[i]]));
    return out;
}

/* deviceTrouble(engine, device) → why a device that is there is not taken up; empty: it is, or is not there. */
static napi_value js_device_trouble(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct workers *w = workers_of(env, argv[0]);
    u32 device = as_u32(env, argv[1]);
    char text[REASON_BYTES] = "";
    if (w && device < DEVICES_MAX)
        engine_device_trouble(w, device, text);
    return string(env, text);
}

/* deviceFacts(engine) → what each queue of each device is and how it does: QueueFacts of src/dataplane/addon.ts. */
static napi_value js_device_facts(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], out;
    args(env, info, argv);
    struct device_facts *facts = calloc(FACTS_MAX, sizeof *facts);
    pthread_mutex_lock(&running_lock);
    struct workers *w = workers_of(env, argv[0]);
    u32 count = facts && w ? engine_facts(w, facts, FACTS_MAX) : 0;
    pthread_mutex_unlock(&running_lock);
    napi_create_array(env, &out);
    for (u32 i = 0; i < count; i++)
        napi_set_element(env, out, i, device_facts_value(env, &facts[i]));
    free(facts);
    return out;
}

/* ---- Capture ---- */

static napi_value js_capture_open(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    return e ? open_capture(env, &e->capture, e->capacity.workers, argv[1]) : NULL;
}

/* captureDrain(engine, into) → bytes written; `into` has room for the longest record. */
static napi_value js_capture_drain(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    size_t room;
    struct engine *e = engine_of(env, argv[0]);
    u8 *into = bytes_of(env, argv[1], &room);
    return e && into ? number(env, (double)capture_drain(&e->capture, into, room)) : NULL;
}

static napi_value js_capture_counts(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    return e ? capture_counts_value(env, &e->capture) : NULL;
}

static napi_value end_capture(napi_env env, napi_callback_info info, bool (*end)(struct capture_port *))
{
    napi_value argv[ARGS_MAX], out = NULL;
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    if (e)
        napi_get_boolean(env, end(&e->capture), &out);
    return out;
}

/* captureStop(engine), captureClose(engine) → false while a worker is still at it. */
static napi_value js_capture_stop(napi_env env, napi_callback_info info)
{
    return end_capture(env, info, capture_stop);
}

static napi_value js_capture_close(napi_env env, napi_callback_info info)
{
    return end_capture(env, info, capture_close);
}

/* now() → the live engine's clock, ns. */
static napi_value js_now(napi_env env, napi_callback_info info)
{
    napi_value out;
    (void)info;
    napi_create_bigint_uint64(env, monotonic_ns(), &out);
    return out;
}

/* ---- Memory engine ---- */

/* run(engine, worker, frames, lengths, timesNs, outcomes) → {bytes, frames: offset and length of each}. */
static napi_value js_run(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    if (!e)
        return NULL;
    size_t input_size, lengths_size, times_size, outcomes_size;
    u32 worker = as_u32(env, argv[1]);
    const u8 *input = bytes_of(env, argv[2], &input_size);
    const u32 *lengths = bytes_of(env, argv[3], &lengths_size);
    const u64 *times = bytes_of(env, argv[4], &times_size);
    struct outcome *outcomes = bytes_of(env, argv[5], &outcomes_size);
    u32 n = (u32)(lengths_size / sizeof *lengths);
    size_t total = 0;
    for (u32 i = 0; i < n; i++)
        total += lengths[i];
    if (worker >= e->capacity.workers || total != input_size || times_size != n * sizeof *times || outcomes_size != n * sizeof *outcomes)
        return throw_error(env, "bad_request", "run: the arrays do not fit each other");
    struct memory_output output = {0};
    if (!memory_run(e, worker, input, lengths, times, n, outcomes, &output)) {
        memory_output_free(&output);
        return throw_error(env, "memory", "not enough memory for the frames of a run");
    }
    napi_value out = output_value(env, &output);
    memory_output_free(&output);
    return out;
}

/* rest(engine, worker, nowNs). */
static napi_value js_rest(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    u32 worker = as_u32(env, argv[1]);
    u64 now = 0;
    bool lossless;
    if (!e)
        return NULL;
    napi_get_value_bigint_uint64(env, argv[2], &now, &lossless);
    if (worker >= e->capacity.workers)
        return throw_error(env, "bad_request", "rest: no such worker");
    worker_rest(&e->worker[worker], now);
    return NULL;
}

/* bench(engine, worker, frames, lengths, flows, packets, load) → ns a packet. */
static napi_value js_bench(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    args(env, info, argv);
    struct engine *e = engine_of(env, argv[0]);
    if (!e)
        return NULL;
    size_t size, lengths_size, total = 0;
    struct bench_frames frames = {.bytes = bytes_of(env, argv[2], &size), .lengths = bytes_of(env, argv[3], &lengths_size)};
    u32 worker = as_u32(env, argv[1]), flows = as_u32(env, argv[4]), load = as_u32(env, argv[6]);
    double packets = 0;
    napi_get_value_double(env, argv[5], &packets);
    frames.count = (u32)(lengths_size / sizeof *frames.lengths);
    bool fits = frames.count > 0 && frames.count <= BENCH_FRAMES_MAX;
    for (u32 i = 0; fits && i < frames.count; i++) {
        fits = frames.lengths[i] >= 64 && frames.lengths[i] <= BENCH_LENGTH_MAX;
        total += frames.lengths[i];
    }
    if (!fits || total != size || worker >= e->capacity.workers || flows == 0 || load > BENCH_NEW_FLOWS)
        return throw_error(env, "bad_request", "bench: a worker, frames of 64 to 1536 bytes, flows ≥ 1, a load");
    return number(env, memory_bench(e, worker, &frames, flows, (u64)packets, load));
}

/* ---- Registration ---- */

static napi_value init(napi_env env, napi_value exports)
{
    static const struct glue_function functions[] = {
        {"layout", js_layout}, {"open", js_open}, {"close", js_close}, {"prepare", js_prepare}, {"load", js_load}, {"adopted", js_adopted},
        {"shape", js_shape},   {"view", js_view}, {"run", js_run},     {"rest", js_rest}, {"bench", js_bench},
        {"fillTables", js_fill_tables}, {"start", js_start}, {"kick", js_kick}, {"stop", js_stop},
        {"deviceStates", js_device_states}, {"deviceTrouble", js_device_trouble}, {"deviceFacts", js_device_facts}, {"now", js_now},
        {"captureOpen", js_capture_open}, {"captureDrain", js_capture_drain}, {"captureCounts", js_capture_counts},
        {"captureStop", js_capture_stop}, {"captureClose", js_capture_close},
    };
    return export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

NAPI_MODULE(dataplane, init)
