/* The flow table of one worker: fixed, set-associative, flood-safe (docs/packet-path.md, "The flow table").
 *
 * A line is a bucket of four flows and a flow may lie in either of two, so that under 0.5 % find no room at 70 % load. An
 * entry is 16 bytes: fingerprint, and one word with backend, generation, timeouts, state and coarse time. There is no list,
 * no lock and no allocation; expiry is lazy, with a sweep that keeps the gauge true. */
#pragma once
#include "vips.h"

enum flow_state { FLOW_EMPTY, FLOW_PROBATION, FLOW_ESTABLISHED, FLOW_FIN };

#define FLOW_STATE_SHIFT 30
#define FLOW_PROFILE_SHIFT 32
#define FLOW_GENERATION_SHIFT 40
#define FLOW_BACKEND_SHIFT 48
#define FLOW_IDLE_MS 60000 /* silence after which a flow may be displaced, or chosen anew by a SYN */

static always_inline u64 flow_meta(u32 seen_ms, u32 state, u32 profile, const struct backend *b, u32 backend)
{
    return seen_ms | (u64)state << FLOW_STATE_SHIFT | (u64)profile << FLOW_PROFILE_SHIFT |
           (u64)b->generation << FLOW_GENERATION_SHIFT | (u64)backend << FLOW_BACKEND_SHIFT;
}

/* The same entry, seen now in `state`, under the VIP's timeouts of today. */
static always_inline u64 flow_meta_again(u64 meta, u32 seen_ms, u32 state, u32 profile)
{
    return meta >> FLOW_GENERATION_SHIFT << FLOW_GENERATION_SHIFT | seen_ms | (u64)state << FLOW_STATE_SHIFT |
           (u64)profile << FLOW_PROFILE_SHIFT;
}

static always_inline u32 flow_state(u64 meta) { return (u32)(meta >> FLOW_STATE_SHIFT) & 3; }
static always_inline u32 flow_backend(u64 meta) { return (u32)(meta >> FLOW_BACKEND_SHIFT); }
static always_inline u8 flow_generation(u64 meta) { return (u8)(meta >> FLOW_GENERATION_SHIFT); }

static always_inline u32 flow_idle_ms(const struct core *core, u64 meta)
{
    return (core->now_ms - (u32)meta) & FLOW_SEEN_MASK;
}

static always_inline const struct profile *flow_profile(const struct core *core, u64 meta)
{
    return item_at(core, TABLE_SNAPSHOT, core->sections->profile, (u8)(meta >> FLOW_PROFILE_SHIFT), sizeof(struct profile));
}

/* An entry that counts for nothing: empty, or idle for its whole timeout. */
static always_inline bool flow_is_free(const struct core *core, u64 meta)
{
    u32 state = flow_state(meta);
    if (state == FLOW_EMPTY)
        return true;
    const struct profile *t = flow_profile(core, meta);
    if (!t)
        return true;
    u32 timeout = state == FLOW_PROBATION ? t->probation_ms : state == FLOW_FIN ? t->fin_ms : t->established_ms;
    return flow_idle_ms(core, meta) >= timeout;
}

/* The two buckets of the packet's flow; neighbours where both hashes name the same. */
static always_inline void flow_locate(const struct core *core, struct packet *p)
{
    u32 first = p->hash.bucket[0] & core->flow_mask;
    u32 second = p->hash.bucket[1] & core->flow_mask;
    p->bucket[0] = core->flow_first + first;
    p->bucket[1] = core->flow_first + (second ^ (second == first));
}

static always_inline struct flow_bucket *flow_bucket(const struct core *core, const struct packet *p, u32 choice)
{
    /* No variable index: it would put the packet into memory, where BPF's verifier loses what it knows of its fields. */
    return (void *)at(core, TABLE_FLOWS, choice ? p->bucket[1] : p->bucket[0]);
}

/* A place in the table; both NULL: none. */
struct flow_place {
    u64 *fp;
    u64 *meta;
};

#define FLOW_PLACES 8 /* of one flow: four in either bucket */

