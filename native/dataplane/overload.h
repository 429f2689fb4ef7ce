/* Which packets a worker drops that is short of CPU, before the expensive steps (docs/packet-path.md, "Overload").
 *
 * A receive ring that goes on overflowing loses packets of everybody alike. Instead the worker drops, as `overload`, packets of the
 * tenants that send more than their fair share, the one furthest above it first, until the ring holds what comes. Shares are equal:
 * what the worker manages is given out like water, so that only who stands above the level loses, and exactly what is above. Of
 * such a tenant new connections go first, then whole flows, so that its others are whole.
 *
 * `overload_look` and what it calls are pure; `overload_shed` runs in front of the core, only while the worker is short. One worker's
 * own; no other thread sees it. Nothing of it runs in a replay or in the memory engine. */
#pragma once
#include "engine.h"

#define OVERLOAD_LOSING_LOOKS 2 /* looks in a row in which the ring overflowed: one could be another program's doing */
#define OVERLOAD_QUIET_LOOKS 10 /* looks in a row without losses or need, after which all is as before */

/* What one tenant sent since the last look, and what it loses until the next. */
struct tenant_load {
    u32 rest, opening;           /* packets; those that open a TCP connection apart */
    u32 drop_rest, drop_opening; /* share of each that is dropped, in 1/2^32 */
};

struct overload {
    struct tenant_load *tenants; /* by index; NULL: no memory, never short */
    u32 *active;                 /* those that sent something or lose something */
    u32 tenant_count, active_count;
    bool is_on, is_measured; /* short of CPU; shares are known */
    u32 losing, quiet;       /* looks in a row with losses, without */
    u64 budget, floor;       /* packets of tenants between two looks that go on to the core; never less */
};

/* What the worker saw between two looks. */
struct overload_look {
    u64 received; /* packets out of the ring, those that were shed among them */
    u64 lost;     /* packets that found it full */
    bool is_busy; /* it had hardly any time left */
    bool is_alone; /* there is one tenant at most: nobody would win what it loses */
};

/* False: no memory. */
bool overload_open(struct overload *o, u32 tenants);
void overload_close(struct overload *o);

/* Every INSPECT_NS or so: whether the worker is short, and who loses what until the next look. */
void overload_look(struct overload *o, const struct overload_look *seen);

/* The most that a tenant may send so that the sum of what all send, each at most that, is `budget`; the largest number when all
 * may send what they do. */
u64 fair_level(const struct tenant_load *tenants, const u32 *active, u32 count, u64 budget);

/* Moves the packets of a burst that are shed behind the others, which keep their order, and counts and judges them. Bits of
 * `*marks` move with their packets. Returns how many go on to the core. */
u32 overload_shed(struct overload *o, struct worker *w, struct packet *packets, u32 n, u64 *marks);
