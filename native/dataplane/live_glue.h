/* Live engines for JavaScript: their workers, and what their devices are and do. Part of addon.c. */
#pragma once
#include "claim.h"
#include "handles_glue.h"
#include "facts_glue.h"
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

/* NULL, or what is wrong. */
static const char *read_cores(napi_env env, napi_value cores, struct workers_start *how)
{
    napi_value element;
    if (napi_get_array_length(env, cores, &how->cores) != napi_ok || how->cores > WORKERS_MAX)
        return "start: expected the list of the workers' cores";
    for (u32 i = 0; i < how->cores; i++) {
        napi_get_element(env, cores, i, &element);
        how->core[i] = as_u32(env, element);
    }
    return NULL;
}

static const char *read_devices(napi_env env, napi_value devices, struct workers_start *how)
{
    napi_value element;
    for (u32 i = 0; i < how->devices; i++) {
        struct device_spec *spec = &how->spec[i];
        char engine_name[16];
        napi_get_element(env, devices, i, &element);
        field_text(env, element, "name", spec->name, sizeof spec->name);
        field_text(env, element, "engine", engine_name, sizeof engine_name);
        spec->busy_poll = field_u32(env, element, "busyPoll");
        spec->without_tcx = field_u32(env, element, "withoutTcx");
        if (!engines_of(engine_name, spec->engines))
            return "start: no such engine";
    }
    return NULL;
}

/* start(engine, workers, devices: [{name, engine, busyPoll, withoutTcx}], cores). Throws with a code of src/errors.ts. */
static napi_value js_start(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct engine *e = engine_args(env, info, argv);
    if (!e)
        return NULL;
    u32 id = as_u32(env, argv[0]);
    struct workers_start how;
    memset(&how, 0, sizeof how);
    how.workers = as_u32(env, argv[1]);
    if (napi_get_array_length(env, argv[2], &how.devices) != napi_ok || how.devices == 0 || how.devices > DEVICES_MAX ||
        how.workers == 0 || how.workers > e->capacity.workers || running[id])
        return throw_error(env, "bad_request", "start: one to sixteen devices, a possible number of workers, an engine that does not run");
    const char *trouble = read_cores(env, argv[3], &how);
    if (!trouble)
        trouble = read_devices(env, argv[2], &how);
    if (trouble)
        return throw_error(env, "bad_request", trouble);
    struct device_error error;
    struct workers *w = engine_start(e, &how, &error);
    if (!w)
        return throw_error(env, error.code, error.text);
    running[id] = w;
    return NULL;
}

/* sweep(device) → "nothing" | "filter" | "notOurs": what was taken away of a process that was killed. */
static napi_value js_sweep(napi_env env, napi_callback_info info)
{
    static const char *const names[] = {[SWEPT_NOTHING] = "nothing", [SWEPT_FILTER] = "filter", [SWEPT_NOT_OURS] = "notOurs"};
    napi_value argv[ARGS_MAX];
    char name[2 * IF_NAMESIZE];
    size_t length;
    args(env, info, argv);
    if (napi_get_value_string_utf8(env, argv[0], name, sizeof name, &length) != napi_ok || length == 0 || length >= IF_NAMESIZE)
        return throw_error(env, "bad_request", "sweep: expected the name of a network device");
    return string(env, names[sweep_device(name)]);
}

/* Arguments, and the workers of the engine of the first one; NULL: it does not run, or none after throwing. */
static struct workers *workers_args(napi_env env, napi_callback_info info, napi_value *argv)
{
    return engine_args(env, info, argv) ? running[as_u32(env, argv[0])] : NULL;
}

static napi_value js_kick(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct workers *w = workers_args(env, info, argv);
    if (w)
        engine_kick(w);
    return NULL;
}

static napi_value js_stop(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX];
    struct workers *w = workers_args(env, info, argv);
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
    struct workers *w = workers_args(env, info, argv);
    u32 count = as_u32(env, argv[1]);
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
    struct workers *w = workers_args(env, info, argv);
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
    struct device_facts *facts = calloc(FACTS_MAX, sizeof *facts);
    pthread_mutex_lock(&running_lock);
    struct workers *w = workers_args(env, info, argv);
    u32 count = facts && w ? engine_facts(w, facts, FACTS_MAX) : 0;
    pthread_mutex_unlock(&running_lock);
    napi_create_array(env, &out);
    for (u32 i = 0; i < count; i++)
        napi_set_element(env, out, i, device_facts_value(env, &facts[i]));
    free(facts);
    return out;
}
