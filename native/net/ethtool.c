#include "ethtool.h"
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int ethtool_ask(const char *device, void *command)
{
    struct ifreq request = {.ifr_data = command};
    if (strlen(device) >= sizeof request.ifr_name)
        return -ENODEV;
    strcpy(request.ifr_name, device);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int result = ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
    close(fd);
    return result;
}
