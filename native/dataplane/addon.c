/* Node-API glue of the packet path: engines, their tables and captures, and the list of all that JavaScript may call. The *_glue.h
 * beside it are parts of it; no other file here knows JavaScript.
 *
 * TypeScript validates, native assumes, except for what would corrupt memory. Nothing calls back into JavaScript. */
#include "capture_glue.h"
#include "engine_glue.h"
#include "handles_glue.h"
#include "layout_glue.h"
#include "live_glue.h"
#include "memory_glue.h"
#include "tables_glue.h"
#include <time.h>

static u64 monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
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
    u32 id = add_engine(e);
    if (id == ENGINES_MAX) {
        engine_close(e);
        return throw_error(env, "capacity", "too many engines are open");
    }
    return number(env, id);
}

static napi_value js_close(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct engine *e = engine_args(env, info, argv);
    if (!e)
        return NULL;
    if (e->workers)
        return throw_error(env, "running", "stop the engine before closing it");
    capture_close(&e->capture); /* no worker is there to be at it */
    remove_engine(as_u32(env, argv[0]));
    engine_close(e);
    return NULL;
}

/* prepare(engine, snapshot): pages for it, ahead of load(), which a thread calls that must not wait. */
static napi_value js_prepare(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    size_t size;
    struct engine *e = engine_args(env, info, argv);
    const void *bytes = bytes_of(env, argv[1], &size);
    if (e && bytes)
        engine_prepare(e, bytes, size / LINE_BYTES);
    return NULL;
}

/* load(engine, snapshot, nowNs?): a live engine's clock is the monotonic one; the memory engine's is the caller's. */
static napi_value js_load(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    size_t size;
    struct engine *e = engine_args(env, info, argv);
    if (!e)
        return NULL;
    const void *bytes = bytes_of(env, argv[1], &size);
    if (!bytes || size % LINE_BYTES)
        return throw_error(env, "snapshot_invalid", "a snapshot is whole lines of 64 bytes in a typed array");
    u64 now = monotonic_ns();
    read_u64(env, argv[2], &now);
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
    struct engine *e = engine_args(env, info, argv);
    if (!e)
        return NULL;
    u32 adopted = engine_adopted(e);
    struct workers *w = running[as_u32(env, argv[0])];
    if (w)
        engine_settle(w);
    return number(env, adopted);
}

static napi_value js_shape(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct engine *e = engine_args(env, info, argv);
    return e ? shape_value(env, e) : NULL;
}

/* view(engine, table): this thread's ArrayBuffer over live memory. It must not be used after close. */
static napi_value js_view(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], out;
    struct engine *e = engine_args(env, info, argv);
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

/* ---- Capture ---- */

static napi_value js_capture_open(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct engine *e = engine_args(env, info, argv);
    return e ? open_capture(env, &e->capture, e->capacity.workers, argv[1]) : NULL;
}

/* captureDrain(engine, into) → bytes written; `into` has room for the longest record. */
static napi_value js_capture_drain(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    size_t room;
    struct engine *e = engine_args(env, info, argv);
    u8 *into = bytes_of(env, argv[1], &room);
    return e && into ? number(env, (double)capture_drain(&e->capture, into, room)) : NULL;
}

static napi_value js_capture_counts(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct engine *e = engine_args(env, info, argv);
    return e ? capture_counts_value(env, &e->capture) : NULL;
}

static napi_value end_capture(napi_env env, napi_callback_info info, bool (*end)(struct capture_port *))
{
    napi_value argv[ARGS_MAX];
    struct engine *e = engine_args(env, info, argv);
    return e ? boolean(env, end(&e->capture)) : NULL;
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
    (void)info;
    return bigint(env, monotonic_ns());
}

/* ---- Registration ---- */

static napi_value init(napi_env env, napi_value exports)
{
    static const struct glue_function functions[] = {
        {"layout", js_layout}, {"open", js_open}, {"close", js_close}, {"prepare", js_prepare}, {"load", js_load}, {"adopted", js_adopted},
        {"shape", js_shape},   {"view", js_view}, {"run", js_run},     {"rest", js_rest}, {"bench", js_bench},
        {"fillTables", js_fill_tables}, {"start", js_start}, {"sweep", js_sweep}, {"kick", js_kick}, {"stop", js_stop},
        {"deviceStates", js_device_states}, {"deviceTrouble", js_device_trouble}, {"deviceFacts", js_device_facts}, {"now", js_now},
        {"captureOpen", js_capture_open}, {"captureDrain", js_capture_drain}, {"captureCounts", js_capture_counts},
        {"captureStop", js_capture_stop}, {"captureClose", js_capture_close},
    };
    return export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

NAPI_MODULE(dataplane, init)
