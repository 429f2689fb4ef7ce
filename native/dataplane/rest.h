/* What time without packets asks of the tables, where the clock is not this machine's: the memory engine's callers. */
#pragma once
#include "engine.h"

/* Forgets every flow of the worker, and by the first worker every fragment, that has expired by `now_ns`. Entries tell their age by
 * few bits (flows 12 days, fragments 3), so a clock that may jump must not leave them alone for longer than that less their
 * timeouts. At least a minute must have passed since the last call. A live engine's workers sweep all the time. */
void worker_rest(struct worker *worker, u64 now_ns);
