#include "rest.h"

void worker_rest(struct worker *worker, u64 now_ns)
{
    while (worker_idle(worker, now_ns))
        ;
}
