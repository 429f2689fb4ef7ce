#include "channels.h"
#include "ethtool.h"
#include <errno.h>
#include <linux/ethtool.h>

int channels_read(const char *device, uint32_t *count, uint32_t *max)
{
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    int result = ethtool_ask(device, &channels);
    *count = channels.combined_count;
    *max = channels.max_combined;
    return result < 0 ? result : channels.max_combined == 0 ? -EOPNOTSUPP : 0;
}

int channels_set(const char *device, uint32_t count)
{
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    int result = ethtool_ask(device, &channels);
    if (result < 0)
        return result;
    channels.cmd = ETHTOOL_SCHANNELS;
    channels.combined_count = count;
    return ethtool_ask(device, &channels);
}
