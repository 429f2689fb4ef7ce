/* The packet core in the kernel, for tests: native/bpf/balancer.c loaded once, each packet through BPF_PROG_TEST_RUN.
 *
 * An addon with the memory engine's functions, so that the same TypeScript drives both. Snapshots go through engine_load,
 * whose tables are here the maps' own memory: what validates and settles a snapshot is production's code. One engine at a
 * time is open, over maps sized once by prepare(). Needs root or CAP_BPF and CAP_NET_ADMIN. */
#include "../bpf/control.h"
#include "../dataplane/memory.h"
#include "tables.h"
#include "../dataplane/engine_glue.h"
#include "bpf_bench.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAPS 8
#define CONTROL_MAP 7 /* behind the tables that BPF has; RECORDS is none of them */
#define FRAME_ROOM 4096
#define HANDED_OVER 255

static const char *const map_names[MAPS] = {"snapshot", "slots", "flows", "counters", "tenants", "fragments", "paths", "control"};

/* One loaded object; the handle that JavaScript keeps. */
struct bpf_engine {
    struct bpf_object *object;
    int program;
    line *memory[MAPS];
    size_t lines[MAPS];
    struct engine *engine; /* NULL: not open */
    line *own[TABLE_BLOCKS]; /* the engine's own tables, put back before it closes */
};

/* ---- Tables ---- */

static size_t counter_lines(const struct capacity *c)
{
    return (LINES_OF(worker_counters) + c->vips * LINES_OF(vip_counters) + c->backends + c->tenants) * c->workers;
}

static void lines_of(const struct capacity *c, size_t lines[MAPS])
{
    lines[TABLE_SNAPSHOT] = (size_t)c->snapshot_lines * 2;
    lines[TABLE_SLOTS] = c->slot_lines;
    lines[TABLE_FLOWS] = (size_t)c->flow_lines * c->workers;
    lines[TABLE_COUNTERS] = counter_lines(c);
    lines[TABLE_TENANTS] = c->tenants;
    lines[TABLE_FRAGMENTS] = FRAGMENT_LINES;
    lines[TABLE_PATHS] = (c->backends + 7) / 8;
    lines[CONTROL_MAP] = CONTROL_LINES;
}

static bool attach(struct bpf_engine *b, const struct capacity *c)
{
    size_t wanted[MAPS];
    lines_of(c, wanted);
    for (u32 i = 0; i < MAPS; i++)
        if (wanted[i] > b->lines[i])
            return false;
    b->engine = engine_open(c);
    if (!b->engine)
        return false;
    get_tables(b->engine, b->own);
    for (u32 i = 0; i < MAPS; i++)
        memset(b->memory[i], 0, wanted[i] * sizeof(line));
    line *const maps[TABLE_BLOCKS] = {
        [SNAPSHOT_0] = b->memory[TABLE_SNAPSHOT], [SNAPSHOT_1] = b->memory[TABLE_SNAPSHOT] + c->snapshot_lines,
        [SLOTS] = b->memory[TABLE_SLOTS],         [FLOWS] = b->memory[TABLE_FLOWS],
        [COUNTERS] = b->memory[TABLE_COUNTERS],   [TENANTS] = b->memory[TABLE_TENANTS],
        [FRAGMENTS] = b->memory[TABLE_FRAGMENTS], [PATHS] = b->memory[TABLE_PATHS],
    };
    set_tables(b->engine, maps);
    return true;
}

static void detach(struct bpf_engine *b)
{
    if (!b->engine)
        return;
    set_tables(b->engine, b->own);
    engine_close(b->engine);
    b->engine = NULL;
}

/* ---- The object ---- */

static void unload(struct bpf_engine *b)
{
    detach(b);
    for (u32 i = 0; i < MAPS; i++)
        if (b->memory[i])
            munmap(b->memory[i], b->lines[i] * sizeof(line));
    bpf_object__close(b->object);
    free(b);
}

