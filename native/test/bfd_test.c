/* BFD's codec, session and table (native/net/bfd_*.h) in virtual time. Prints each rule it has checked.
 *
 * Two sessions talk over a link that a test can cut or slow down; a millisecond is the step. Rules are RFC 5880's and 5881's. */
#include "bfd_check.h"

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

/* ---- Packets ---- */

static void lays_a_packet_out_as_the_rfc_draws_it(void)
{
    static const uint8_t expected[BFD_BYTES] = {0x21, 0xe0, 3, 24, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0xc3, 0x50, 0, 1, 0x86, 0xa0, 0, 0, 0, 0};
    struct bfd_packet p = {.state = BFD_UP, .diagnostic = 1, .poll = true, .multiplier = 3, .my_discriminator = 0x01020304,
                           .your_discriminator = 0x05060708, .desired_tx_us = 50000, .required_rx_us = 100000};
    uint8_t bytes[BFD_BYTES];
    memset(bytes, 0xa5, sizeof bytes);
    bfd_encode(&p, bytes);
    REQUIRE(memcmp(bytes, expected, sizeof bytes) == 0);
}

static enum bfd_verdict decode_changed(uint32_t at, uint8_t value, size_t size)
{
    struct bfd_packet p = {.state = BFD_DOWN, .multiplier = 3, .my_discriminator = 1};
    uint8_t encoded[BFD_BYTES], *bytes = calloc(1, size ? size : 1);
    bfd_encode(&p, encoded);
    memcpy(bytes, encoded, size < sizeof encoded ? size : sizeof encoded);
    if (at < size)
        bytes[at] = value;
    enum bfd_verdict verdict = bfd_decode(bytes, size, &p);
    free(bytes);
    return verdict;
}

static void discards_what_the_rfc_discards(void)
{
    REQUIRE(decode_changed(99, 0, 24) == BFD_ACCEPT);
    REQUIRE(decode_changed(99, 0, 60) == BFD_ACCEPT); /* bytes behind it are no part of it */
    for (size_t size = 0; size < 24; size++)
        REQUIRE(decode_changed(99, 0, size) == BFD_DISCARD_TRUNCATED);
    for (uint8_t version = 0; version < 8; version++)
        REQUIRE(decode_changed(0, (uint8_t)(version << 5), 24) == (version == 1 ? BFD_ACCEPT : BFD_DISCARD_VERSION));
    REQUIRE(decode_changed(BFD_AT_LENGTH, 23, 24) == BFD_DISCARD_LENGTH);
    REQUIRE(decode_changed(BFD_AT_LENGTH, 25, 24) == BFD_DISCARD_TRUNCATED);
    REQUIRE(decode_changed(1, 0x40 | BFD_AUTHENTICATED, 30) == BFD_DISCARD_LENGTH); /* needs 26 */
    REQUIRE(decode_changed(BFD_AT_MULTIPLIER, 0, 24) == BFD_DISCARD_MULTIPLIER);
    REQUIRE(decode_changed(1, 0x40 | BFD_MULTIPOINT, 24) == BFD_DISCARD_MULTIPOINT);
    REQUIRE(decode_changed(BFD_AT_MY_DISCRIMINATOR + 3, 0, 24) == BFD_DISCARD_MY_DISCRIMINATOR);
}

