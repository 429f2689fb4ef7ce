/* What a network device does to packets on their way in, as ethtool -k shows it: of it only what engines turn off. Any thread. */
#pragma once
#include <stdint.h>

#define FEATURE_GRO 1u
#define FEATURE_LRO 2u
#define FEATURE_RX_VLAN 4u

/* Those that are on; one that the device does not know is off. 0, or negative errno: -ENODEV without such a device. */
int features_read(const char *device, uint32_t *on);

/* Turns those on. Needs CAP_NET_ADMIN. 0, or negative errno. */
int features_turn_on(const char *device, uint32_t features);
