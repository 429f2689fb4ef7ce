#include "claim.h"
#include "clsact.h"
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int bind_claim(const char *name, struct device_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "torii-device-%s", name);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0)
        return fd;
    if (errno == EADDRINUSE) {
        error->code = "address_in_use";
        snprintf(error->text, sizeof error->text,
                 "%s: another torii balancer forwards on this device (`ss -xap | grep %s` shows its process); stop it first, or give "
                 "this one other devices under node.devices", name, address.sun_path + 1);
    } else {
        error->code = "internal";
        snprintf(error->text, sizeof error->text, "%s: claiming the device: %s", name, strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

int claim_device(const char *name, struct device_error *error)
{
    int fd = bind_claim(name, error);
    if (fd >= 0)
        clsact_remove(if_nametoindex(name)); /* whoever left one is gone */
    return fd;
}

enum swept sweep_device(const char *name)
{
    struct device_error error;
    int fd = bind_claim(name, &error);
    if (fd < 0)
        return SWEPT_NOT_OURS;
    bool is_removed = clsact_remove(if_nametoindex(name));
    close(fd);
    return is_removed ? SWEPT_FILTER : SWEPT_NOTHING;
}
