/* flow_rank_rooms over whole buckets at once: 60 instructions instead of 200, of every first packet of a flow. For flows.h. */
#pragma once
#include "vectors.h"

struct idle_limits {
    u64 probation_ms, established_ms, fin_ms;
};

static AVX2 inline u64 rank_bucket(const struct flow_bucket *b, u32 choice, u32 now_ms, const struct idle_limits *limits)
{
    lane4 meta = *(const lane4 *)b->meta, state = meta >> FLOW_STATE_SHIFT & lane4_of(3);
    lane4 idle = (lane4_of(now_ms) - meta) & lane4_of(FLOW_SEEN_MASK);
    lane4 is_probation = (lane4)(state == lane4_of(FLOW_PROBATION));
    lane4 limit = (is_probation & lane4_of(limits->probation_ms)) | ((lane4)(state == lane4_of(FLOW_ESTABLISHED)) & lane4_of(limits->established_ms)) |
                  ((lane4)(state == lane4_of(FLOW_FIN)) & lane4_of(limits->fin_ms)); /* of an empty place 0 */
    typedef long long signed4 __attribute__((vector_size(32)));
    lane4 is_live = (lane4)((signed4)limit > (signed4)idle);
    lane4 room = (~is_live & lane4_of(ROOM_FREE)) | (is_live & is_probation & (lane4_of(ROOM_PROBATION) | idle));
    lane4 order = (lane4){7, 6, 5, 4} - lane4_of(choice * FLOWS_PER_LINE), ranked = room * FLOW_PLACES + order;
    u64 low = ranked[0] > ranked[1] ? ranked[0] : ranked[1], high = ranked[2] > ranked[3] ? ranked[2] : ranked[3];
    u64 free = FLOWS_PER_LINE - (u64)__builtin_popcount(lane4_signs(is_live));
    return (low > high ? low : high) + bucket_freedom(choice, free) * FLOW_PLACES;
}

/* Whether every entry that is there has these timeouts. */
static AVX2 inline bool has_profile(const struct flow_bucket *b, u64 profile)
{
    lane4 meta = *(const lane4 *)b->meta;
    lane4 is_other = (lane4)((meta >> FLOW_PROFILE_SHIFT & lane4_of(0xff)) != lane4_of(profile));
    return lane4_signs(is_other & (lane4)((meta >> FLOW_STATE_SHIFT & lane4_of(3)) != lane4_of(FLOW_EMPTY))) == 0;
}

static AVX2 __attribute__((noinline)) u64 flow_rank_rooms_wide(const struct core *core, const struct packet *p)
{
    const struct flow_bucket *first = flow_bucket(core, p, 0), *second = flow_bucket(core, p, 1);
    u64 profile = first->meta[0] >> FLOW_PROFILE_SHIFT & 0xff;
    if (unlikely(!has_profile(first, profile) || !has_profile(second, profile)))
        return flow_rank_rooms(core, p);
    const struct profile *t = flow_profile(core, first->meta[0]);
    struct idle_limits limits = {t->probation_ms, t->established_ms, t->fin_ms};
    u64 best = rank_bucket(first, 0, core->now_ms, &limits), other = rank_bucket(second, 1, core->now_ms, &limits);
    return other > best ? other : best;
}

static always_inline u64 flow_rank_rooms_fast(const struct core *core, const struct packet *p)
{
    return likely(core->is_wide) ? flow_rank_rooms_wide(core, p) : flow_rank_rooms(core, p);
}
