/* What a daemon needs of its host: systemd's notification socket (sd_notify(3), without libsystemd) and its own privileges. */
#pragma once
#include <stdbool.h>

/* Sends e.g. "READY=1" to $NOTIFY_SOCKET. 1: sent; 0: nobody asked for it; else negative errno. */
int service_notify(const char *text);

/* Whether this thread holds a capability ("net_raw", "net_admin", "bpf", …) in effect. -1: not a name we know. */
int service_has_capability(const char *name);
