/* BFD's receiving side under libFuzzer: datagrams, time and orders for a table of three sessions.
 *
 *   bfd_fuzz [libFuzzer options] CORPUS...
 *
 * An input is records of an order byte, a byte about the sender, a length and so many bytes of a datagram. The order byte
 * moves the clock, and lets a session be configured, held or left; the sender's byte says from whom it comes, and whether it
 * is given a discriminator that is known here, which no fuzzer would guess. */
#include "bfd_check.h"

#define SESSIONS 3
#define CLOCK_MASK 0x0f
#define SENDER_KNOWS 0x10
#define SENDER_ROUTED 0x20

static struct bfd_table table;
static uint64_t now_ns;
static uint32_t random_number;

static struct bfd_address address_of(uint32_t i)
{
    return (struct bfd_address){.bytes = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(1 + i)}};
}

static void give_order(uint8_t order, uint8_t sender)
{
    struct bfd_session *s = &table.entry[sender % SESSIONS].session;
    struct bfd_wants wants = {.interval_us = 50000u << (sender >> 5), .multiplier = (uint8_t)(1 + (sender >> 6))};
    if ((order & 0xc0) == 0x40)
        bfd_configure(s, &wants);
    else if ((order & 0xc0) == 0x80)
        bfd_hold(s, sender & 0x08);
    else if ((order & 0xe0) == 0xe0)
        bfd_leave(s, now_ns);
}

static void serve(void)
{
    for (uint32_t i = 0; i < SESSIONS; i++) {
        struct bfd_session *s = &table.entry[i].session;
        struct bfd_packet p;
        bfd_expire(s, now_ns);
        check_session(s, now_ns);
        for (int due = s->owes_final + (now_ns >= bfd_due_ns(s)); due > 0; due--) {
            bfd_compose(s, &p);
            bfd_was_sent(s, &p, now_ns, random_number = random_number * 1664525 + 1013904223);
        }
        REQUIRE(!s->owes_final && !s->is_urgent);
        check_session(s, now_ns);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct bfd_wants wants = {.interval_us = 50000, .multiplier = 3};
    table = (struct bfd_table){0};
    now_ns = 1000 * MS;
    for (uint32_t i = 0; i < SESSIONS; i++) {
        struct bfd_address peer = address_of(i);
        bfd_open(&table.entry[i].session, &wants, 100 + i);
        bfd_table_open(&table, i, &peer);
    }
    while (size >= 3) {
        uint8_t order = data[0], sender = data[1];
        size_t length = data[2] < size - 3 ? data[2] : size - 3;
        /* Of its exact size, so that a byte too many is seen. */
        uint8_t *bytes = malloc(length);
        memcpy(bytes, data + 3, length);
        if (sender & SENDER_KNOWS && length >= BFD_BYTES)
            bfd_put_word(bytes + BFD_AT_YOUR_DISCRIMINATOR, 100 + sender % SESSIONS);
        struct bfd_datagram d = {bytes, length, sender & SENDER_ROUTED ? 64 : 255, address_of(sender % (SESSIONS + 1))};
        now_ns += ((1ull << (order & CLOCK_MASK)) - 1) * MS;
        give_order(order, sender);
        serve();
        bfd_table_receive(&table, &d, now_ns);
        serve();
        free(bytes);
        data += 3 + length;
        size -= 3 + length;
    }
    return 0;
}
