/* What both bare loops do to a frame, and how they start and end: for benchmarks of packet engines, which they are the measure
 * of. The least that forwards with encapsulation: the frame goes back where it came from with its MACs swapped, behind a
 * constant IPv4 header. No look-up, no decision, no counter, no checksum; the header's length is as wrong as its checksum. */
#pragma once
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST 64
#define OUTER_BYTES 20
#define MAC_BYTES 6

static volatile sig_atomic_t stopping;

static void stop(int signal)
{
    (void)signal;
    stopping = 1;
}

static int fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

/* Returns where the longer frame begins; there are OUTER_BYTES before `frame`. */
static inline uint8_t *encapsulate(uint8_t *frame)
{
    static const uint8_t outer[OUTER_BYTES] = {0x45, 0, 0, 66, 0, 0, 0x40, 0, 64, 4, 0, 0, 10, 66, 0, 11, 10, 80, 0, 1};
    uint8_t *longer = frame - OUTER_BYTES, from[MAC_BYTES], to[MAC_BYTES];
    memcpy(to, frame, MAC_BYTES);
    memcpy(from, frame + MAC_BYTES, MAC_BYTES);
    memcpy(longer, from, MAC_BYTES);
    memcpy(longer + MAC_BYTES, to, MAC_BYTES);
    longer[2 * MAC_BYTES] = 0x08;
    longer[2 * MAC_BYTES + 1] = 0;
    memcpy(longer + 2 * MAC_BYTES + 2, outer, OUTER_BYTES);
    return longer;
}

/* SIGALRM ends what nobody ended. */
static inline void begin(void)
{
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
}