static void gives_a_packet_to_the_session_it_names(void)
{
    struct bfd_table t = {0};
    struct bfd_address peer[3] = {{.bytes = {1}}, {.bytes = {0xfe, 0x80}, .scope = 2}, {.bytes = {0xfe, 0x80}, .scope = 3}};
    for (uint32_t i = 0; i < 3; i++) {
        bfd_open(&t.entry[i].session, &fast, 10 + i);
        bfd_table_open(&t, i, &peer[i]);
    }
    uint8_t bytes[BFD_BYTES];
    struct bfd_datagram d = {bytes, sizeof bytes, 255, peer[2]};
    struct bfd_packet p = heard(&t.entry[0].session, BFD_DOWN);
#define RECEIVE() (bfd_encode(&p, bytes), bfd_table_receive(&t, &d, 1000 * MS))
    REQUIRE(RECEIVE() == 0); /* by discriminator, wherever it came from */
    p.your_discriminator = 999;
    REQUIRE(RECEIVE() == BFD_NO_SESSION && t.discards[BFD_DISCARD_YOUR_DISCRIMINATOR] == 1);
    p.your_discriminator = 0;
    REQUIRE(RECEIVE() == 2); /* by address and interface */
    p.state = BFD_INIT;
    REQUIRE(RECEIVE() == BFD_NO_SESSION && t.discards[BFD_DISCARD_STATE] == 1);
    p.state = BFD_UP;
    REQUIRE(RECEIVE() == BFD_NO_SESSION && t.discards[BFD_DISCARD_STATE] == 2);
    p.state = BFD_ADMIN_DOWN;
    REQUIRE(RECEIVE() == 2);
    d.source.scope = 4;
    REQUIRE(RECEIVE() == BFD_NO_SESSION && t.discards[BFD_DISCARD_STRANGER] == 1);
    d.hop_limit = 254;
    REQUIRE(RECEIVE() == BFD_NO_SESSION && t.discards[BFD_DISCARD_HOP_LIMIT] == 1);
    d.hop_limit = 255;
    bfd_leave(&t.entry[2].session, 1000 * MS);
    d.source.scope = 3;
    REQUIRE(RECEIVE() == 2 && t.discards[BFD_DISCARD_LEAVING] == 1);
    bfd_open(&t.entry[3].session, &fast, 13);
    bfd_table_open(&t, 3, &peer[2]);
    REQUIRE(RECEIVE() == 3); /* the successor of one that leaves */
    bfd_table_close(&t, 3);
    bfd_table_close(&t, 2);
    REQUIRE(t.used == 2 && RECEIVE() == BFD_NO_SESSION);
#undef RECEIVE
}

static void takes_no_packet_with_authentication(void)
{
    struct bfd_session s = session_in(BFD_UP);
    struct bfd_packet p = heard(&s, BFD_DOWN);
    p.authenticated = true;
    REQUIRE(bfd_receive(&s, &p, 1001 * MS) == BFD_DISCARD_AUTHENTICATION);
    REQUIRE(s.state == BFD_UP && s.discarded == 1 && s.remote_state == BFD_UP);
}

/* ---- States ---- */

static void changes_state_as_the_rfc_says(void)
{
    /* By own state, then by what the remote system says it is in. */
    static const uint8_t expected[4][4] = {
        [BFD_ADMIN_DOWN] = {BFD_ADMIN_DOWN, BFD_ADMIN_DOWN, BFD_ADMIN_DOWN, BFD_ADMIN_DOWN},
        [BFD_DOWN] = {BFD_DOWN, BFD_INIT, BFD_UP, BFD_DOWN},
        [BFD_INIT] = {BFD_DOWN, BFD_INIT, BFD_UP, BFD_UP},
        [BFD_UP] = {BFD_DOWN, BFD_DOWN, BFD_UP, BFD_UP},
    };
    for (uint8_t own = BFD_ADMIN_DOWN; own <= BFD_UP; own++)
        for (uint8_t said = BFD_ADMIN_DOWN; said <= BFD_UP; said++) {
            struct bfd_session s = session_in(own);
            struct bfd_packet p = heard(&s, said);
            bfd_receive(&s, &p, 1001 * MS);
            REQUIRE(s.state == expected[own][said]);
            if (s.state == BFD_DOWN && own != BFD_DOWN)
                REQUIRE(s.diagnostic == BFD_NEIGHBOUR_DOWN);
            REQUIRE(s.flaps == (own == BFD_UP && s.state == BFD_DOWN));
            REQUIRE(s.failures == (own == BFD_UP && said == BFD_DOWN)); /* AdminDown is no failure */
            if (s.state != own)
                REQUIRE(s.is_urgent);
        }
}

