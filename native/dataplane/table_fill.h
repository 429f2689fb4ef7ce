/* Fills many Maglev tables at once, each by one thread. */
#pragma once
#include "maglev.h"

/* One table. The caller keeps all that is pointed at until fill_tables returns; no two jobs share what is written. */
struct table_job {
    const u8 *key; /* MAGLEV_KEY_BYTES */
    struct maglev_member *members;
    u32 count, size;
    u16 *filled; /* over all members: written, or read where `has_filled` */
    u16 *slots;  /* written: those that take no new flows masked */
    bool has_filled;
    /* Results. */
    enum maglev_error error;
    u64 fill_checksum, table_checksum;
};

/* On as many threads as there are processors for this one, which waits. A job with an error wrote nothing. */
void fill_tables(struct table_job *jobs, u32 count);
