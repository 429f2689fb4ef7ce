/* Who loses what when a worker is short of CPU, under AddressSanitizer and UndefinedBehaviorSanitizer.
 *
 *   overload SEED CASES     random loads, and what must hold of every decision; prints how many were looked at
 */
#include "../dataplane/overload.h"
#include "require.h"
#include <string.h>

#define TENANTS 64

static u64 state;

/* xorshift64*: repeatable everywhere. */
static u32 below(u32 limit)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (u32)((state * 0x2545f4914f6cdd1dull) >> 32) % limit;
}

static u64 smaller(u64 a, u64 b)
{
    return a < b ? a : b;
}

/* As overload_shed notes what came. */
static void send(struct overload *o, u32 tenant, u32 rest, u32 opening)
{
    struct tenant_load *t = &o->tenants[tenant];
    if (rest + opening > 0 && t->rest + t->opening == 0 && !t->drop_rest && !t->drop_opening)
        o->active[o->active_count++] = tenant;
    t->rest += rest;
    t->opening += opening;
}

struct sums {
    u32 rest[TENANTS], opening[TENANTS];
    u64 of[TENANTS], total;
};

static void send_random(struct overload *o, struct sums *s)
{
    memset(s, 0, sizeof *s);
    u32 tenants = 1 + below(TENANTS - 1);
    for (u32 i = 0; i < tenants; i++) {
        u32 tenant = 1 + below(TENANTS - 1), size = 1u << below(20);
        s->rest[tenant] = below(4) ? below(size) : 0;
        s->opening[tenant] = below(4) ? below(size) : 0;
    }
    for (u32 i = 0; i < TENANTS; i++) {
        send(o, i, s->rest[i], s->opening[i]);
        s->of[i] = (u64)s->rest[i] + s->opening[i];
        s->total += s->of[i];
    }
}

/* Packets that a tenant loses if the next interval is as the last one was. */
static double loss_of(const struct overload *o, const struct sums *s, u32 tenant)
{
    const struct tenant_load *t = &o->tenants[tenant];
    return ((double)t->drop_rest * s->rest[tenant] + (double)t->drop_opening * s->opening[tenant]) / 4294967296.0;
}

static void check_level(const struct overload *o, const struct sums *s)
{
    u64 level = fair_level(o->tenants, o->active, o->active_count, o->budget), at_level = 0, above = 0;
    for (u32 i = 0; i < TENANTS; i++) {
        at_level += smaller(s->of[i], level);
        above += smaller(s->of[i], level < ~0ull ? level + 1 : level);
    }
    REQUIRE(at_level <= o->budget || level == ~0ull);
    REQUIRE((level == ~0ull) == (s->total <= o->budget));
    REQUIRE(level == ~0ull || above > o->budget); /* none larger would do */
}

static void check_shares(const struct overload *o, const struct sums *s, u64 level)
{
    double lost = 0, unavoidable = 0;
    for (u32 i = 0; i < TENANTS; i++) {
        const struct tenant_load *t = &o->tenants[i];
        double loss = loss_of(o, s, i);
        REQUIRE(t->rest == 0 && t->opening == 0);
        REQUIRE(s->of[i] > level || loss == 0);                            /* who keeps to the share loses nothing */
        u64 above = s->of[i] > level ? s->of[i] - level : 0, can_go = s->of[i] - s->opening[i] / 16;
        REQUIRE(loss >= (double)smaller(above, can_go) * 0.999 - 1); /* nor keeps anybody more, but for a few new connections */
        REQUIRE(t->drop_rest == 0 || s->opening[i] == 0 || t->drop_opening >= 0xe0000000u || s->opening[i] < 16); /* new ones go first */
        for (u32 j = 0; j < TENANTS; j++)
            REQUIRE(s->of[i] > s->of[j] || loss <= loss_of(o, s, j) + s->opening[j] / 16 + 2); /* the furthest above loses most */
        lost += loss;
        unavoidable += (double)above;
    }
    REQUIRE(lost <= unavoidable + 1);
}

static void check_decision(struct overload *o)
{
    struct sums s;
    o->is_on = true;
    o->is_measured = false; /* the budget is the test's */
    o->quiet = 0;
    send_random(o, &s);
    o->budget = 1 + below(1u << below(22));
    o->floor = 1;
    check_level(o, &s);
    u64 level = fair_level(o->tenants, o->active, o->active_count, o->budget);
    struct overload_look look = {.received = s.total, .lost = 0, .is_busy = true};
    overload_look(o, &look);
    REQUIRE(o->is_on);
    check_shares(o, &s, level);
    u32 losing = 0;
    for (u32 i = 0; i < TENANTS; i++)
        losing += o->tenants[i].drop_rest || o->tenants[i].drop_opening;
    REQUIRE(losing == o->active_count);
}

/* ---- Over time ---- */

static void look(struct overload *o, u64 received, u64 lost, bool is_busy)
{
    overload_look(o, &(struct overload_look){.received = received, .lost = lost, .is_busy = is_busy});
}

static void check_begin_and_end(struct overload *o)
{
    look(o, 1000, 50, true);
    look(o, 1000, 5, true);
    look(o, 1000, 50, true);
    REQUIRE(!o->is_on); /* a little, or now and then, is nothing */
    look(o, 1000, 50, true);
    REQUIRE(o->is_on && o->budget <= 1000 && o->budget >= 500);
    overload_look(o, &(struct overload_look){.received = 1000, .lost = 50, .is_busy = true, .is_alone = true});
    REQUIRE(!o->is_on); /* nobody is left who could win */
    look(o, 1000, 50, true);
    look(o, 1000, 50, true);
    REQUIRE(o->is_on);
    for (u32 i = 0; i < 100; i++) {
        send(o, 1, 2000, 0);
        look(o, 2000, 500, true);
    }
    REQUIRE(o->is_on && o->budget == o->floor && o->tenants[1].drop_rest > 0); /* the ring overflows whatever is shed */
    for (u32 i = 0; i < 30; i++) {
        u64 before = o->budget;
        send(o, 1, 2000, 0);
        look(o, 2000, 0, false);
        REQUIRE(o->budget > before); /* it has time left */
    }
    u32 looks = 0;
    for (; o->is_on && looks < 1000; looks++) {
        send(o, 1, 10, 0);
        look(o, 10, 0, false);
        REQUIRE(o->tenants[1].drop_rest == 0);
    }
    REQUIRE(looks == OVERLOAD_QUIET_LOOKS && o->active_count == 0);
}

int main(int argc, char **argv)
{
    struct overload o;
    if (argc != 3)
        return 64;
    state = strtoull(argv[1], NULL, 10) | 1;
    u32 cases = (u32)atoi(argv[2]);
    REQUIRE(overload_open(&o, TENANTS));
    check_begin_and_end(&o);
    for (u32 i = 0; i < cases; i++)
        check_decision(&o);
    overload_close(&o);
    printf("%u\n", cases);
    return 0;
}
