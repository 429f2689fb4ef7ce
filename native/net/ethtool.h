/* One request of ethtool's ioctl, by the device's name, in the caller's network namespace. */
#pragma once

/* `command` is one of the structures of <linux/ethtool.h>, with its `cmd` set; the answer is in it. 0, or a negative errno. */
int ethtool_ask(const char *device, void *command);
