/* What live engines take from the kernel: the addresses of all VIPs, and the program of af_xdp that looks them up (bpf/steer.c).
 *
 * Guarantees: an address is taken before the snapshot that has it is in force, and given back only once every worker has adopted
 * one that has it no more. Threads: any, one at a time (it locks). */
#pragma once
#include "bpf_load.h"
#include "device.h"
#include "../bpf/steer.h"
#include <pthread.h>

struct steering {
    pthread_mutex_t lock;
    int vips, vip_prefixes, prefix_count, sources; /* maps; negative until the first device needs them */
    struct steer_prefix *taken; /* sorted; what the maps hold of VIPs */
    u32 taken_count;
    struct steer_prefix *listed; /* VIPs of the last snapshot, as they lie there: most snapshots have the same */
    u32 listed_count;
    struct steer_prefix source[STEER_SOURCES_MAX];
    u32 source_count;
    bool is_settled; /* no more is taken than the snapshot in force has */
};

/* Its program on one device. */
struct steer_program {
    int port, sockets, copies; /* maps */
    int program, link;
};

void steering_init(struct steering *s);
void steering_free(struct steering *s);

/* Takes what a snapshot has beside what is taken already. False: see error; what was taken before stays. */
bool steering_add(struct steering *s, const line *snapshot, size_t lines, struct device_error *error);

/* Gives back what this snapshot, which every worker has adopted, does not have; of much, a part with each call. */
void steering_keep(struct steering *s, const line *snapshot, size_t lines);

#define STEERING_MAPS 4

/* The maps of bpf/vip_set.h, made with the first call. False: see errno. */
bool steering_maps(struct steering *s, struct bpf_map_entry maps[STEERING_MAPS]);

/* Loads the program for one device; it passes everything until attached and until it has sockets. */
bool steer_load(struct steering *s, struct steer_program *p, const char *device, struct device_error *error);
bool steer_own_address(const struct steer_program *p, const u8 mac[6]);
/* Takes the program off and forgets it. */
void steer_unload(struct steer_program *p);
