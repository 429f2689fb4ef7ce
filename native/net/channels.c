#include "channels.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(const char *device, struct ethtool_channels *channels)
{
    struct ifreq request = {.ifr_data = (void *)channels};
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

int channels_read(const char *device, uint32_t *count, uint32_t *max)
{
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    int result = ask(device, &channels);
    *count = channels.combined_count;
    *max = channels.max_combined;
    return result < 0 ? result : channels.max_combined == 0 ? -EOPNOTSUPP : 0;
}

int channels_set(const char *device, uint32_t count)
{
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    int result = ask(device, &channels);
    if (result < 0)
        return result;
    channels.cmd = ETHTOOL_SCHANNELS;
    channels.combined_count = count;
    return ask(device, &channels);
}
