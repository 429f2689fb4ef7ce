/* Has af_packet take copies of VIP traffic alone, and the kernel drop what it has taken, so that nothing is done twice (bpf/shield.c).
 *
 * Guarantees: it ends with the process, however that ends: the attachment is a descriptor (tcx, Linux 6.6), or a filter (clsact.h)
 * whose deadline comes when nobody puts it off any more; it covers exactly the addresses that `steering` takes. One for each device;
 * not thread-safe. */
#pragma once
#include "steering.h"

#define SHIELD_REASON_BYTES 256
#define SHIELD_SECONDS 3 /* that a filter outlives its process */

struct shield {
    int program, until; /* `until`: a map, its deadline */
    int link;           /* negative: none, or a filter */
    u32 ifindex;
    bool is_filter;     /* rather than a descriptor */
    bool is_attached;
    u32 kept;           /* how often */
    int tcx_error;      /* why no descriptor: errno */
    long long clock_ns;       /* what our CLOCK_MONOTONIC is ahead of the host's, in a time namespace */
    char reason[SHIELD_REASON_BYTES]; /* why there is none, or no better one, for people; empty: there is the best one */
};

extern const struct shield shield_none;

struct shield_open {
    struct steering *steering;
    u32 ifindex;
    bool without_tcx; /* as on a kernel that has none */
    bool only_tcx;    /* nothing that outlives a process */
};

void shield_open(struct shield *shield, const struct shield_open *how);
/* To be called several times a second: puts the deadline off, and has the filter back where somebody took it away. */
void shield_keep(struct shield *shield);
void shield_close(struct shield *shield);
bool shield_is_up(const struct shield *shield);

/* Has a packet socket take only what the core is to see: VIP traffic (bpf/tap.c). False: see errno. */
bool tap_attach(struct steering *steering, int socket_fd);
