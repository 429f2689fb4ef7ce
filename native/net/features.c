#include "features.h"
#include "ethtool.h"
#include <errno.h>
#include <linux/ethtool.h>

static int flags_of(const char *device, uint32_t *flags)
{
    struct ethtool_value value = {.cmd = ETHTOOL_GFLAGS};
    int result = ethtool_ask(device, &value);
    *flags = result == 0 ? value.data : 0;
    return result == -EOPNOTSUPP ? 0 : result;
}

int features_read(const char *device, uint32_t *on)
{
    struct ethtool_value gro = {.cmd = ETHTOOL_GGRO};
    uint32_t flags;
    int result = flags_of(device, &flags);
    *on = (flags & ETH_FLAG_LRO ? FEATURE_LRO : 0) | (flags & ETH_FLAG_RXVLAN ? FEATURE_RX_VLAN : 0);
    if (result == 0 && ethtool_ask(device, &gro) == 0 && gro.data)
        *on |= FEATURE_GRO;
    return result;
}

int features_turn_on(const char *device, uint32_t features)
{
    uint32_t flags;
    int result = flags_of(device, &flags);
    uint32_t wanted = flags | (features & FEATURE_LRO ? ETH_FLAG_LRO : 0) | (features & FEATURE_RX_VLAN ? ETH_FLAG_RXVLAN : 0);
    if (result == 0 && wanted != flags)
        result = ethtool_ask(device, &(struct ethtool_value){.cmd = ETHTOOL_SFLAGS, .data = wanted});
    if (result == 0 && features & FEATURE_GRO)
        result = ethtool_ask(device, &(struct ethtool_value){.cmd = ETHTOOL_SGRO, .data = 1});
    return result;
}
