/* Whether the kernel forwards packets that come by a device: it would send those for VIPs a second time, and redirects. */
#pragma once
#include "../core/types.h"

struct forwarding {
    int fd[2]; /* the kernel's settings, IPv4 of the device and IPv6 of the host; negative where there is none */
};

void forwarding_open(struct forwarding *forwarding, const char *device);
void forwarding_close(struct forwarding *forwarding);

/* At this moment. */
bool forwarding_is_on(const struct forwarding *forwarding);
