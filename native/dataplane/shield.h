/* Has af_packet take copies of VIP traffic alone, and the kernel drop what it has taken, so that nothing is done twice (bpf/shield.c).
 *
 * Guarantees: it ends with the process, however that ends, since the attachment is a descriptor (tcx, Linux 6.6); it covers exactly
 * the addresses that `steering` takes. One for each device; not thread-safe. */
#pragma once
#include "steering.h"

#define SHIELD_REASON_BYTES 160

struct shield {
    int program, link;
    char reason[SHIELD_REASON_BYTES]; /* why there is none, for people; empty: there is one */
};

extern const struct shield shield_none;

void shield_open(struct shield *shield, struct steering *steering, u32 ifindex);
void shield_close(struct shield *shield);
bool shield_is_up(const struct shield *shield);

/* Has a packet socket take only what the core is to see: VIP traffic (bpf/tap.c). False: see errno. */
bool tap_attach(struct steering *steering, int socket_fd);
