/* An engine whose tables are somebody else's memory: BPF maps, or blocks that AddressSanitizer watches the ends of. */
#pragma once
#include "../dataplane/engine.h"

enum { SNAPSHOT_0, SNAPSHOT_1, SLOTS, FLOWS, COUNTERS, TENANTS, FRAGMENTS, PATHS, RECORDS, TABLE_BLOCKS };

static inline void get_tables(const struct engine *e, line *tables[TABLE_BLOCKS])
{
    tables[SNAPSHOT_0] = e->snapshot[0];
    tables[SNAPSHOT_1] = e->snapshot[1];
    tables[SLOTS] = e->slots;
    tables[FLOWS] = e->flows;
    tables[COUNTERS] = e->counters;
    tables[TENANTS] = e->tenants;
    tables[FRAGMENTS] = e->fragments;
    tables[PATHS] = e->paths;
    tables[RECORDS] = e->records;
}

/* The engine's own must be back before engine_close. */
static inline void set_tables(struct engine *e, line *const tables[TABLE_BLOCKS])
{
    e->snapshot[0] = tables[SNAPSHOT_0];
    e->snapshot[1] = tables[SNAPSHOT_1];
    e->slots = tables[SLOTS];
    e->flows = tables[FLOWS];
    e->counters = tables[COUNTERS];
    e->tenants = tables[TENANTS];
    e->fragments = tables[FRAGMENTS];
    e->paths = tables[PATHS];
    e->records = tables[RECORDS];
    for (u32 i = 0; i < e->capacity.workers; i++) {
        line **table = e->worker[i].core.table;
        table[TABLE_SNAPSHOT] = e->snapshot[atomic_load(&e->generation) & 1];
        table[TABLE_SLOTS] = tables[SLOTS];
        table[TABLE_FLOWS] = tables[FLOWS];
        table[TABLE_COUNTERS] = tables[COUNTERS];
        table[TABLE_TENANTS] = tables[TENANTS];
        table[TABLE_FRAGMENTS] = tables[FRAGMENTS];
        table[TABLE_PATHS] = tables[PATHS];
        table[TABLE_RECORDS] = tables[RECORDS];
    }
}