static void comes_up_within_two_of_the_slow_intervals(void)
{
    struct link l = new_link(fast, fast);
    run_ms(&l, 20);
    REQUIRE(l.end[0].state == BFD_UP && l.end[1].state == BFD_UP); /* news does not wait for its turn */
    struct link late = new_link(fast, fast);
    late.is_cut[0] = late.is_cut[1] = true;
    run_ms(&late, 3000);
    REQUIRE(late.end[0].state == BFD_DOWN && late.end[1].state == BFD_DOWN);
    late.is_cut[0] = late.is_cut[1] = false;
    run_ms(&late, 1010);
    REQUIRE(late.end[0].state == BFD_UP && late.end[1].state == BFD_UP);
}

static void is_down_a_detection_time_after_the_last_packet(void)
{
    struct link l = up_link((struct bfd_wants){50000, 3}, (struct bfd_wants){80000, 5});
    REQUIRE(bfd_detection_us(&l.end[0]) == 5 * 80000); /* the remote multiplier, the slower interval */
    REQUIRE(bfd_detection_us(&l.end[1]) == 3 * 80000);
    l.is_cut[1] = true;
    run_ms(&l, 2);
    uint64_t heard_ns = l.end[0].heard_ns;
    while (l.now_ns + MS < heard_ns + 400 * MS)
        step(&l);
    REQUIRE(l.end[0].state == BFD_UP);
    step(&l);
    REQUIRE(l.end[0].state == BFD_DOWN && l.end[0].diagnostic == BFD_TIME_EXPIRED && l.end[0].last_diagnostic == BFD_TIME_EXPIRED);
    REQUIRE(l.end[0].failures == 1 && l.end[0].flaps == 1 && l.end[0].remote_discriminator == 0);
    run_ms(&l, 3);
    REQUIRE(l.end[1].state == BFD_DOWN && l.end[1].diagnostic == BFD_NEIGHBOUR_DOWN);
    l.is_cut[1] = false;
    run_ms(&l, 1100);
    REQUIRE(l.end[0].state == BFD_UP && l.end[1].state == BFD_UP && l.end[0].diagnostic == BFD_NO_DIAGNOSTIC);
    REQUIRE(l.end[0].last_diagnostic == BFD_TIME_EXPIRED);
}

static void is_not_shaken_by_single_losses(void)
{
    struct link l = up_link(fast, fast);
    for (int i = 0; i < 200; i++) {
        l.is_cut[0] = l.is_cut[1] = i % 2 == 0;
        run_ms(&l, 35); /* two packets in a row at most */
    }
    REQUIRE(l.end[0].flaps == 0 && l.end[1].flaps == 0);
}

/* ---- Intervals ---- */

static void keeps_to_its_interval_less_jitter(void)
{
    struct link l = up_link((struct bfd_wants){100000, 3}, (struct bfd_wants){100000, 1});
    run_ms(&l, 60000);
    /* A step of the test is a millisecond. */
    REQUIRE(l.least_gap_ns[0] >= 75 * MS && l.least_gap_ns[0] <= 78 * MS);
    REQUIRE(l.most_gap_ns[0] <= 101 * MS && l.most_gap_ns[0] >= 98 * MS);
    REQUIRE(l.least_gap_ns[1] >= 75 * MS && l.most_gap_ns[1] <= 91 * MS && l.most_gap_ns[1] >= 88 * MS);
    REQUIRE(l.polls[0] == 0 && l.finals[0] == 0);
}

static void sends_no_faster_than_the_slower_side_takes(void)
{
    struct link l = up_link((struct bfd_wants){50000, 3}, (struct bfd_wants){400000, 3});
    run_ms(&l, 30000);
    REQUIRE(l.least_gap_ns[0] >= 300 * MS && l.least_gap_ns[1] >= 300 * MS);
}

static void sends_slowly_while_nobody_answers(void)
{
    struct link l = new_link(fast, fast);
    l.is_cut[0] = l.is_cut[1] = true;
    run_ms(&l, 10);
    count_afresh(&l);
    run_ms(&l, 60000);
    REQUIRE(l.least_gap_ns[0] >= 750 * MS && l.sent[0] >= 55 && l.polls[0] == 0);
}

static void tells_of_its_interval_by_polling(void)
{
    struct link l = new_link(fast, fast);
    run_ms(&l, 500);
    REQUIRE(l.end[0].state == BFD_UP && l.polls[0] >= 1 && l.finals[1] >= 1 && !l.end[0].is_polling);
    REQUIRE(bfd_detection_us(&l.end[1]) == 150000);
}

