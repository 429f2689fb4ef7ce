/* Keeps the kernel from VIP packets while a device is taken up anew that has another MTU or other queues: from the first worker that closes
 * it until all have it open again. They are lost for that moment; the kernel would forward them, or reset the connections of a VIP that is
 * an address of this host.
 *
 * By a descriptor alone (tcx, Linux 6.6): on an older kernel there is nothing in between. Under the lock of opening. */
#pragma once
#include "shield.h"

struct gap {
    struct shield shield;
    u32 without; /* workers that have the device not open */
};

void gap_init(struct gap *gap);
/* A worker closes the device; `how->ifindex` 0: it is gone. */
void gap_widen(struct gap *gap, const struct shield_open *how);
/* It has not opened it again; `ifindex`: of the device that has the name now. */
void gap_check(struct gap *gap, u32 ifindex);
/* It has. */
void gap_narrow(struct gap *gap);
void gap_close(struct gap *gap);
