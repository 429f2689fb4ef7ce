/* How often BFD speaks, and how both sides agree on that (native/net/bfd_session.h), in virtual time. Prints each rule it has
 * checked. Rules are RFC 5880's and 5881's. */
#include "bfd_link.h"

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

#define RULES(R) \
    R(keeps_to_its_interval_less_jitter) R(sends_no_faster_than_the_slower_side_takes) R(sends_slowly_while_nobody_answers) \
    R(tells_of_its_interval_by_polling) R(slows_down_only_once_the_other_side_knows) \
    R(expects_more_only_once_the_other_side_knows) R(forgets_older_intervals_when_it_goes_down) \
    R(makes_one_change_after_the_other) R(lets_no_late_final_confirm_the_next_change) R(ignores_a_final_nobody_asked_for) \
    R(answers_a_poll_at_once_and_out_of_turn) R(is_quiet_where_the_other_side_demands_it) R(sends_nothing_to_who_takes_nothing)

int main(void)
{
    RULES(RUN_RULE)
    return 0;
}
