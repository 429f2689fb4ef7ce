/* The map of shield.c, by what its loader (dataplane/shield.c) must know of it: one word for each device. */
#pragma once
#include <linux/types.h>

/* Until when the program drops anything: CLOCK_MONOTONIC of the host, in ns. A map that nobody has written has it pass everything. */
#define SHIELD_FOR_EVER (~(__u64)0)
