/* How fast the core is in the kernel: scatter.c's packets under BPF_PROG_RUN, through the balancer or through nothing. */
#pragma once
#include <stdint.h>

struct bpf_bench {
    const char *scatter; /* path of the object */
    int program;         /* what the packets go on to; negative: a program that does nothing */
    const void *frame;   /* IPv4 and TCP, without VLAN tag */
    uint32_t frame_bytes, flows, packets;
};

/* Nanoseconds a packet, in whole ones as the kernel counts them. Negative, with errno set, where it could not be run. */
double bpf_bench(const struct bpf_bench *bench);
