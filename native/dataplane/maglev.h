/* Maglev tables (Eisenbud et al., NSDI '16, section 3.4) with weights and masking; docs/maglev.md has the definition.
 *
 * Guarantees: every result is a pure function of the set of members, the size and the key, equal slot for slot to
 * src/steering/maglev.ts. Runs on any thread but a packet worker's; no globals. Cost is near proportional to the size,
 * whatever the weights. Leaves out who is a member and who takes new flows: that is the compiler's. */
#pragma once
#include "../core/types.h"

#define MAGLEV_KEY_BYTES 16
#define MAGLEV_SIZE_MAX 655373u
#define MAGLEV_MEMBERS_MAX 65535u

struct maglev_member {
    u8 identity[16]; /* the backend's address, network order, IPv4 mapped; unique in the pool */
    u32 weight;      /* 0: not in the table at all */
    u16 backend;     /* what its slots say; not 0, unique in the pool */
    u16 takes_new;   /* 0: refill gives its slots away */
};

enum maglev_error {
    MAGLEV_OK,
    MAGLEV_SIZE,    /* not a prime from 2 to MAGLEV_SIZE_MAX */
    MAGLEV_MEMBER,  /* too many, two of one identity or index, or index 0 */
    MAGLEV_NO_MEMORY
};

/* A member of weight > 0 and its walk through the slots: offset, offset + skip, offset + 2 skip … modulo the size. */
struct maglev_seat {
    u64 hash; /* of the identity, keyed */
    u32 offset, skip;
    u32 weight;
    u16 backend;
    u16 takes_new;
};

/* Members made ready for one size and key. */
struct maglev {
    u32 size, seats;
    struct maglev_seat *seat; /* by identity */
    struct maglev_turn *turn; /* working memory of give: one per seat */
    u64 *taken;               /* a bit per slot */
    u64 *hash_of;             /* keyed hash by backend index */
    u64 reciprocal;           /* 2^64 by the size, rounded up */
    u32 last;                 /* the root of the size: when no more slots are open they are listed */
    u32 listed, *open;
};

/* Members in any order; they are not kept. NULL: see *error. */
struct maglev *maglev_open(const struct maglev_member *members, u32 count, u32 size, const u8 key[MAGLEV_KEY_BYTES],
                           enum maglev_error *error);
void maglev_close(struct maglev *maglev);

/* Writes `size` slots: the table over all members; all 0 when there is none. */
void maglev_fill(struct maglev *maglev, u16 *slots);

/* Writes `size` slots: `filled` with the slots of members that take no new flows given to those that do. `slots` may be
 * `filled` itself. */
void maglev_refill(struct maglev *maglev, const u16 *filled, u16 *slots);

/* 64 bits that say which member each slot names, whatever this node's indices are. */
u64 maglev_checksum(const struct maglev *maglev, const u16 *slots);