static bool map_tables(struct bpf_engine *b)
{
    for (u32 i = 0; i < MAPS; i++) {
        int fd = bpf_object__find_map_fd_by_name(b->object, map_names[i]);
        void *memory = mmap(NULL, b->lines[i] * sizeof(line), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (memory == MAP_FAILED)
            return false;
        b->memory[i] = memory;
    }
    return true;
}

/* NULL with errno set. What the verifier says comes through libbpf on stderr. */
static struct bpf_engine *load_object(const char *path, const struct capacity *c)
{
    struct bpf_engine *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->object = bpf_object__open_file(path, NULL);
    if (!b->object) {
        free(b);
        return NULL;
    }
    lines_of(c, b->lines);
    for (u32 i = 0; i < MAPS; i++)
        bpf_map__set_max_entries(bpf_object__find_map_by_name(b->object, map_names[i]), (u32)b->lines[i]);
    if (bpf_object__load(b->object) == 0) {
        b->program = bpf_program__fd(bpf_object__find_program_by_name(b->object, "balancer"));
        if (map_tables(b))
            return b;
    }
    int error = errno;
    unload(b);
    errno = error;
    return NULL;
}

/* ---- Running ---- */

static void aim(struct bpf_engine *b, u32 worker, u64 now_ns)
{
    const struct core *core = &b->engine->worker[worker].core;
    u32 generation = atomic_load(&b->engine->generation);
    *(struct control_in *)(void *)b->memory[CONTROL_MAP] = (struct control_in){
        .now_ns = now_ns,
        .has_clock = 1,
        .snapshot_first = (generation & 1) * b->engine->capacity.snapshot_lines,
        .generation = generation,
        .flow_first = core->flow_first,
        .flow_mask = core->flow_mask,
        .counter_first = core->counter_first,
        .workers = core->workers,
        .vip_counters = core->vip_counters,
        .backend_counters = core->backend_counters,
        .tenant_counters = core->tenant_counters,
    };
}

/* XDP's word for a verdict: pass, send, or drop. */
static u32 action_of(u32 verdict)
{
    enum { DROP = 1, PASS = 2, TX = 3 };
    return verdict == VERDICT_PASS ? PASS : verdict <= VERDICT_TIME_EXCEEDED ? TX : DROP;
}

/* Runs one frame; what it leaves as is added to `output`. NULL, or what went wrong. A packet that the program hands over to user
 * space has the verdict HANDED_OVER, which no engine has. */
static const char *run_frame(struct bpf_engine *b, const u8 *frame, u32 length, struct outcome *outcome, struct memory_output *output)
{
    static u8 data[FRAME_ROOM];
    memset(data, 0xa5, sizeof data);
    if (length + ENCAP_ROOM > sizeof data)
        return "the frame is too long for XDP";
    LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = frame, .data_size_in = length, .data_out = data,
                .data_size_out = length + ENCAP_ROOM, .repeat = 1);
    const struct control_out *out = (const void *)(b->memory[CONTROL_MAP] + CONTROL_OUT);
    if (bpf_prog_test_run_opts(b->program, &run) != 0)
        return strerror(errno);
    u32 verdict = out->is_handed_over ? HANDED_OVER : out->verdict;
    *outcome = (struct outcome){verdict, out->flow, out->vip, out->tenant, out->backend, out->device, (u32)output->count, 0};
    if (run.retval != action_of(out->verdict))
        return "the program's action is not its verdict's";
    if (run.retval == action_of(VERDICT_PASS) && (run.data_size_out != length || memcmp(data, frame, length) != 0))
        return "the program changed a frame that it passed";
    if (run.retval != action_of(VERDICT_FORWARD))
        return NULL;
    if (run.data_size_out != out->out_len)
        return "the frame's length is not the one that the core stated";
    u8 *place = memory_output_add(output, out->out_len);
    if (!place)
        return "memory is short";
    memcpy(place, data, out->out_len);
    outcome->frames = 1;
    return NULL;
}

/* ---- Node-API glue ---- */

static struct capacity own_capacity(napi_env env, napi_value source)
{
    struct capacity c = capacity_of(env, source);
    c.records = 0; /* balancer.c writes none */
    return c;
}

/* The arguments and the handle behind the first; NULL after throwing. */
static struct bpf_engine *begin(napi_env env, napi_callback_info info, napi_value *argv, bool must_be_open)
{
    size_t argc = ARGS_MAX;
    void *handle = NULL;
    napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
    if (napi_get_value_external(env, argv[0], &handle) != napi_ok || !handle)
        return (void *)throw_error(env, "bad_request", "this is no BPF engine");
    struct bpf_engine *b = handle;
    return must_be_open && !b->engine ? (void *)throw_error(env, "closed", "this engine is not open") : b;
}

static void finalize(napi_env env, void *data, void *hint)
{
    (void)env;
    (void)hint;
    unload(data);
}

