/* The core's platform in BPF: every table is an array map of 64-byte lines that the loader may mmap.
 *
 * SNAPSHOT has both sides in one map, so that swapping them is one word of CONTROL; the other tables are as in a process. A
 * lookup of a constant map inlines to a compare and an add. */
#pragma once
#include "control.h"

#define CORE_HAS_VECTORS 0
#define CORE_HANDS_OVER 1 /* errors to senders and inner fragmentation are the daemon's */
#define FRAME_BYTES_MAX 4096 /* XDP without fragments: less than a page */

/* What the verifier takes apart from its callers, in functions of their own (apart.h). */
#define APART(function) function##_apart
static struct chain walk_chain_apart(const struct packet *p, const u8 *ip, u32 total);
static struct destination destination_in_apart(const struct core *core, const struct tuple *t, u32 length, bool has_port);
static u32 flow_in_buckets_apart(const struct core *core, const struct vip *vip, const struct packet *p);
static void tell_backends_apart(const struct core *core, u32 index, u32 mtu);
static u32 flow_find_room_apart(const struct core *core, const struct packet *p);

/* The loader sets max_entries to the capacity. */
#define LINES_MAP(map_name) \
    struct { \
        __uint(type, BPF_MAP_TYPE_ARRAY); \
        __uint(map_flags, BPF_F_MMAPABLE); \
        __uint(max_entries, 64); \
        __type(key, u32); \
        __type(value, line); \
    } map_name SEC(".maps")

LINES_MAP(snapshot);
LINES_MAP(slots);
LINES_MAP(flows);
LINES_MAP(counters);
LINES_MAP(tenants);
LINES_MAP(fragments);
LINES_MAP(paths);
LINES_MAP(control);

/* `table` is a constant at every call, so one of the seven remains. */
static always_inline line *at(const struct core *core, u32 table, u32 index)
{
    u32 key = table == TABLE_SNAPSHOT ? core->snapshot_first + index : index;
    switch (table) {
    case TABLE_SNAPSHOT: return bpf_map_lookup_elem(&snapshot, &key);
    case TABLE_SLOTS: return bpf_map_lookup_elem(&slots, &key);
    case TABLE_FLOWS: return bpf_map_lookup_elem(&flows, &key);
    case TABLE_COUNTERS: return bpf_map_lookup_elem(&counters, &key);
    case TABLE_FRAGMENTS: return bpf_map_lookup_elem(&fragments, &key);
    case TABLE_PATHS: return bpf_map_lookup_elem(&paths, &key);
    default: return bpf_map_lookup_elem(&tenants, &key);
    }
}

static always_inline void *item_at(const struct core *core, u32 table, u32 first, u32 number, u32 bytes)
{
    u32 in_line = LINE_BYTES / bytes;
    line *l = at(core, table, first + number / in_line);
    return l ? l->bytes + number % in_line * bytes : NULL_PTR;
}

/* The same number, but the verifier forgets which, since it does not know what a map holds. What comes after is then verified
 * once and not once for every value. */
static always_inline u64 opaque(const struct core *core, u64 v)
{
    return v + *core->zero;
}

/* The same place in the packet, computed here and nowhere else: a compiler that computes it once for the test of its bounds and
 * once for the access makes two pointers of it, of which the verifier knows the bounds of one. */
static always_inline u8 *pinned(const u8 *place)
{
    asm volatile("" : "+r"(place));
    return (u8 *)(long)place;
}

/* The same offset, so that the verifier sees it is within a page: a pointer plus a number without a bound has no bounds either. */
static always_inline u32 in_frame(u32 offset)
{
    return offset & (FRAME_BYTES_MAX - 1);
}

static always_inline struct xdp_md *xdp_of(struct packet *p)
{
    return p->engine;
}

static always_inline void take_bounds(struct packet *p)
{
    p->data = (u8 *)(long)xdp_of(p)->data;
    p->end = (u8 *)(long)xdp_of(p)->data_end;
}

static always_inline bool grow_head(struct packet *p, u32 bytes)
{
    bool grown = bpf_xdp_adjust_head(xdp_of(p), -(int)bytes) == 0;
    take_bounds(p);
    return grown;
}

/* Ethernet padding behind the IP packet does not travel on. */
static always_inline bool cut_tail(struct packet *p, u32 frame_bytes)
{
    long length = p->end - p->data;
    asm volatile("" : "+r"(length)); /* else clang subtracts in 32 bits, which pointers may not be */
    long excess = length - (long)frame_bytes;
    bool is_cut = excess <= 0 || bpf_xdp_adjust_tail(xdp_of(p), -(int)excess) == 0;
    take_bounds(p);
    return is_cut;
}
