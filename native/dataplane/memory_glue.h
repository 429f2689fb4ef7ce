/* The memory engine for JavaScript: runs, rests and benchmarks. Part of addon.c. */
#pragma once
#include "engine_glue.h"
#include "handles_glue.h"
#include "rest.h"

/* run(…) of engine_glue.h → {bytes, frames: offset and length of each}. */
static napi_value js_run(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], out = NULL;
    struct engine *e = engine_args(env, info, argv);
    struct run_input run;
    struct memory_output output = {0};
    if (!e || !read_run(env, argv, e, &run))
        return NULL;
    if (memory_run(e, run.worker, run.bytes, run.lengths, run.times_ns, run.count, run.outcomes, &output))
        out = output_value(env, &output);
    else
        throw_error(env, "memory", "not enough memory for the frames of a run");
    memory_output_free(&output);
    return out;
}

/* rest(engine, worker, nowNs). */
static napi_value js_rest(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct engine *e = engine_args(env, info, argv);
    u32 worker = as_u32(env, argv[1]);
    u64 now = 0;
    if (!e)
        return NULL;
    read_u64(env, argv[2], &now);
    if (worker >= e->capacity.workers)
        return throw_error(env, "bad_request", "rest: no such worker");
    worker_rest(&e->worker[worker], now);
    return NULL;
}

/* bench(engine, worker, frames, lengths, flows, packets, load) → ns a packet. */
static napi_value js_bench(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct engine *e = engine_args(env, info, argv);
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