/* prepare(path, capacity) → handle. */
static napi_value js_prepare(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], out;
    size_t argc = ARGS_MAX, length;
    char path[4096];
    napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
    napi_get_value_string_utf8(env, argv[0], path, sizeof path, &length);
    struct capacity c = own_capacity(env, argv[1]);
    struct bpf_engine *b = load_object(path, &c);
    if (!b)
        return throw_error(env, errno == EPERM ? "privilege" : "internal", strerror(errno));
    napi_create_external(env, b, finalize, NULL, &out);
    return out;
}

/* open(handle, capacity): clears the tables. */
static napi_value js_open(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct bpf_engine *b = begin(env, info, argv, false);
    if (!b)
        return NULL;
    struct capacity c = own_capacity(env, argv[1]);
    if (b->engine || !attach(b, &c))
        return throw_error(env, "capacity", "already open, or larger than prepared");
    return NULL;
}

static napi_value js_close(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct bpf_engine *b = begin(env, info, argv, true);
    if (b)
        detach(b);
    return NULL;
}

/* load(handle, snapshot, nowNs) → generation. */
static napi_value js_load(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    size_t size;
    u64 now = 0;
    struct bpf_engine *b = begin(env, info, argv, true);
    if (!b)
        return NULL;
    const void *bytes = bytes_of(env, argv[1], &size);
    read_u64(env, argv[2], &now);
    enum load_error error = engine_load(b->engine, bytes, size / LINE_BYTES, now);
    if (error != LOAD_OK)
        return throw_error(env, "snapshot_invalid", load_error_text(error));
    return number(env, atomic_load(&b->engine->generation));
}

static napi_value js_shape(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct bpf_engine *b = begin(env, info, argv, true);
    return b ? shape_value(env, b->engine) : NULL;
}

/* view(handle, table): live memory of a map. */
static napi_value js_view(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], out;
    struct bpf_engine *b = begin(env, info, argv, true);
    if (!b)
        return NULL;
    size_t lines[MAPS];
    u32 table = as_u32(env, argv[1]);
    lines_of(&b->engine->capacity, lines);
    if (table >= CONTROL_MAP || napi_create_external_arraybuffer(env, b->memory[table], lines[table] * sizeof(line), NULL, NULL, &out))
        return throw_error(env, "bad_request", "no view of this table");
    return out;
}

/* run(…) of engine_glue.h → {bytes, frames}; as the memory engine's. */
static napi_value js_run(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct bpf_engine *b = begin(env, info, argv, true);
    struct run_input run;
    struct memory_output output = {0};
    if (!b || !read_run(env, argv, b->engine, &run))
        return NULL;
    const u8 *frame = run.bytes;
    const char *problem = NULL;
    u64 now = 0;
    for (u32 i = 0; i < run.count && !problem; i++) {
        now = run.times_ns[i] > now ? run.times_ns[i] : now;
        aim(b, run.worker, now);
        problem = run_frame(b, frame, run.lengths[i], &run.outcomes[i], &output);
        frame += run.lengths[i];
    }
    napi_value out = problem ? throw_error(env, "internal", problem) : output_value(env, &output);
    memory_output_free(&output);
    return out;
}

/* bench(handle, scatter, frame, flows, packets, hasCore) → ns a packet, by the kernel's own clock. Flows stay between calls. */
static napi_value js_bench(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct bpf_engine *b = begin(env, info, argv, true);
    if (!b)
        return NULL;
    char path[4096];
    size_t length, frame_bytes;
    bool has_core = false;
    napi_get_value_string_utf8(env, argv[1], path, sizeof path, &length);
    napi_get_value_bool(env, argv[5], &has_core);
    struct bpf_bench bench = {.scatter = path, .program = has_core ? b->program : -1, .frame = bytes_of(env, argv[2], &frame_bytes),
                              .flows = as_u32(env, argv[3]), .packets = as_u32(env, argv[4])};
    bench.frame_bytes = (u32)frame_bytes;
    aim(b, 0, 0);
    ((struct control_in *)(void *)b->memory[CONTROL_MAP])->has_clock = 0;
    double ns = bpf_bench(&bench);
    return ns < 0 ? throw_error(env, "internal", strerror(errno)) : number(env, ns);
}

static napi_value init(napi_env env, napi_value exports)
{
    static const struct glue_function functions[] = {
        {"prepare", js_prepare}, {"open", js_open}, {"close", js_close}, {"load", js_load},
        {"shape", js_shape},     {"view", js_view}, {"run", js_run},     {"bench", js_bench},
    };
    return export_functions(env, exports, functions, sizeof functions / sizeof *functions);
}

NAPI_MODULE(bpf_run, init)
