/* What a run of the memory engine gives to JavaScript; shared with the test addon that runs the core in the kernel. */
#pragma once
#include "memory.h"
#include <string.h>
#include "../glue.h" /* after the core, which defines bool for itself */

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
