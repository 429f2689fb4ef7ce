/* The core's platform in a process: tables are base pointers, frames have headroom. */
#pragma once

#define CORE_HANDS_OVER 0 /* it answers and cuts packets itself */

#ifdef __x86_64__
#define CORE_HAS_VECTORS 1 /* where core->is_wide says so */
#else
#define CORE_HAS_VECTORS 0
#endif

#define FRAME_BYTES_MAX 65600 /* the largest IPv4 packet and its Ethernet header */

#define APART(function) function /* in its callers: faster, and no verifier has to follow it there */

static always_inline line *at(const struct core *core, u32 table, u32 index)
{
    line *l = core->table[table] + index;
    if (!l)
        __builtin_unreachable(); /* so that the compiler drops the tests that BPF needs */
    return l;
}

/* Item `number` of a section of items that divide a line, from line `first` on. */
static always_inline void *item_at(const struct core *core, u32 table, u32 first, u32 number, u32 bytes)
{
    return (u8 *)(void *)at(core, table, first) + (u64)number * bytes; /* beyond the line: its bytes[] ends with it */
}

/* Only BPF's verifier needs it. */
static always_inline u64 opaque(const struct core *core, u64 v)
{
    (void)core;
    return v;
}

/* Likewise. */
static always_inline u8 *pinned(const u8 *place)
{
    return (u8 *)(long)place;
}

static always_inline u32 in_frame(u32 offset)
{
    return offset;
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
