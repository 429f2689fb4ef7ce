/* Fill and refill. The definition scans all members every round; here those that have a turn at least every sixteenth
 * round are, and the others wait in a heap by (round of their next turn, seat), so that one heavy member among a thousand
 * light ones costs no more than a thousand equals. A bitmap of taken slots keeps the walks, some 12 probes a slot, inside
 * 8 KiB at 65537. Half of those probes would be for the last few hundred slots: these are listed, and how many steps away
 * each is follows from the inverse of the skip. */
#include "maglev.h"
#include <stdlib.h>
#include <string.h>

#define SELDOM 16 /* rounds between two turns, from which on a seat waits in the heap */

/* A seat on its way: where its walk is, and the first round after which it has had one turn more. */
struct maglev_turn {
    u64 round;
    u32 place, skip, two_skips;
    u32 inverse;           /* of the skip, modulo the size; 0 as long as nobody asked */
    u32 weight, remainder; /* of the largest weight by this one */
    u32 credit;            /* by how much the last round came too late, below `weight`: ceil by addition */
    u32 seat;
    u64 step;              /* whole rounds between turns */
};

static u64 rotate(u64 v, u32 bits) { return v << bits | v >> (64 - bits); }

static void sip_rounds(u64 v[4], u32 count)
{
    while (count--) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

/* SipHash-2-4 (Aumasson, Bernstein 2012) of 16 bytes. */
static u64 identity_hash(const u8 key[MAGLEV_KEY_BYTES], const u8 identity[16])
{
    u64 k[2], m[3];
    memcpy(k, key, sizeof k);
    memcpy(m, identity, 16);
    m[2] = 16ull << 56;
    u64 v[4] = {k[0] ^ 0x736f6d6570736575, k[1] ^ 0x646f72616e646f6d, k[0] ^ 0x6c7967656e657261, k[1] ^ 0x7465646279746573};
    for (u32 i = 0; i < 3; i++) {
        v[3] ^= m[i];
        sip_rounds(v, 2);
        v[0] ^= m[i];
    }
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool is_prime(u32 n)
{
    for (u32 d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n >= 2;
}

static int by_identity(const void *a, const void *b)
{
    return memcmp(((const struct maglev_member *)a)->identity, ((const struct maglev_member *)b)->identity, 16);
}

static void *free_all(struct maglev *m, struct maglev_member *sorted)
{
    free(sorted);
    maglev_close(m);
    return NULL_PTR;
}

/* Fills seat and hash_of from members sorted by identity. */
static enum maglev_error take_seats(struct maglev *m, const struct maglev_member *sorted, u32 count, const u8 *key)
{
    u64 *seen = m->taken; /* borrowed: one bit per index; open makes it large enough */
    enum maglev_error error = MAGLEV_OK;
    for (u32 i = 0; i < count; i++) {
        const struct maglev_member *member = &sorted[i];
        u64 bit = 1ull << member->backend % 64, *word = &seen[member->backend / 64];
        if (member->backend == 0 || *word & bit || (i && memcmp(member->identity, sorted[i - 1].identity, 16) == 0))
            error = MAGLEV_MEMBER;
        *word |= bit;
        if (member->weight == 0)
            continue;
        u64 hash = identity_hash(key, member->identity);
        m->hash_of[member->backend] = hash;
        m->seat[m->seats++] = (struct maglev_seat){
            .hash = hash,
            .offset = (u32)(hash >> 32) % m->size,
            .skip = (u32)hash % (m->size - 1) + 1,
            .weight = member->weight,
            .backend = member->backend,
            .takes_new = member->takes_new,
        };
    }
    return error;
}

struct maglev *maglev_open(const struct maglev_member *members, u32 count, u32 size, const u8 key[MAGLEV_KEY_BYTES],
                           enum maglev_error *error)
{
    *error = MAGLEV_SIZE;
    if (size > MAGLEV_SIZE_MAX || !is_prime(size))
        return NULL_PTR;
    *error = MAGLEV_MEMBER;
    if (count > MAGLEV_MEMBERS_MAX)
        return NULL_PTR;
    *error = MAGLEV_NO_MEMORY;
    u32 bits = size > MAGLEV_MEMBERS_MAX ? size : MAGLEV_MEMBERS_MAX;
    struct maglev *m = calloc(1, sizeof *m);
    struct maglev_member *sorted = malloc((count + 1) * sizeof *sorted);
    if (!m || !sorted)
        return free_all(m, sorted);
    m->size = size;
    m->seat = malloc((count + 1) * sizeof *m->seat);
    m->turn = malloc((count + 1) * sizeof *m->turn);
    m->taken = calloc(bits / 64 + 1, sizeof *m->taken);
    m->hash_of = calloc(MAGLEV_MEMBERS_MAX + 1, sizeof *m->hash_of);
    m->reciprocal = ~0ull / size + 1;
    while ((m->last + 1) * (m->last + 1) <= size)
        m->last++;
    m->open = malloc((m->last + 1) * sizeof *m->open);
    if (!m->seat || !m->turn || !m->taken || !m->hash_of || !m->open)
        return free_all(m, sorted);
    if (count)
        memcpy(sorted, members, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, by_identity);
    *error = take_seats(m, sorted, count, key);
    if (*error != MAGLEV_OK)
        return free_all(m, sorted);
    free(sorted);
    return m;
}

void maglev_close(struct maglev *m)
{
    if (!m)
        return;
    free(m->seat);
    free(m->turn);
    free(m->taken);
    free(m->hash_of);
    free(m->open);
    free(m);
}

static bool comes_before(const struct maglev_turn *a, const struct maglev_turn *b)
{
    return a->round != b->round ? a->round < b->round : a->seat < b->seat;
}

static void sift_down(struct maglev_turn *heap, u32 count, u32 at)
{
    struct maglev_turn moving = heap[at];
    for (;;) {
        u32 child = at * 2 + 1;
        if (child >= count)
            break;
        if (child + 1 < count && comes_before(&heap[child + 1], &heap[child]))
            child++;
        if (comes_before(&moving, &heap[child]))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

/* The k-th turn is in round ceil(k * largest / weight). */
static void next_round(struct maglev_turn *t)
{
    t->round += t->step;
    if (t->credit < t->remainder) {
        t->credit += t->weight;
        t->round++;
    }
    t->credit -= t->remainder;
}

static u32 wrap(u32 place, u32 size) { return place - (place >= size ? size : 0); }

static u32 is_open(const u64 *taken, u32 place) { return ~(u32)(taken[place / 64] >> place % 64) & 1; }

/* The first open slot of the walk. Four steps at a time, of which none waits for another. */
static u32 walk(const struct maglev *m, const struct maglev_turn *t)
{
    u32 size = m->size, first = t->place;
    const u64 *taken = m->taken;
    for (;;) {
        u32 second = wrap(first + t->skip, size), third = wrap(first + t->two_skips, size), fourth = wrap(third + t->skip, size);
        if (is_open(taken, first) | is_open(taken, second))
            return is_open(taken, first) ? first : second;
        if (is_open(taken, third) | is_open(taken, fourth))
            return is_open(taken, third) ? third : fourth;
        first = wrap(third + t->two_skips, size);
    }
}

/* n < 2^40: a product of two numbers below the size. */
static u32 modulo_size(const struct maglev *m, u64 n)
{
    return (u32)(n - (u64)((unsigned __int128)n * m->reciprocal >> 64) * m->size);
}

/* By Fermat: the size is prime. */
static u32 inverse_of(const struct maglev *m, u32 v)
{
    u32 inverse = 1;
    for (u32 exponent = m->size - 2; exponent; exponent >>= 1) {
        if (exponent & 1)
            inverse = modulo_size(m, (u64)inverse * v);
        v = modulo_size(m, (u64)v * v);
    }
    return inverse;
}

/* The same slot as the walk's, found among those that are listed, and taken off the list. */
static u32 nearest_listed(struct maglev *m, struct maglev_turn *t)
{
    if (!t->inverse)
        t->inverse = inverse_of(m, t->skip);
    u32 nearest = 0, fewest = m->size;
    for (u32 i = 0; i < m->listed; i++) {
        u32 slot = m->open[i], ahead = slot + (slot < t->place ? m->size : 0) - t->place;
        u32 steps = modulo_size(m, (u64)ahead * t->inverse);
        if (steps < fewest) {
            nearest = i;
            fewest = steps;
        }
    }
    u32 place = m->open[nearest];
    m->open[nearest] = m->open[--m->listed];
    return place;
}

static void list_open(struct maglev *m)
{
    for (u32 i = 0; i < m->size; i++)
        if (is_open(m->taken, i))
            m->open[m->listed++] = i;
}

static void take_slot(struct maglev *m, u16 *slots, struct maglev_turn *t)
{
    u32 place = m->listed ? nearest_listed(m, t) : walk(m, t);
    m->taken[place / 64] |= 1ull << place % 64;
    slots[place] = m->seat[t->seat].backend;
    t->place = place;
}

/* Sets up a turn for each seat that plays: the frequent ones first, in seat order, the others behind them as a heap. Returns
 * the number of the first; *players: of all. */
static u32 line_up(struct maglev *m, bool only_takers, u32 *players)
{
    u32 largest = 0, frequent = 0, others = m->seats;
    for (u32 i = 0; i < m->seats; i++)
        if ((m->seat[i].takes_new || !only_takers) && m->seat[i].weight > largest)
            largest = m->seat[i].weight;
    for (u32 i = 0; i < m->seats; i++) {
        const struct maglev_seat *s = &m->seat[i];
        if (only_takers && !s->takes_new)
            continue;
        struct maglev_turn t = {.place = s->offset, .skip = s->skip, .two_skips = wrap(2 * s->skip, m->size), .weight = s->weight, .seat = i,
                                .step = largest / s->weight, .remainder = largest % s->weight};
        next_round(&t);
        m->turn[t.step < SELDOM ? frequent++ : --others] = t;
    }
    u32 waiting = m->seats - others;
    memmove(m->turn + frequent, m->turn + others, waiting * sizeof *m->turn);
    for (u32 i = waiting / 2; i-- > 0;)
        sift_down(m->turn + frequent, waiting, i);
    *players = frequent + waiting;
    return frequent;
}

/* Gives the `empty` slots whose bit is not set in `taken` away by turns. */
static void give(struct maglev *m, u16 *slots, u32 empty, bool only_takers)
{
    u32 players, frequent = line_up(m, only_takers, &players);
    struct maglev_turn *heap = m->turn + frequent;
    u32 waiting = players - frequent;
    m->listed = 0;
    for (u64 round = 1; empty && players; round++) {
        u32 next = 0;
        while (empty) {
            if (empty <= m->last && !m->listed)
                list_open(m);
            while (next < frequent && m->turn[next].round != round)
                next++;
            bool is_due = waiting && heap->round == round;
            if (next < frequent && !(is_due && heap->seat < m->turn[next].seat)) {
                take_slot(m, slots, &m->turn[next]);
                next_round(&m->turn[next++]);
            } else if (is_due) {
                take_slot(m, slots, heap);
                next_round(heap);
                sift_down(heap, waiting, 0);
            } else {
                break;
            }
            empty--;
        }
    }
}

void maglev_fill(struct maglev *m, u16 *slots)
{
    memset(slots, 0, m->size * sizeof *slots);
    memset(m->taken, 0, (m->size / 64 + 1) * sizeof *m->taken);
    give(m, slots, m->size, false);
}

void maglev_refill(struct maglev *m, const u16 *filled, u16 *slots)
{
    u64 keeps[(MAGLEV_MEMBERS_MAX + 1) / 64] = {0};
    for (u32 i = 0; i < m->seats; i++)
        if (m->seat[i].takes_new)
            keeps[m->seat[i].backend / 64] |= 1ull << m->seat[i].backend % 64;
    u32 empty = 0;
    memset(m->taken, 0, (m->size / 64 + 1) * sizeof *m->taken);
    for (u32 i = 0; i < m->size; i++) {
        u16 backend = filled[i];
        u64 kept = keeps[backend / 64] >> backend % 64 & 1;
        slots[i] = kept ? backend : 0;
        m->taken[i / 64] |= kept << i % 64;
        empty += !kept;
    }
    give(m, slots, empty, true);
}

u64 maglev_checksum(const struct maglev *m, const u16 *slots)
{
    u64 sum = m->size;
    for (u32 i = 0; i < m->size; i++) {
        sum = (sum ^ m->hash_of[slots[i]]) * 0x9e3779b97f4a7c15ull;
        sum ^= sum >> 32;
    }
    return sum;
}