static void slows_down_only_once_the_other_side_knows(void)
{
    struct link l = up_link(fast, fast);
    l.is_cut[1] = true;
    bfd_configure(&l.end[0], &(struct bfd_wants){500000, 3});
    REQUIRE(l.end[0].desired_tx_us == 500000 && bfd_interval_us(&l.end[0]) == 50000);
    REQUIRE(bfd_detection_us(&l.end[0]) == 1500000); /* what is received more slowly counts at once */
    run_ms(&l, 120);
    REQUIRE(l.sent[0] >= 2 && bfd_interval_us(&l.end[0]) == 50000);
    l.is_cut[1] = false;
    run_ms(&l, 100);
    REQUIRE(bfd_interval_us(&l.end[0]) == 500000 && bfd_interval_us(&l.end[1]) == 500000);
    run_ms(&l, 5000);
    REQUIRE(l.end[0].flaps == 0 && l.end[1].flaps == 0);
}

static void expects_more_only_once_the_other_side_knows(void)
{
    struct link l = up_link((struct bfd_wants){500000, 3}, fast);
    l.is_cut[0] = true;
    bfd_configure(&l.end[0], &fast);
    run_ms(&l, 200);
    REQUIRE(bfd_detection_us(&l.end[0]) == 1500000 && bfd_interval_us(&l.end[0]) == 50000);
    l.is_cut[0] = false;
    run_ms(&l, 60);
    REQUIRE(bfd_detection_us(&l.end[0]) == 150000 && bfd_interval_us(&l.end[1]) == 50000);
    run_ms(&l, 2000);
    REQUIRE(l.end[0].flaps == 0 && l.end[1].flaps == 0);
}

static void forgets_older_intervals_when_it_goes_down(void)
{
    static const uint32_t change[2][2] = {{2000000, 3000000}, {3000000, 2000000}};
    for (uint32_t i = 0; i < 2; i++) {
        struct link l = up_link((struct bfd_wants){change[i][0], 3}, fast);
        l.is_cut[0] = true;
        bfd_configure(&l.end[0], &(struct bfd_wants){change[i][1], 3});
        struct bfd_session *s = &l.end[0];
        REQUIRE(s->is_polling && bfd_max(s->tx_in_use_us, s->rx_in_use_us) == 3000000);
        struct bfd_packet down = heard(s, BFD_DOWN);
        bfd_receive(s, &down, l.now_ns);
        REQUIRE(s->state == BFD_DOWN && s->rx_in_use_us == change[i][1] && s->tx_in_use_us == change[i][1]);
    }
}

static void makes_one_change_after_the_other(void)
{
    struct link l = up_link(fast, fast);
    l.is_cut[0] = true;
    bfd_configure(&l.end[0], &(struct bfd_wants){200000, 3});
    bfd_configure(&l.end[0], &(struct bfd_wants){300000, 4});
    REQUIRE(l.end[0].desired_tx_us == 200000 && l.end[0].multiplier == 3);
    l.is_cut[0] = false;
    run_ms(&l, 3000);
    REQUIRE(l.end[0].desired_tx_us == 300000 && l.end[0].multiplier == 4 && !l.end[0].is_polling);
    REQUIRE(bfd_interval_us(&l.end[0]) == 300000 && l.end[1].remote_multiplier == 4 && l.end[0].flaps == 0);
}

static void lets_no_late_final_confirm_the_next_change(void)
{
    struct bfd_session s = session_in(BFD_UP);
    struct bfd_packet said = heard(&s, BFD_UP), p;
    said.final = true;
    bfd_compose(&s, &p);
    bfd_was_sent(&s, &p, 1001 * MS, 0);
    bfd_receive(&s, &said, 1002 * MS);
    bfd_configure(&s, &(struct bfd_wants){200000, 3});
    bfd_receive(&s, &said, 1003 * MS); /* the answer to a second poll that crossed the first one's answer */
    REQUIRE(s.desired_tx_us == 50000 && !s.is_polling);
    said.final = false;
    bfd_receive(&s, &said, 1004 * MS);
    REQUIRE(s.desired_tx_us == 200000 && s.is_polling && bfd_interval_us(&s) == 50000);
}

