/* The CONTROL map of balancer.c: where its tables' parts lie, and what became of the last packet. Shared with the loader. */
#pragma once
#include "../core/types.h"

/* Line 0, written by the loader. */
struct control_in {
    u64 now_ns;         /* a test's clock, where has_clock says so */
    u32 snapshot_first; /* first line of the side in force */
    u32 generation;     /* of that side; 0: none yet, every packet passes */
    u32 flow_first, flow_mask;
    u32 counter_first, vip_counters, backend_counters, tenant_counters;
    u32 has_clock;      /* 0: the kernel's monotonic clock */
    u32 workers;        /* whose flow tables FLOWS holds */
    u32 spare[4];
};

/* Line 1, written by the program; the fields of `struct outcome` in memory.h but the offset. */
struct control_out {
    u32 verdict, flow, vip, tenant, backend, device, out_len;
    u32 is_handed_over; /* to the engine in user space, uncounted */
    u32 spare[8];
};

_Static_assert(sizeof(struct control_in) == 64 && sizeof(struct control_out) == 64, "one line each");

#define CONTROL_IN 0
#define CONTROL_OUT 1
#define CONTROL_LINES 2
