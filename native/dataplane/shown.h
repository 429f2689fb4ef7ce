/* The packets that the steering program shows the core while the kernel has them: the user's end of a BPF ring buffer. One thread. */
#pragma once
#include "device.h"
#include "../bpf/steer.h"

#define SHOWN_AT_ONCE 8

struct shown_frame {
    u8 headroom[ENCAP_ROOM];
    u8 bytes[STEER_COPY_FRAME];
};

struct shown {
    void *consumer_page, *producer_pages; /* MAP_FAILED: closed */
    struct shown_frame frame[SHOWN_AT_ONCE];
};

bool shown_open(struct shown *s, int map_fd);
void shown_close(struct shown *s);
/* Up to `max` packets, valid until the next call. */
u32 shown_take(struct shown *s, struct packet *packets, u32 max);