static void ignores_a_final_nobody_asked_for(void)
{
    struct bfd_session s = session_in(BFD_UP);
    REQUIRE(s.is_polling && !s.is_poll_sent);
    struct bfd_packet final = heard(&s, BFD_UP), p;
    final.final = true;
    bfd_receive(&s, &final, 1001 * MS);
    REQUIRE(s.is_polling);
    bfd_compose(&s, &p);
    REQUIRE(p.poll);
    bfd_was_sent(&s, &p, 1002 * MS, 0);
    bfd_receive(&s, &final, 1003 * MS);
    REQUIRE(!s.is_polling);
}

static void answers_a_poll_at_once_and_out_of_turn(void)
{
    struct bfd_session s = session_in(BFD_UP);
    struct bfd_packet poll = heard(&s, BFD_UP), p;
    bfd_compose(&s, &p);
    bfd_was_sent(&s, &p, 1001 * MS, 0);
    uint64_t due_ns = bfd_due_ns(&s);
    poll.poll = true;
    bfd_receive(&s, &poll, 1002 * MS);
    REQUIRE(s.owes_final && s.is_polling);
    bfd_compose(&s, &p);
    REQUIRE(p.final && !p.poll);
    bfd_was_sent(&s, &p, 1002 * MS, 0);
    REQUIRE(!s.owes_final && s.is_polling && bfd_due_ns(&s) == due_ns);
}

static void is_quiet_where_the_other_side_demands_it(void)
{
    struct link l = up_link(fast, fast);
    struct bfd_packet demand = heard(&l.end[0], BFD_UP);
    demand.demand = true;
    l.is_cut[0] = l.is_cut[1] = true;
    run_ms(&l, 3);
    count_afresh(&l);
    for (int i = 0; i < 20; i++) { /* it still hears from the other side */
        bfd_receive(&l.end[0], &demand, l.now_ns);
        run_ms(&l, 50);
    }
    REQUIRE(l.sent[0] == 0 && l.end[0].state == BFD_UP);
    bfd_configure(&l.end[0], &(struct bfd_wants){50000, 5}); /* what would be said differs: it polls */
    bfd_receive(&l.end[0], &demand, l.now_ns);
    run_ms(&l, 60);
    REQUIRE(l.sent[0] >= 1 && l.polls[0] == l.sent[0]);
    run_ms(&l, 200); /* silence ends demand as it ends all */
    REQUIRE(l.end[0].state == BFD_DOWN && bfd_due_ns(&l.end[0]) != BFD_NEVER);
}

static void sends_nothing_to_who_takes_nothing(void)
{
    struct bfd_session s = session_in(BFD_INIT);
    struct bfd_packet p = heard(&s, BFD_DOWN);
    p.required_rx_us = 0;
    bfd_receive(&s, &p, 1001 * MS);
    bfd_compose(&s, &p);
    bfd_was_sent(&s, &p, 1001 * MS, 0);
    REQUIRE(bfd_due_ns(&s) == BFD_NEVER);
    bfd_expire(&s, 1001 * MS + bfd_detection_us(&s) * 1000);
    REQUIRE(s.state == BFD_DOWN && bfd_due_ns(&s) != BFD_NEVER && s.remote_required_rx_us == 1);
}

/* ---- Leaving, holding ---- */

static void says_for_a_detection_time_that_it_leaves(void)
{
    struct link l = up_link(fast, fast);
    bfd_leave(&l.end[0], l.now_ns);
    uint64_t left_ns = l.now_ns;
    while (!bfd_is_gone(&l.end[0], l.now_ns))
        step(&l);
    REQUIRE(l.now_ns - left_ns == 150 * MS && l.sent[0] >= 3 && l.sent[0] <= 5);
    REQUIRE(l.end[1].state == BFD_DOWN && l.end[1].remote_state == BFD_ADMIN_DOWN && l.end[1].failures == 0 && l.end[1].flaps == 1);
    REQUIRE(l.end[1].remote_diagnostic == BFD_ADMINISTRATIVELY_DOWN && l.end[0].flaps == 0);
    struct link slow = up_link((struct bfd_wants){60000000, 255}, (struct bfd_wants){60000000, 255});
    bfd_leave(&slow.end[0], slow.now_ns);
    run_ms(&slow, 1000);
    REQUIRE(bfd_is_gone(&slow.end[0], slow.now_ns) && slow.end[1].remote_state == BFD_ADMIN_DOWN);
    struct bfd_session alone = session_in(BFD_ADMIN_DOWN);
    struct bfd_packet p;
    REQUIRE(!bfd_is_gone(&alone, 1000 * MS));
    bfd_compose(&alone, &p);
    bfd_was_sent(&alone, &p, 1000 * MS, 0);
    REQUIRE(p.state == BFD_ADMIN_DOWN && bfd_is_gone(&alone, 1000 * MS));
}

