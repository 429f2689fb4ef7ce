/* Keeps two balancers of one network namespace off the same device: each would answer and forward every packet.
 *
 * A claim is an abstract UNIX socket: such names belong to a network namespace, and the kernel gives them up with the process,
 * however it ends. What such an end left on the device, a filter of shield.h, goes with the next claim. */
#pragma once
#include "device.h"

/* The socket to close when done with the device; negative: refused, see error. */
int claim_device(const char *name, struct device_error *error);

enum swept { SWEPT_NOTHING, SWEPT_FILTER, SWEPT_NOT_OURS };

/* Takes away what a process that was killed left on a device which nobody is to claim now; NOT_OURS: another balancer has it. */
enum swept sweep_device(const char *name);
