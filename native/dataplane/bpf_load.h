/* The few system calls of bpf(2) that the live engines need, and a loader for one small program.
 *
 * Not libbpf: production would then need its library for what af_packet alone does without. A program that fits here is one
 * section without calls and without data; its maps are made by the caller and put in by name. Any thread. */
#pragma once
#include "../core/types.h"
#include <stddef.h>

struct bpf_map_entry {
    const char *name; /* of its symbol in the object */
    int fd;
};

struct bpf_program_source {
    const char *name, *section;
    u32 type; /* BPF_PROG_TYPE_* */
    const u8 *object; /* ELF, as clang writes it */
    size_t bytes;
    const struct bpf_map_entry *maps;
    u32 map_count;
};

/* All return a descriptor or 0, or -1 with errno. */
int bpf_map_make(u32 type, u32 key_bytes, u32 value_bytes, u32 entries, u32 flags);
int bpf_map_set(int map_fd, const void *key, const void *value);
int bpf_map_remove(int map_fd, const void *key);
int bpf_program_load(const struct bpf_program_source *source);

/* A program that passes everything: what live frames are run through. */
int bpf_pass_program(void);

/* The kernel gets the frame as if it had come by the device (Linux 5.18). */
int bpf_inject(int pass_program, u32 ifindex, u32 queue, const u8 *frame, u32 bytes);

/* Attaches an XDP program; the kernel takes it off when the descriptor is closed, so also when the process dies. `flags`:
 * XDP_FLAGS_* (Linux 5.9). */
int bpf_xdp_attach(int program_fd, u32 ifindex, u32 flags);

/* Likewise a classifier at a device's ingress, behind those that are there already (tcx, Linux 6.6). */
int bpf_ingress_attach(int program_fd, u32 ifindex);