static void stays_down_while_held(void)
{
    struct link l = up_link(fast, fast);
    bfd_hold(&l.end[0], true);
    run_ms(&l, 5000);
    REQUIRE(l.end[0].state == BFD_DOWN && l.end[1].state != BFD_UP && l.end[1].last_diagnostic == BFD_NEIGHBOUR_DOWN);
    REQUIRE(l.end[1].remote_diagnostic == BFD_PATH_DOWN && l.end[1].failures == 1);
    REQUIRE(l.end[0].failures == 0 && l.end[0].flaps == 1); /* its own doing */
    bfd_hold(&l.end[0], false);
    run_ms(&l, 2000);
    REQUIRE(l.end[0].state == BFD_UP && l.end[1].state == BFD_UP);
}

static void recovers_from_any_losses(void)
{
    for (uint32_t seed = 1; seed <= 40; seed++) {
        struct link l = new_link((struct bfd_wants){50000 + seed * 7000, 1 + seed % 4}, fast);
        l.random = seed;
        for (int i = 0; i < 300; i++) {
            l.is_cut[0] = next_random(&l) % 3 == 0;
            l.is_cut[1] = next_random(&l) % 3 == 0;
            if (next_random(&l) % 16 == 0)
                bfd_configure(&l.end[next_random(&l) % 2], &(struct bfd_wants){50000 + next_random(&l) % 400000, 1 + next_random(&l) % 4});
            run_ms(&l, next_random(&l) % 100);
        }
        l.is_cut[0] = l.is_cut[1] = false;
        run_ms(&l, 4000);
        REQUIRE(l.end[0].state == BFD_UP && l.end[1].state == BFD_UP);
        REQUIRE(!l.end[0].is_polling && !l.end[1].is_polling);
        for (uint32_t i = 0; i < 2; i++) /* and all that was configured has come over */
            REQUIRE(l.end[i].desired_tx_us == l.end[i].wants.interval_us && l.end[1 - i].remote_multiplier == l.end[i].wants.multiplier);
    }
}

#define RULES(R) \
    R(lays_a_packet_out_as_the_rfc_draws_it) R(discards_what_the_rfc_discards) R(gives_a_packet_to_the_session_it_names) \
    R(takes_no_packet_with_authentication) R(changes_state_as_the_rfc_says) R(comes_up_within_two_of_the_slow_intervals) \
    R(is_down_a_detection_time_after_the_last_packet) R(is_not_shaken_by_single_losses) R(keeps_to_its_interval_less_jitter) \
    R(sends_no_faster_than_the_slower_side_takes) R(sends_slowly_while_nobody_answers) R(tells_of_its_interval_by_polling) \
    R(slows_down_only_once_the_other_side_knows) R(expects_more_only_once_the_other_side_knows) \
    R(forgets_older_intervals_when_it_goes_down) R(makes_one_change_after_the_other) \
    R(lets_no_late_final_confirm_the_next_change) R(ignores_a_final_nobody_asked_for) \
    R(answers_a_poll_at_once_and_out_of_turn) R(is_quiet_where_the_other_side_demands_it) R(sends_nothing_to_who_takes_nothing) \
    R(says_for_a_detection_time_that_it_leaves) R(stays_down_while_held) R(recovers_from_any_losses)

#define RUN_RULE(rule) rule(); puts(#rule);

int main(void)
{
    RULES(RUN_RULE)
    return 0;
}
