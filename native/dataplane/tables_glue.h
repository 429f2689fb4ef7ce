/* Maglev tables for JavaScript: part of addon.c. */
#pragma once
#include "../glue.h"
#include "table_fill.h"
#include <stdlib.h>
#include <string.h>

static void *field_bytes(napi_env env, napi_value source, const char *name, size_t *size)
{
    napi_value v;
    *size = 0;
    return napi_get_named_property(env, source, name, &v) == napi_ok ? bytes_of(env, v, size) : NULL;
}

/* NULL, or what is wrong. */
static const char *read_table_job(napi_env env, napi_value source, struct table_job *job)
{
    size_t ids_size, weights_size, backends_size, takes_size, filled_size, slots_size;
    const u8 *ids = field_bytes(env, source, "identities", &ids_size);
    const u32 *weights = field_bytes(env, source, "weights", &weights_size);
    const u16 *backends = field_bytes(env, source, "backends", &backends_size);
    const u16 *takes = field_bytes(env, source, "takesNew", &takes_size);
    job->filled = field_bytes(env, source, "filled", &filled_size);
    job->slots = field_bytes(env, source, "slots", &slots_size);
    job->has_filled = field_bool(env, source, "hasFilled");
    u32 n = job->count = (u32)(ids_size / 16);
    job->size = (u32)(slots_size / sizeof *job->slots);
    if (weights_size != n * 4u || backends_size != n * 2u || takes_size != n * 2u || filled_size != slots_size)
        return "fillTables: the arrays of a table do not fit each other";
    job->members = calloc(n ? n : 1, sizeof *job->members);
    if (!job->members)
        return "not enough memory for the members of a pool";
    for (u32 i = 0; i < n; i++) {
        memcpy(job->members[i].identity, ids + i * 16, 16);
        job->members[i].weight = weights[i];
        job->members[i].backend = backends[i];
        job->members[i].takes_new = takes[i];
    }
    return NULL;
}

static const char *maglev_trouble(enum maglev_error error)
{
    static const char *const text[] = {
        [MAGLEV_OK] = NULL,
        [MAGLEV_SIZE] = "a table's size is a prime up to 655373",
        [MAGLEV_MEMBER] = "a pool's members differ in identity and index, and none has index 0",
        [MAGLEV_NO_MEMORY] = "not enough memory for a Maglev table",
    };
    return text[error];
}

static napi_value table_checksums(napi_env env, const struct table_job *job)
{
    napi_value out;
    napi_create_array_with_length(env, 2, &out);
    napi_set_element(env, out, 0, bigint(env, job->fill_checksum));
    napi_set_element(env, out, 1, bigint(env, job->table_checksum));
    return out;
}

/* fillTables(key, jobs) → [[fill checksum, table checksum] of each]. Of a job: identities (16 bytes each), weights (u32),
 * backends, takesNew (u16), filled, slots (u16 per slot), hasFilled: `filled` is read, not made. */
static napi_value js_fill_tables(napi_env env, napi_callback_info info)
{
    napi_value argv[ARGS_MAX], out = NULL, element;
    args(env, info, argv);
    size_t key_size;
    const u8 *key = bytes_of(env, argv[0], &key_size);
    u32 count = 0, read = 0;
    if (key_size != MAGLEV_KEY_BYTES || napi_get_array_length(env, argv[1], &count) != napi_ok)
        return throw_error(env, "bad_request", "fillTables: a key and a list");
    struct table_job *jobs = calloc(count ? count : 1, sizeof *jobs);
    const char *trouble = jobs ? NULL : "not enough memory for so many tables";
    for (; !trouble && read < count; read++) {
        napi_get_element(env, argv[1], read, &element);
        jobs[read].key = key;
        trouble = read_table_job(env, element, &jobs[read]);
    }
    if (!trouble)
        fill_tables(jobs, count);
    for (u32 i = 0; !trouble && i < count; i++)
        trouble = maglev_trouble(jobs[i].error);
    if (!trouble)
        napi_create_array_with_length(env, count, &out);
    for (u32 i = 0; i < count && out; i++)
        napi_set_element(env, out, i, table_checksums(env, &jobs[i]));
    for (u32 i = 0; i < read; i++)
        free(jobs[i].members);
    free(jobs);
    return trouble ? throw_error(env, "bad_request", trouble) : out;
}
