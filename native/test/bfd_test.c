/* BFD's codec, session and table (native/net/bfd_*.h) in virtual time, but for intervals (bfd_intervals.c). Prints each rule it has
 * checked. Rules are RFC 5880's and 5881's. */
#include "bfd_link.h"

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
    R(is_down_a_detection_time_after_the_last_packet) R(is_not_shaken_by_single_losses) \
    R(says_for_a_detection_time_that_it_leaves) R(stays_down_while_held) R(recovers_from_any_losses)

int main(void)
{
    RULES(RUN_RULE)
    return 0;
}