/* The place by its number, 0 … 7; the first bucket's come first. */
static always_inline struct flow_place flow_place(const struct core *core, const struct packet *p, u32 number)
{
    number = (u32)opaque(core, number);
    struct flow_bucket *b = number < FLOW_PLACES ? flow_bucket(core, p, number / FLOWS_PER_LINE) : NULL_PTR;
    if (!b)
        return (struct flow_place){NULL_PTR, NULL_PTR};
    return (struct flow_place){&b->fp[number % FLOWS_PER_LINE], &b->meta[number % FLOWS_PER_LINE]};
}

/* Which of a bucket's four fingerprints is `fp`; 4: none. Selections, not jumps: no processor can predict where a flow lies. */
static always_inline u32 bucket_match(const struct flow_bucket *b, u64 fp)
{
    if (!b)
        return 4;
    return b->fp[0] == fp ? 0 : b->fp[1] == fp ? 1 : b->fp[2] == fp ? 2 : b->fp[3] == fp ? 3 : 4;
}

/* The live entry with the packet's fingerprint. Only where an expired one of the same flow still lies in the first bucket must
 * the second be asked again; within a bucket the live one comes first, since free places are taken from the front. */
static always_inline struct flow_place flow_find(const struct core *core, const struct packet *p)
{
    u32 in_first = (u32)opaque(core, bucket_match(flow_bucket(core, p, 0), p->hash.fp));
    u32 in_second = (u32)opaque(core, bucket_match(flow_bucket(core, p, 1), p->hash.fp));
    struct flow_place place = flow_place(core, p, in_first < 4 ? in_first : in_second + 4);
    if (place.meta && likely(!flow_is_free(core, *place.meta)))
        return place;
    if (in_first < 4 && in_second < 4) {
        place = flow_place(core, p, in_second + 4);
        if (place.meta && !flow_is_free(core, *place.meta))
            return place;
    }
    return (struct flow_place){NULL_PTR, NULL_PTR};
}

/* The slot's backend index in `pool` for a flow hash; 0: the pool is empty. */
static always_inline u32 table_choice(const struct core *core, u32 pool, u32 slot_hash)
{
    const struct pool *entry = (const void *)at(core, TABLE_SNAPSHOT, core->sections->pool + pool);
    if (!entry || entry->size == 0)
        return 0;
    u32 slot = slot_hash % entry->size;
    const u16 *index = item_at(core, TABLE_SLOTS, entry->slots, slot, sizeof(u16));
    return index ? *index : 0;
}

/* Whether forgetting this established entry changes nothing while the table stands: idle for a minute, and its
 * backend is what the table would choose. The entry has no tuple, so only VIPs hashed by the whole tuple can tell. */
static always_inline bool flow_is_dispensable(const struct core *core, u64 fp, u64 meta)
{
    const struct profile *t = flow_profile(core, meta);
    if (flow_idle_ms(core, meta) < FLOW_IDLE_MS || !t || t->flags & PROFILE_NOT_5TUPLE)
        return false;
    u32 index = flow_backend(meta);
    if (index >= core->header->backends)
        return false;
    const struct backend *b = (const void *)at(core, TABLE_SNAPSHOT, core->sections->backend + index);
    return b && b->generation == flow_generation(meta) && table_choice(core, b->pool, hash_slot(core->mix, fp)) == index;
}

#define ROOM_FREE (2ull << 32)
#define ROOM_PROBATION (1ull << 32)

/* How gladly a new flow takes this place: a free one, then a probation entry the more the older it is; 0: not for this. */
static always_inline u64 flow_room(const struct core *core, u64 meta)
{
    if (flow_is_free(core, meta))
        return ROOM_FREE;
    return flow_state(meta) == FLOW_PROBATION ? ROOM_PROBATION | flow_idle_ms(core, meta) : 0;
}

