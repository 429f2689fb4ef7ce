/* What the glue files of this addon share beside ../glue.h. */
#pragma once
#include "../glue.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static inline napi_value throw_errno(napi_env env, const char *what, int error)
{
    char text[160];
    snprintf(text, sizeof text, "%s: %s", what, strerror(-error));
    return throw_error(env, error == -EPERM || error == -EACCES ? "no_privilege" : "internal", text);
}

static inline napi_value throw_usage(napi_env env, const char *text)
{
    napi_throw_type_error(env, "bad_request", text);
    return NULL;
}

/* False when it is no text, or longer than `out`. */
static inline bool read_text(napi_env env, napi_value v, char *out, size_t size)
{
    size_t length;
    return napi_get_value_string_utf8(env, v, out, size, &length) == napi_ok && length + 1 < size;
}
