/* layout(): every offset of core/layout.h, for JavaScript: part of addon.c. */
#pragma once
#include "engine.h"
#include "../glue.h" /* after the core, which defines bool for itself */

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
