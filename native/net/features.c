#include "features.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(const char *device, struct ethtool_value *value)
{
    struct ifreq request = {.ifr_data = (void *)value};
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

static int flags_of(const char *device, uint32_t *flags)
{
    struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
    int result = ask(device, &value);
    *flags = result == 0 ? value.data : 0;
    return result == -EOPNOTSUPP ? 0 : result;
}

int features_read(const char *device, uint32_t *on)
{
    struct ethtool_value gro = {.cmd = ETHTOOL_GGRO};
    uint32_t flags;
    int result = flags_of(device, &flags);
    *on = (flags & ETH_FLAG_LRO ? FEATURE_LRO : 0) | (flags & ETH_FLAG_RXVLAN ? FEATURE_RX_VLAN : 0);
    if (result == 0 && ask(device, &gro) == 0 && gro.data)
        *on |= FEATURE_GRO;
    return result;
}

int features_turn_on(const char *device, uint32_t features)
{
    uint32_t flags;
    int result = flags_of(device, &flags);
    uint32_t wanted = flags | (features & FEATURE_LRO ? ETH_FLAG_LRO : 0) | (features & FEATURE_RX_VLAN ? ETH_FLAG_RXVLAN : 0);
    if (result == 0 && wanted != flags)
        result = ask(device, &(struct ethtool_value){.cmd = ETHTOOL_SFLAGS, .data = wanted});
    if (result == 0 && features & FEATURE_GRO)
        result = ask(device, &(struct ethtool_value){.cmd = ETHTOOL_SGRO, .data = 1});
    return result;
}
