/* The core's platform in a process: tables are base pointers, frames have headroom. */
#pragma once

static always_inline line *at(const struct core *core, u32 table, u32 index)
{
    return core->table[table] + index;
}

static always_inline bool grow_head(struct packet *p, u32 bytes)
{
    p->data -= bytes;
    return true;
}

/* Ethernet padding behind the IP packet does not travel on: out_len tells. */
static always_inline bool cut_tail(struct packet *p, u32 frame_bytes)
{
    (void)p;
    (void)frame_bytes;
    return true;
}
