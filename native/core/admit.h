/* CPS admission: one token bucket per tenant and node, shared by all workers (docs/packet-path.md, "Admission").
 *
 * The bucket is one virtual time, `tat` (GCRA, ITU-T I.371 A.1): with an interval of I ticks a token, (now - tat) / I tokens
 * are left, never more than span / I. Workers draw a batch by one compare-and-swap and spend it alone; one that found the
 * bucket empty remembers until when, so that a flood writes no shared memory. A plan's change rescales `tat` at load. */
#pragma once
#include "core.h"

#define ADMIT_TRIES 8 /* lost races before giving up; each winner took at least a batch */

/* Takes up to a batch from the shared bucket. False: empty, and credit says until when (in `empty_until`). */
static always_inline bool tenant_draw(const struct core *core, const struct tenant *t, u32 index, struct tenant_counters *w)
{
    struct tenant_bucket *bucket = (void *)at(core, TABLE_TENANTS, index);
    if (!bucket)
        return false;
    u64 now = core->now_ticks;
    for (u32 i = 0; i < ADMIT_TRIES; i++) {
        u64 tat = load_shared(&bucket->tat);
        u64 full = now - t->span;
        u64 base = tat > full ? tat : full;
        if (base + t->interval > now) {
            w->empty_until = base + t->interval;
            return false;
        }
        u64 tokens = base + t->interval * t->batch <= now ? t->batch : 1;
        if (__sync_val_compare_and_swap(&bucket->tat, tat, base + tokens * t->interval) == tat) {
            w->credit = tokens;
            return true;
        }
    }
    return false;
}

/* Spends one token of the tenant's plan, or says no. Both are counted. */
static always_inline bool admit(const struct core *core, const struct tenant *t, u32 index)
{
    struct tenant_counters *w = (void *)at(core, TABLE_COUNTERS, core->tenant_counters + index);
    if (!w)
        return false;
    if (t->interval != 0) {
        if (w->credit >= t->batch) /* drawn under another plan, where it stood for less time: no draw of this one leaves as many */
            w->credit = t->batch - 1;
        if (w->credit == 0 && (core->now_ticks < w->empty_until || !tenant_draw(core, t, index, w))) {
            w->limited++;
            return false;
        }
        w->credit--;
    }
    w->admitted++;
    return true;
}