/* The number of a dispensable established entry's place, or FLOW_PLACES. */
static always_inline u32 flow_find_dispensable(const struct core *core, const struct packet *p)
{
    for (u32 number = 0; number < FLOW_PLACES; number++) {
        const struct flow_bucket *b = flow_bucket(core, p, number / FLOWS_PER_LINE);
        u32 i = number % FLOWS_PER_LINE;
        if (b && flow_state(b->meta[i]) >= FLOW_ESTABLISHED && flow_is_dispensable(core, b->fp[i], b->meta[i]))
            return number;
    }
    return FLOW_PLACES;
}

#define ROOM_EVICTS 16 /* beside the number: a live entry goes */

/* How a bucket with so many free places ranks among the two: the first counts as empty while more than half of it is free. */
static always_inline u64 bucket_freedom(u32 choice, u64 free)
{
    return free + (choice == 0 && free == FLOWS_PER_LINE - 1);
}

/* Room for a new flow: a free place in the first bucket while more than half of that is free, then in the emptier one; else the
 * oldest probation entry; else a dispensable established one. A packet looks into the first bucket first: of a table that is half
 * full it then holds 81 % of the flows, and 73 % were the emptier one taken at once. One comparison of numbers a place, since BPF's
 * verifier would follow every combination of pointers. Returns the best of them, FREE or PROBATION: its rank × FLOW_PLACES + how early
 * it comes, counted from the last place. */
static always_inline u64 flow_rank_rooms(const struct core *core, const struct packet *p)
{
    u64 best = 0;
    for (u32 choice = 0; choice < 2; choice++) {
        const struct flow_bucket *b = flow_bucket(core, p, choice);
        u64 bucket_best = 0, free = 0;
        for (u32 i = 0; b && i < FLOWS_PER_LINE; i++) {
            u64 room = opaque(core, flow_room(core, b->meta[i]));
            u64 ranked = room * FLOW_PLACES + (FLOW_PLACES - 1 - choice * FLOWS_PER_LINE - i); /* of equals the first */
            free = opaque(core, free + (room == ROOM_FREE));
            bucket_best = opaque(core, ranked > bucket_best ? ranked : bucket_best);
        }
        bucket_best += bucket_freedom(choice, free) * FLOW_PLACES;
        best = bucket_best > best ? bucket_best : best;
    }
    return best;
}

#if CORE_HAS_VECTORS
#include "rooms.h"
#endif

/* The number of the place with most room, FLOW_PLACES for none. */
static always_inline u32 flow_find_room(const struct core *core, const struct packet *p)
{
#if CORE_HAS_VECTORS
    u64 best = flow_rank_rooms_fast(core, p);
#else
    u64 best = flow_rank_rooms(core, p);
#endif
    if (best >= ROOM_PROBATION * FLOW_PLACES)
        return (FLOW_PLACES - 1 - (u32)(best % FLOW_PLACES)) | (best < ROOM_FREE * FLOW_PLACES ? ROOM_EVICTS : 0);
    u32 dispensable = flow_find_dispensable(core, p);
    return dispensable < FLOW_PLACES ? dispensable | ROOM_EVICTS : FLOW_PLACES;
}

/* The place of it; `*evicted` says whether a live entry goes. */
static always_inline struct flow_place flow_make_room(const struct core *core, const struct packet *p, bool *evicted)
{
    u32 room = APART(flow_find_room)(core, p);
    *evicted = room & ROOM_EVICTS;
    return flow_place(core, p, room & (ROOM_EVICTS - 1));
}

/* Empties expired entries of `lines` buckets from `first` on and lowers the gauge; the engine spreads calls over time. */
static always_inline void flow_sweep(const struct core *core, u32 first, u32 lines)
{
    for (u32 n = 0; n < lines; n++) {
        struct flow_bucket *b = (void *)at(core, TABLE_FLOWS, core->flow_first + ((first + n) & core->flow_mask));
        for (u32 i = 0; b && i < FLOWS_PER_LINE; i++)
            if (flow_state(b->meta[i]) != FLOW_EMPTY && flow_is_free(core, b->meta[i])) {
                b->fp[i] = b->meta[i] = 0;
                COUNT_WORKER(core, flows, (u64)-1);
            }
    }
}
