/* BFD control packets (RFC 5880 4.1): bytes to fields and back, and every reason to discard one that needs no session.
 *
 * Freestanding: no I/O, no allocation, no state. Fields are in host order, intervals in microseconds. Nothing is read past
 * `size`, whatever the packet says of its own length. Without authentication (RFC 5880 6.7), which this speaker never uses. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BFD_VERSION 1
#define BFD_BYTES 24
#define BFD_AUTHENTICATED_BYTES 26 /* the least with an authentication section */

enum bfd_state { BFD_ADMIN_DOWN, BFD_DOWN, BFD_INIT, BFD_UP };

/* RFC 5880 4.1; what others send may be any number up to 31. */
enum bfd_diagnostic {
    BFD_NO_DIAGNOSTIC = 0,
    BFD_TIME_EXPIRED = 1,
    BFD_NEIGHBOUR_DOWN = 3,
    BFD_PATH_DOWN = 5,
    BFD_ADMINISTRATIVELY_DOWN = 7,
};

/* Why a packet is discarded, in the order in which RFC 5880 6.8.6 asks; RFC 5881 5 comes first. */
#define BFD_DISCARDS(D) \
    D(HOP_LIMIT, "hopLimit")                   /* not 255: it was routed */ \
    D(TRUNCATED, "truncated")                  /* shorter than a packet can be, or than it says */ \
    D(VERSION, "version") \
    D(LENGTH, "length")                        /* says less than its own header */ \
    D(MULTIPLIER, "multiplier")                /* zero */ \
    D(MULTIPOINT, "multipoint") \
    D(MY_DISCRIMINATOR, "myDiscriminator")     /* zero */ \
    D(YOUR_DISCRIMINATOR, "yourDiscriminator") /* of no session */ \
    D(STATE, "state")                          /* Init or Up without a discriminator of ours */ \
    D(STRANGER, "stranger")                    /* from an address that is no session's */ \
    D(AUTHENTICATION, "authentication")        /* none is in use */ \
    D(LEAVING, "adminDown")                    /* the session is administratively down */

#define BFD_VERDICT_ENUM(name, text) BFD_DISCARD_##name,
enum bfd_verdict { BFD_DISCARDS(BFD_VERDICT_ENUM) BFD_ACCEPT, BFD_DISCARD_COUNT = BFD_ACCEPT };
#undef BFD_VERDICT_ENUM

struct bfd_packet {
    uint8_t state, diagnostic, multiplier;
    bool poll, final, authenticated, demand;
    uint32_t my_discriminator, your_discriminator;
    uint32_t desired_tx_us, required_rx_us;
};

/* Byte 1: state, then one bit each. */
#define BFD_POLL 0x20
#define BFD_FINAL 0x10
#define BFD_AUTHENTICATED 0x04
#define BFD_DEMAND 0x02
#define BFD_MULTIPOINT 0x01

/* Where each word starts. */
#define BFD_AT_MULTIPLIER 2
#define BFD_AT_LENGTH 3
#define BFD_AT_MY_DISCRIMINATOR 4
#define BFD_AT_YOUR_DISCRIMINATOR 8
#define BFD_AT_DESIRED_TX 12
#define BFD_AT_REQUIRED_RX 16
#define BFD_AT_REQUIRED_ECHO_RX 20

static inline uint32_t bfd_word(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void bfd_put_word(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 24);
    at[1] = (uint8_t)(value >> 16);
    at[2] = (uint8_t)(value >> 8);
    at[3] = (uint8_t)value;
}

/* BFD_ACCEPT: `out` is filled, and what is left to ask needs the session. */
static inline enum bfd_verdict bfd_decode(const uint8_t *bytes, size_t size, struct bfd_packet *out)
{
    if (size < BFD_BYTES)
        return BFD_DISCARD_TRUNCATED;
    if (bytes[0] >> 5 != BFD_VERSION)
        return BFD_DISCARD_VERSION;
    uint8_t flags = bytes[1];
    uint8_t length = bytes[BFD_AT_LENGTH];
    if (length < (flags & BFD_AUTHENTICATED ? BFD_AUTHENTICATED_BYTES : BFD_BYTES))
        return BFD_DISCARD_LENGTH;
    if (length > size)
        return BFD_DISCARD_TRUNCATED;
    if (bytes[BFD_AT_MULTIPLIER] == 0)
        return BFD_DISCARD_MULTIPLIER;
    if (flags & BFD_MULTIPOINT)
        return BFD_DISCARD_MULTIPOINT;
    *out = (struct bfd_packet){
        .diagnostic = bytes[0] & 0x1f,
        .state = flags >> 6,
        .poll = flags & BFD_POLL,
        .final = flags & BFD_FINAL,
        .authenticated = flags & BFD_AUTHENTICATED,
        .demand = flags & BFD_DEMAND,
        .multiplier = bytes[BFD_AT_MULTIPLIER],
        .my_discriminator = bfd_word(bytes + BFD_AT_MY_DISCRIMINATOR),
        .your_discriminator = bfd_word(bytes + BFD_AT_YOUR_DISCRIMINATOR),
        .desired_tx_us = bfd_word(bytes + BFD_AT_DESIRED_TX),
        .required_rx_us = bfd_word(bytes + BFD_AT_REQUIRED_RX),
    };
    return out->my_discriminator == 0 ? BFD_DISCARD_MY_DISCRIMINATOR : BFD_ACCEPT;
}

/* Fills BFD_BYTES. Never with echo (its interval is 0: "send me none"), demand, multipoint or authentication, and without the
 * C bit: the session dies with the process that it speaks for. */
static inline void bfd_encode(const struct bfd_packet *p, uint8_t *out)
{
    out[0] = (uint8_t)(BFD_VERSION << 5 | (p->diagnostic & 0x1f));
    out[1] = (uint8_t)(p->state << 6 | (p->poll ? BFD_POLL : 0) | (p->final ? BFD_FINAL : 0));
    out[BFD_AT_MULTIPLIER] = p->multiplier;
    out[BFD_AT_LENGTH] = BFD_BYTES;
    bfd_put_word(out + BFD_AT_MY_DISCRIMINATOR, p->my_discriminator);
    bfd_put_word(out + BFD_AT_YOUR_DISCRIMINATOR, p->your_discriminator);
    bfd_put_word(out + BFD_AT_DESIRED_TX, p->desired_tx_us);
    bfd_put_word(out + BFD_AT_REQUIRED_RX, p->required_rx_us);
    bfd_put_word(out + BFD_AT_REQUIRED_ECHO_RX, 0);
}
