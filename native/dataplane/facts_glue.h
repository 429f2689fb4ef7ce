/* What an engine's queues are, as JavaScript: part of the addon's glue. */
#pragma once
#include "../glue.h"
#include "workers.h"

#define FACTS_MAX 512 /* hardware queues of all devices */

static void set_ring(napi_env env, napi_value rings, const char *name, struct ring_level level)
{
    napi_value ring = object(env);
    set(env, ring, "size", number(env, level.size));
    set(env, ring, "used", number(env, level.used));
    set(env, rings, name, ring);
}

/* QueueFacts of src/dataplane/addon.ts. */
static napi_value device_facts_value(napi_env env, const struct device_facts *facts)
{
    const struct queue_facts *q = &facts->queue;
    napi_value out = object(env), rings = object(env), statistics = object(env);
    set(env, out, "device", number(env, facts->device));
    set(env, out, "worker", number(env, facts->worker));
    set(env, out, "queue", number(env, q->queue));
    set(env, out, "engine", string(env, facts->engine));
    set(env, out, "xdp", string(env, q->xdp));
    set(env, out, "copy", string(env, q->copy));
    set(env, out, "busyPolling", boolean(env, q->is_busy_polling));
    set(env, out, "hugePages", boolean(env, q->has_huge_pages));
    set(env, out, "reason", string(env, q->reason));
    set_ring(env, rings, "fill", q->fill);
    set_ring(env, rings, "rx", q->rx);
    set_ring(env, rings, "tx", q->tx);
    set_ring(env, rings, "completion", q->completion);
    set(env, out, "rings", rings);
    set(env, statistics, "rxDropped", number(env, (double)q->rx_dropped));
    set(env, statistics, "rxInvalid", number(env, (double)q->rx_invalid_descs));
    set(env, statistics, "txInvalid", number(env, (double)q->tx_invalid_descs));
    set(env, statistics, "rxRingFull", number(env, (double)q->rx_ring_full));
    set(env, statistics, "fillRingEmpty", number(env, (double)q->fill_ring_empty));
    set(env, statistics, "txRingEmpty", number(env, (double)q->tx_ring_empty));
    set(env, out, "statistics", statistics);
    return out;
}
