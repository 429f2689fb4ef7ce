/* What the engines set of a card and put back, on a card made up here: the kernel's network devices of a test have no LRO. */
#include "../dataplane/link.h"
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CARD 3
#define GONE 4

static u32 flags, gro;
static bool is_privileged;

/* Linked in place of the C library's (--wrap). */
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    struct ifreq *r = va_arg(arguments, struct ifreq *);
    va_end(arguments);
    struct ethtool_value *v = (void *)r->ifr_data;
    errno = EOPNOTSUPP;
    if (fd != 7 || request != SIOCETHTOOL || strcmp(r->ifr_name, "card0") != 0)
        return -1;
    bool is_change = v->cmd == ETHTOOL_SFLAGS || v->cmd == ETHTOOL_SGRO;
    errno = EPERM;
    if (is_change && !is_privileged)
        return -1;
    u32 *setting = v->cmd == ETHTOOL_GGRO || v->cmd == ETHTOOL_SGRO ? &gro : &flags;
    if (is_change)
        *setting = v->data;
    else
        v->data = *setting;
    return 0;
}

/* Likewise: the card is found by its index. */
char *__wrap_if_indextoname(unsigned index, char *name);
char *__wrap_if_indextoname(unsigned index, char *name)
{
    return index == CARD ? strcpy(name, "card0") : NULL;
}

static void expect(bool is_so, const char *what)
{
    if (is_so)
        return;
    printf("not so: %s\n", what);
    exit(1);
}

static void reset(u32 with, bool privileged)
{
    flags = with;
    gro = 1;
    is_privileged = privileged;
}

int main(void)
{
    const u32 other = ETH_FLAG_RXHASH, all = other | ETH_FLAG_LRO | ETH_FLAG_RXVLAN;
    reset(all, true);
    struct link_settings before = link_split(7, "card0");
    expect(flags == (other | ETH_FLAG_RXVLAN) && gro == 1 && !link_has_lro(7, "card0"), "LRO alone goes off");
    link_restore(7, GONE, before);
    expect(flags == (other | ETH_FLAG_RXVLAN), "a device that is gone has nothing to be set back");
    link_restore(7, CARD, before);
    expect(flags == all, "LRO comes back");

    reset(other, true);
    before = link_split(7, "card0");
    link_restore(7, CARD, before);
    expect(flags == other && gro == 1, "what was off stays off");

    reset(all, false);
    before = link_split(7, "card0");
    expect(flags == all && link_has_lro(7, "card0"), "without privilege LRO stays on, and shows");

    reset(all, true);
    before = link_settle(7, "card0", true);
    expect(flags == other && gro == 0, "for XDP all of it goes off");
    link_restore(7, CARD, before);
    expect(flags == all && gro == 1, "and comes back");

    reset(all, true);
    before = link_settle(7, "card0", false);
    expect(flags == other && gro == 1, "GRO may stay");
    puts("so");
    return 0;
}
