/* What an engine must know of a network device, and set: ethtool's and the interface's ioctls, by name. Any thread. */
#pragma once
#include "device.h"

struct link {
    char driver[32];
    u32 ifindex, mtu;
    u32 queues, tx_queues; /* to receive by and to send by; 1 where the driver does not tell */
    u32 queues_max;
    bool is_ethernet;
    u8 mac[6];
};

/* `fd`: any socket of the network namespace. False: there is no such device. */
bool link_read(int fd, const char *name, struct link *link);

/* Whether it only hands packets to other devices, which merge and send them. */
bool link_is_stacked(const struct link *link);

/* Says why it does not start, as printf() would; false, for its caller to return. */
bool device_refuse(struct device_error *error, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Says that there is no such device, and which there are. */
void link_refuse_unknown(const char *name, struct device_error *error);

/* Settings that were on and are off now. */
struct link_settings {
    bool lro, gro, rx_vlan;
};

/* Turns off what merges packets or takes VLAN tags out of them before XDP sees them; `gro`: that, too. What can't be turned
 * off is not on, for the driver refuses XDP then. */
struct link_settings link_settle(int fd, const char *name, bool gro);
/* Turns only LRO off: nobody can take its packets apart again. */
struct link_settings link_split(int fd, const char *name);
bool link_has_lro(int fd, const char *name);
/* Whatever the device of that index is called now. */
void link_restore(int fd, u32 ifindex, struct link_settings settings);
