#include "rest.h"
#include "../core/fragment.h"

static void forget_fragments(const struct core *core)
{
    for (u32 n = 0; n < FRAGMENT_LINES; n++) {
        struct fragment_bucket *bucket = (void *)at(core, TABLE_FRAGMENTS, n);
        for (u32 i = 0; i < FLOWS_PER_LINE; i++)
            if (fragment_age(core, bucket->meta[i]) >= FRAGMENT_TIMEOUT)
                store_shared(&bucket->fp[i], 0);
    }
}

void worker_rest(struct worker *worker, u64 now_ns)
{
    while (worker_idle(worker, now_ns))
        ;
    if (worker->adopted)
        forget_fragments(&worker->core);
}
