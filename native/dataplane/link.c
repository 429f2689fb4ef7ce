#define _GNU_SOURCE
#include "link.h"
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

static struct ifreq request_of(const char *name, void *data)
{
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    r.ifr_data = data;
    return r;
}

static bool ethtool(int fd, const char *name, void *command)
{
    struct ifreq r = request_of(name, command);
    return ioctl(fd, SIOCETHTOOL, &r) == 0;
}

bool link_read(int fd, const char *name, struct link *link)
{
    struct ifreq r = request_of(name, NULL_PTR);
    *link = (struct link){.queues = 1, .tx_queues = 1, .queues_max = 1};
    if (ioctl(fd, SIOCGIFINDEX, &r) < 0)
        return false;
    link->ifindex = (u32)r.ifr_ifindex;
    if (ioctl(fd, SIOCGIFMTU, &r) < 0)
        return false;
    link->mtu = (u32)r.ifr_mtu;
    if (ioctl(fd, SIOCGIFHWADDR, &r) < 0)
        return false;
    link->is_ethernet = r.ifr_hwaddr.sa_family == ARPHRD_ETHER;
    memcpy(link->mac, r.ifr_hwaddr.sa_data, sizeof link->mac);
    struct ethtool_drvinfo driver = {.cmd = ETHTOOL_GDRVINFO};
    if (ethtool(fd, name, &driver))
        memcpy(link->driver, driver.driver, sizeof link->driver - 1);
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    if (ethtool(fd, name, &channels) && channels.combined_count + channels.rx_count > 0) {
        link->queues = channels.combined_count + channels.rx_count;
        if (channels.combined_count + channels.tx_count > 0)
            link->tx_queues = channels.combined_count + channels.tx_count;
        link->queues_max = channels.max_combined + channels.max_rx;
    }
    return true;
}

bool link_is_stacked(const struct link *link)
{
    static const char *const drivers[] = {"802.1Q VLAN Support", "bonding", "bridge", "macvlan", "team"};
    for (u32 i = 0; i < sizeof drivers / sizeof drivers[0]; i++)
        if (strncmp(link->driver, drivers[i], sizeof link->driver - 1) == 0)
            return true;
    return false;
}

bool device_refuse(struct device_error *error, const char *code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    error->code = code;
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    return false;
}

void link_refuse_unknown(const char *name, struct device_error *error)
{
    error->code = "device_unknown";
    size_t at = (size_t)snprintf(error->text, sizeof error->text, "%s: no such network device; this host has", name);
    struct if_nameindex *list = if_nameindex();
    for (struct if_nameindex *i = list; i && i->if_index && at < sizeof error->text - IFNAMSIZ - 2; i++)
        at += (size_t)snprintf(error->text + at, sizeof error->text - at, "%s %s", i == list ? "" : ",", i->if_name);
    if_freenameindex(list);
}

static bool is_on(int fd, const char *name, u32 get)
{
    struct ethtool_value v = {.cmd = get};
    return ethtool(fd, name, &v) && v.data;
}

static bool set_gro(int fd, const char *name, u32 on)
{
    struct ethtool_value v = {.cmd = ETHTOOL_SGRO, .data = on};
    return ethtool(fd, name, &v);
}

/* Whether the flag is as wanted and was not before. */
static bool change_flag(int fd, const char *name, u32 flag, bool on)
{
    struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS};
    if (!ethtool(fd, name, &v) || !(v.data & flag) == !on)
        return false;
    v.cmd = ETHTOOL_SFLAGS;
    v.data ^= flag;
    return ethtool(fd, name, &v);
}

struct link_settings link_settle(int fd, const char *name, bool gro)
{
    return (struct link_settings){
        .lro = change_flag(fd, name, ETH_FLAG_LRO, false),
        .rx_vlan = change_flag(fd, name, ETH_FLAG_RXVLAN, false),
        .gro = gro && is_on(fd, name, ETHTOOL_GGRO) && set_gro(fd, name, 0),
    };
}

struct link_settings link_split(int fd, const char *name)
{
    return (struct link_settings){.lro = change_flag(fd, name, ETH_FLAG_LRO, false)};
}

bool link_has_lro(int fd, const char *name)
{
    struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS};
    return ethtool(fd, name, &v) && v.data & ETH_FLAG_LRO;
}

void link_restore(int fd, u32 ifindex, struct link_settings settings)
{
    char name[IFNAMSIZ];
    if (!if_indextoname(ifindex, name))
        return;
    if (settings.lro)
        change_flag(fd, name, ETH_FLAG_LRO, true);
    if (settings.rx_vlan)
        change_flag(fd, name, ETH_FLAG_RXVLAN, true);
    if (settings.gro)
        set_gro(fd, name, 1);
}
