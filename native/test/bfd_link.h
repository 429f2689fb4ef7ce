/* Two BFD sessions over a link that a test can cut or slow down, in virtual time; a millisecond is the step. */
#pragma once
#include "bfd_check.h"

/* A program of tests is rules by name; it prints each that it has checked. */
#define RUN_RULE(rule) rule(); puts(#rule);

#define FLIGHTS 64

struct link {
    struct bfd_session end[2];
    uint64_t now_ns, delay_ns;
    bool is_cut[2]; /* by who sends */
    struct flight {
        struct bfd_packet packet;
        uint64_t arrives_ns;
        uint32_t to;
        bool is_free;
    } flight[FLIGHTS];
    uint64_t sent[2], least_gap_ns[2], most_gap_ns[2], last_ns[2];
    uint64_t polls[2], finals[2];
    uint32_t random;
};

static uint32_t next_random(struct link *l)
{
    l->random = l->random * 1664525 + 1013904223;
    return l->random >> 8;
}

static void send_on(struct link *l, uint32_t from)
{
    struct bfd_session *s = &l->end[from];
    struct bfd_packet p;
    bfd_compose(s, &p);
    bfd_was_sent(s, &p, l->now_ns, next_random(l));
    l->polls[from] += p.poll;
    l->finals[from] += p.final;
    if (!p.final) {
        uint64_t gap_ns = l->now_ns - l->last_ns[from];
        l->sent[from]++;
        l->last_ns[from] = l->now_ns;
        l->least_gap_ns[from] = gap_ns < l->least_gap_ns[from] ? gap_ns : l->least_gap_ns[from];
        l->most_gap_ns[from] = gap_ns > l->most_gap_ns[from] ? gap_ns : l->most_gap_ns[from];
    }
    uint32_t i = 0;
    while (i < FLIGHTS && !l->flight[i].is_free)
        i++;
    REQUIRE(i < FLIGHTS);
    if (!l->is_cut[from])
        l->flight[i] = (struct flight){p, l->now_ns + l->delay_ns, 1 - from, false};
}

static void count_afresh(struct link *l)
{
    for (uint32_t i = 0; i < 2; i++) {
        l->sent[i] = l->most_gap_ns[i] = l->polls[i] = l->finals[i] = 0;
        l->least_gap_ns[i] = UINT64_MAX;
        l->last_ns[i] = l->end[i].sent_ns;
    }
}

static void step(struct link *l)
{
    l->now_ns += MS;
    for (uint32_t i = 0; i < FLIGHTS; i++) {
        struct flight *f = &l->flight[i];
        if (f->is_free || f->arrives_ns > l->now_ns)
            continue;
        f->is_free = true;
        bfd_receive(&l->end[f->to], &f->packet, l->now_ns);
    }
    for (uint32_t i = 0; i < 2; i++) {
        struct bfd_session *s = &l->end[i];
        bfd_expire(s, l->now_ns);
        check_session(s, l->now_ns);
        if (s->owes_final)
            send_on(l, i);
        if (l->now_ns >= bfd_due_ns(s))
            send_on(l, i);
        check_session(s, l->now_ns);
    }
}

static void run_ms(struct link *l, uint64_t ms)
{
    while (ms-- > 0)
        step(l);
}

static struct link new_link(struct bfd_wants left, struct bfd_wants right)
{
    struct link l = {.now_ns = 5000 * MS, .delay_ns = 2 * MS, .random = 1};
    bfd_open(&l.end[0], &left, 11);
    bfd_open(&l.end[1], &right, 22);
    for (uint32_t i = 0; i < FLIGHTS; i++)
        l.flight[i].is_free = true;
    count_afresh(&l);
    return l;
}

static struct link up_link(struct bfd_wants left, struct bfd_wants right)
{
    struct link l = new_link(left, right);
    run_ms(&l, 8000);
    REQUIRE(l.end[0].state == BFD_UP && l.end[1].state == BFD_UP);
    REQUIRE(!l.end[0].is_polling && !l.end[1].is_polling);
    count_afresh(&l);
    return l;
}

static const struct bfd_wants fast = {50000, 3};

/* A packet as the remote system of `s` would send it. */
static struct bfd_packet heard(const struct bfd_session *s, uint8_t state)
{
    return (struct bfd_packet){.state = state, .multiplier = 3, .my_discriminator = 99, .your_discriminator = s->discriminator,
                               .desired_tx_us = 50000, .required_rx_us = 50000};
}

static struct bfd_session session_in(uint8_t state)
{
    struct bfd_session s;
    bfd_open(&s, &fast, 7);
    struct bfd_packet down = heard(&s, BFD_DOWN), up = heard(&s, BFD_UP);
    if (state == BFD_INIT || state == BFD_UP)
        bfd_receive(&s, &down, 1000 * MS);
    if (state == BFD_UP)
        bfd_receive(&s, &up, 1000 * MS);
    if (state == BFD_ADMIN_DOWN)
        bfd_leave(&s, 1000 * MS);
    REQUIRE(s.state == state);
    return s;
}
