/* How many queues of a network card carry packets: ethtool's combined channels (ethtool -l and -L). Devices that count receiving and
 * sending queues apart, as a veth does, have none here. Any thread. */
#pragma once
#include <stdint.h>

/* 0, or negative errno: -EOPNOTSUPP where there are none, -ENODEV without such a device. */
int channels_read(const char *device, uint32_t *count, uint32_t *max);

/* Needs CAP_NET_ADMIN. Many cards lose their link for a moment. 0, or negative errno. */
int channels_set(const char *device, uint32_t count);
