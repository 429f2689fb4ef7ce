/* Captures for JavaScript: part of addon.c. */
#pragma once
#include "capture.h"
#include <string.h>
#include "../glue.h" /* after the core, which defines bool for itself */

/* {address: 16 bytes, bits}; null: any. */
static struct capture_prefix read_prefix(napi_env env, napi_value source, const char *name)
{
    struct capture_prefix prefix = {.bits = 0};
    napi_value v, address;
    napi_valuetype type;
    size_t size;
    if (napi_get_named_property(env, source, name, &v) != napi_ok || napi_typeof(env, v, &type) != napi_ok || type != napi_object)
        return prefix;
    napi_get_named_property(env, v, "address", &address);
    const u8 *bytes = bytes_of(env, address, &size);
    if (!bytes || size != sizeof prefix.address)
        return prefix;
    memcpy(prefix.address, bytes, size);
    prefix.bits = field_u32(env, v, "bits");
    return prefix;
}

/* CaptureFilter of src/dataplane/addon.ts. */
static struct capture_filter read_capture_filter(napi_env env, napi_value source)
{
    return (struct capture_filter){
        .verdicts = field_u32(env, source, "verdicts"),
        .vip = field_u32(env, source, "vip"),
        .client = read_prefix(env, source, "client"),
        .destination = read_prefix(env, source, "destination"),
        .backend = read_prefix(env, source, "backend"),
        .sample = field_u32(env, source, "sample"),
        .rate = field_u32(env, source, "ratePerSec"),
        .snap_bytes = field_u32(env, source, "snapBytes"),
        .with_output = field_bool(env, source, "withOutput"),
    };
}

static const char *capture_filter_trouble(const struct capture_filter *f)
{
    if (f->sample == 0 || f->rate == 0 || f->snap_bytes == 0 || f->snap_bytes > CAPTURE_SNAP_MAX)
        return "captureOpen: sample and ratePerSec of at least 1, snapBytes of 1 to the longest frame";
    if (f->client.bits > 128 || f->destination.bits > 128 || f->backend.bits > 128)
        return "captureOpen: prefixes of at most 128 bits";
    return NULL;
}

/* captureOpen(engine, filter) → bytes of the longest record. */
static napi_value open_capture(napi_env env, struct capture_port *port, u32 workers, napi_value source)
{
    struct capture_filter filter = read_capture_filter(env, source);
    const char *trouble = capture_filter_trouble(&filter);
    if (trouble)
        return throw_error(env, "bad_request", trouble);
    switch (capture_open(port, &filter, workers)) {
    case CAPTURE_BUSY: return throw_error(env, "capture_busy", "a capture is under way; there is one at a time");
    case CAPTURE_NO_MEMORY: return throw_error(env, "memory", "not enough memory for the rings of a capture");
    default: return number(env, (double)capture_record_max(&filter));
    }
}

/* Five numbers a device: received, matched, taken, limited, missed. */
static napi_value capture_counts_value(napi_env env, struct capture_port *port)
{
    struct capture_counts counts[CAPTURE_DEVICES_MAX];
    napi_value out, row;
    capture_count(port, counts);
    napi_create_array_with_length(env, CAPTURE_DEVICES_MAX, &out);
    for (u32 d = 0; d < CAPTURE_DEVICES_MAX; d++) {
        row = object(env);
        set(env, row, "received", number(env, (double)counts[d].received));
        set(env, row, "matched", number(env, (double)counts[d].matched));
        set(env, row, "taken", number(env, (double)counts[d].taken));
        set(env, row, "limited", number(env, (double)counts[d].limited));
        set(env, row, "missed", number(env, (double)counts[d].missed));
        napi_set_element(env, out, d, row);
    }
    return out;
}
