#include "gap.h"

void gap_init(struct gap *gap)
{
    *gap = (struct gap){.shield = shield_none};
}

void gap_widen(struct gap *gap, const struct shield_open *how)
{
    if (gap->without++ == 0 && how->ifindex)
        shield_open(&gap->shield, how);
}

void gap_check(struct gap *gap, u32 ifindex)
{
    if (gap->shield.ifindex != ifindex)
        gap_close(gap);
}

void gap_narrow(struct gap *gap)
{
    if (--gap->without == 0)
        gap_close(gap);
}

void gap_close(struct gap *gap)
{
    shield_close(&gap->shield);
}
