/* What every Node-API glue file needs: values in, values out, errors with a code. Node-API 8 (Node 12.19 and newer).
 *
 * Types are TypeScript's to check; a value of another type reads as zero or NULL here, and bounds are checked by the caller. */
#pragma once
#include <node_api.h>
#include <stdint.h>

#define ARGS_MAX 8

static inline napi_value throw_error(napi_env env, const char *code, const char *text)
{
    napi_throw_error(env, code, text);
    return NULL;
}

static inline napi_value number(napi_env env, double v)
{
    napi_value out;
    napi_create_double(env, v, &out);
    return out;
}

static inline napi_value string(napi_env env, const char *s)
{
    napi_value out;
    napi_create_string_utf8(env, s, NAPI_AUTO_LENGTH, &out);
    return out;
}

static inline napi_value boolean(napi_env env, bool v)
{
    napi_value out;
    napi_get_boolean(env, v, &out);
    return out;
}

static inline napi_value bigint(napi_env env, uint64_t v)
{
    napi_value out;
    napi_create_bigint_uint64(env, v, &out);
    return out;
}

static inline napi_value object(napi_env env)
{
    napi_value out;
    napi_create_object(env, &out);
    return out;
}

static inline void set(napi_env env, napi_value target, const char *name, napi_value v)
{
    napi_set_named_property(env, target, name, v);
}

/* Fills argv[ARGS_MAX]; those not given are undefined. Returns how many were. */
static inline size_t args(napi_env env, napi_callback_info info, napi_value *argv)
{
    size_t argc = ARGS_MAX;
    napi_get_cb_info(env, info, &argc, argv, NULL, NULL);
    return argc;
}

static inline uint32_t as_u32(napi_env env, napi_value v)
{
    uint32_t out = 0;
    napi_get_value_uint32(env, v, &out);
    return out;
}

static inline uint32_t field_u32(napi_env env, napi_value source, const char *name)
{
    napi_value v;
    return napi_get_named_property(env, source, name, &v) == napi_ok ? as_u32(env, v) : 0;
}

static inline bool field_bool(napi_env env, napi_value source, const char *name)
{
    napi_value v;
    bool out = false;
    if (napi_get_named_property(env, source, name, &v) == napi_ok)
        napi_get_value_bool(env, v, &out);
    return out;
}

/* Cut to `size`. */
static inline void field_text(napi_env env, napi_value source, const char *name, char *out, size_t size)
{
    napi_value v;
    out[0] = 0;
    if (napi_get_named_property(env, source, name, &v) == napi_ok)
        napi_get_value_string_utf8(env, v, out, size, NULL);
}

/* Of a bigint; what it was where `v` is none. */
static inline void read_u64(napi_env env, napi_value v, uint64_t *out)
{
    bool is_whole;
    napi_get_value_bigint_uint64(env, v, out, &is_whole);
}

/* Bytes of any typed array; NULL when `v` is none. */
static inline void *bytes_of(napi_env env, napi_value v, size_t *size)
{
    static const size_t width[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
    napi_typedarray_type type;
    size_t length;
    void *data = NULL;
    *size = 0;
    if (napi_get_typedarray_info(env, v, &type, &length, &data, NULL, NULL) != napi_ok)
        return NULL;
    *size = length * width[type];
    return data;
}

struct glue_function {
    const char *name;
    napi_callback call;
};

static inline napi_value export_functions(napi_env env, napi_value exports, const struct glue_function *functions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        napi_value f;
        napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].call, NULL, &f);
        set(env, exports, functions[i].name, f);
    }
    return exports;
}
