/* The open engines by the number that JavaScript has of them: part of addon.c.
 *
 * Process-wide, because each JavaScript thread loads the addon for itself and needs its own view of the same memory. */
#pragma once
#include "workers.h"
#include <pthread.h>
#include "../glue.h" /* after the core, which defines bool for itself */

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

/* Arguments, and the engine of the first one; NULL after throwing. */
static struct engine *engine_args(napi_env env, napi_callback_info info, napi_value *argv)
{
    args(env, info, argv);
    return engine_of(env, argv[0]);
}

/* Its number; ENGINES_MAX: too many are open. */
static u32 add_engine(struct engine *e)
{
    pthread_mutex_lock(&engines_lock);
    u32 id = 0;
    while (id < ENGINES_MAX && engines[id])
        id++;
    if (id < ENGINES_MAX)
        engines[id] = e;
    pthread_mutex_unlock(&engines_lock);
    return id;
}

static void remove_engine(u32 id)
{
    pthread_mutex_lock(&engines_lock);
    engines[id] = NULL;
    pthread_mutex_unlock(&engines_lock);
}
