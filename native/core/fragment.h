/* Where later fragments go: after the first one, which alone has ports (docs/packet-path.md, "Fragments").
 *
 * One bounded table for the node, since fragments of one datagram may arrive on any queue. All workers read and write it without
 * a lock: a record is two words, and a reader that sees the fingerprint change under it takes that for no record. */
#pragma once
#include "flows.h"

#define FRAGMENT_TICK_MS 16
#define FRAGMENT_SEEN_MASK 0xffffffu
#define FRAGMENT_TIMEOUT (30000 / FRAGMENT_TICK_MS)
#define FRAGMENT_GENERATION_SHIFT 24
#define FRAGMENT_BACKEND_SHIFT 32
#define FRAGMENT_VIP_SHIFT 48

/* Keeps the two families' keys apart, and both from flows: no protocol has these numbers. */
#define FRAGMENT_KEY_V4 0x100u
#define FRAGMENT_KEY_V6 0x200u

/* RFC 791: source, destination, id, protocol; RFC 8200 4.5: without the protocol. */
static always_inline struct flow_hash fragment_hash(const struct core *core, const struct packet *p)
{
    struct tuple key = p->tuple;
    key.ports = p->fragment_id;
    key.protocol = p->is_v4 ? FRAGMENT_KEY_V4 | p->tuple.protocol : FRAGMENT_KEY_V6;
    return hash_tuple(core->key, core->mix, &key, p->is_v4);
}

static always_inline struct fragment_bucket *fragment_bucket(const struct core *core, const struct flow_hash *h, u32 choice)
{
    return (void *)at(core, TABLE_FRAGMENTS, (choice ? h->bucket[1] : h->bucket[0]) & (FRAGMENT_LINES - 1));
}

static always_inline u32 fragment_age(const struct core *core, u64 meta)
{
    return (core->now_ms / FRAGMENT_TICK_MS - (u32)meta) & FRAGMENT_SEEN_MASK;
}

/* Remembers where a first fragment went; the oldest record of its two buckets makes room. */
static slow_path void fragment_record(const struct core *core, const struct packet *p, const struct backend *b)
{
    struct flow_hash h = fragment_hash(core, p);
    struct fragment_bucket *place = NULL_PTR;
    u32 way = 0, oldest = 0;
    for (u32 n = 0; n < 2 * FLOWS_PER_LINE; n++) {
        struct fragment_bucket *bucket = fragment_bucket(core, &h, n / FLOWS_PER_LINE);
        if (!bucket)
            return;
        u32 i = n % FLOWS_PER_LINE;
        u64 fp = bucket->fp[i];
        u32 age = fp == h.fp ? ~0u : fp == 0 ? ~0u - 1 : fragment_age(core, bucket->meta[i]);
        if (!place || age > oldest) {
            place = bucket;
            way = i;
            oldest = age;
        }
    }
    if (!place)
        return;
    store_shared(&place->fp[way % FLOWS_PER_LINE], 0);
    store_shared(&place->meta[way % FLOWS_PER_LINE],
                 (core->now_ms / FRAGMENT_TICK_MS & FRAGMENT_SEEN_MASK) | (u64)b->generation << FRAGMENT_GENERATION_SHIFT |
                     (u64)p->backend << FRAGMENT_BACKEND_SHIFT | (u64)p->vip << FRAGMENT_VIP_SHIFT);
    store_shared(&place->fp[way % FLOWS_PER_LINE], h.fp);
}

/* Forgets expired records of `lines` buckets from `first` on, before their few bits of time come round again (three days). The engine
 * spreads calls over time. One that another worker replaces meanwhile may be forgotten, too: its datagram is lost, as any may be. */
static always_inline void fragment_sweep(const struct core *core, u32 first, u32 lines)
{
    for (u32 n = 0; n < lines; n++) {
        struct fragment_bucket *bucket = (void *)at(core, TABLE_FRAGMENTS, (first + n) & (FRAGMENT_LINES - 1));
        for (u32 i = 0; bucket && i < FLOWS_PER_LINE; i++)
            if (load_shared(&bucket->fp[i]) && fragment_age(core, load_shared(&bucket->meta[i])) >= FRAGMENT_TIMEOUT)
                store_shared(&bucket->fp[i], 0);
    }
}

/* The record of the datagram with this fragment_hash; 0: none. */
static always_inline u64 fragment_find(const struct core *core, const struct flow_hash *h)
{
    for (u32 n = 0; n < 2 * FLOWS_PER_LINE; n++) {
        struct fragment_bucket *bucket = fragment_bucket(core, h, n / FLOWS_PER_LINE);
        u32 i = n % FLOWS_PER_LINE;
        if (!bucket || load_shared(&bucket->fp[i]) != h->fp)
            continue;
        u64 meta = load_shared(&bucket->meta[i]);
        if (load_shared(&bucket->fp[i]) == h->fp && fragment_age(core, meta) < FRAGMENT_TIMEOUT)
            return meta;
    }
    return 0;
}
