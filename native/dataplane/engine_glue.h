/* What an engine takes from JavaScript and gives to it: capacity, shape, a run and its output. Shared with the test addon that runs
 * the core in the kernel. */
#pragma once
#include "memory.h"
#include <string.h>
#include "../glue.h" /* after the core, which defines bool for itself */

/* Capacity of src/dataplane/addon.ts. */
static inline struct capacity capacity_of(napi_env env, napi_value source)
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

/* Where the blocks of the counters lie, in lines; CounterShape of src/dataplane/addon.ts. */
static inline napi_value shape_value(napi_env env, const struct engine *e)
{
    const struct core *core = &e->worker[0].core;
    napi_value out = object(env);
    set(env, out, "workers", number(env, e->capacity.workers));
    set(env, out, "linesPerWorker", number(env, (double)e->counter_lines_per_worker));
    set(env, out, "vipCounters", number(env, core->vip_counters));
    set(env, out, "backendCounters", number(env, core->backend_counters));
    set(env, out, "tenantCounters", number(env, core->tenant_counters));
    set(env, out, "flowLines", number(env, e->capacity.flow_lines));
    set(env, out, "slotLines", number(env, e->capacity.slot_lines));
    set(env, out, "hasRecords", boolean(env, e->records != NULL));
    return out;
}

/* Frames one after the other, the time of each, and room for what became of each. */
struct run_input {
    u32 worker, count;
    const u8 *bytes;
    const u32 *lengths;
    const u64 *times_ns;
    struct outcome *outcomes;
};

/* run(engine, worker, frames, lengths, timesNs, outcomes). False after throwing. */
static inline bool read_run(napi_env env, const napi_value *argv, const struct engine *e, struct run_input *run)
{
    size_t bytes_size, lengths_size, times_size, outcomes_size, total = 0;
    *run = (struct run_input){
        .worker = as_u32(env, argv[1]),
        .bytes = bytes_of(env, argv[2], &bytes_size),
        .lengths = bytes_of(env, argv[3], &lengths_size),
        .times_ns = bytes_of(env, argv[4], &times_size),
        .outcomes = bytes_of(env, argv[5], &outcomes_size),
    };
    u32 n = run->count = (u32)(lengths_size / sizeof *run->lengths);
    for (u32 i = 0; i < n; i++)
        total += run->lengths[i];
    if (run->worker < e->capacity.workers && total == bytes_size && times_size == n * sizeof *run->times_ns &&
        outcomes_size == n * sizeof *run->outcomes)
        return true;
    throw_error(env, "bad_request", "run: the arrays do not fit each other");
    return false;
}

/* Both arrays as typed arrays that JavaScript owns. */
static inline napi_value output_value(napi_env env, const struct memory_output *o)
{
    napi_value out = object(env), buffer, array;
    void *copy;
    napi_create_arraybuffer(env, o->used, &copy, &buffer);
    if (o->used)
        memcpy(copy, o->bytes, o->used);
    napi_create_typedarray(env, napi_uint8_array, o->used, buffer, 0, &array);
    set(env, out, "bytes", array);
    napi_create_arraybuffer(env, o->count * sizeof *o->frames, &copy, &buffer);
    if (o->count)
        memcpy(copy, o->frames, o->count * sizeof *o->frames);
    napi_create_typedarray(env, napi_uint32_array, o->count * 2, buffer, 0, &array);
    set(env, out, "frames", array);
    return out;
}
