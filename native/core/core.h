/* What one worker's run of the core stands on, and the only way to memory: `at`.
 *
 * In a process a table is a base pointer, and a validated snapshot holds no index out of range; what slots and flows hold
 * outlives snapshots and is compared with the one in force before it is used. In BPF each table is an array map and a lookup
 * can fail as far as the verifier knows, so callers test for NULL; a process's compiler drops the test, since its `at` never
 * yields one. The build's platform.h supplies `at`, `item_at`, `opaque`, `pinned`, `in_frame`, `grow_head`, `cut_tail`, APART,
 * FRAME_BYTES_MAX, CORE_HANDS_OVER and CORE_HAS_VECTORS. */
#pragma once
#include "hash.h"

struct core {
#ifdef TORII_BPF
    u32 snapshot_first;    /* first line of the side in force */
    const volatile u64 *zero; /* opaque()'s */
#else
    line *table[TABLE_COUNT];
    bool is_wide; /* the processor has what vectors.h takes */
#endif
    u32 flow_first, flow_mask; /* this worker's buckets in FLOWS: first line, count - 1 */
    u32 workers;               /* whose flow tables lie one after the other in FLOWS */
    u32 counter_first;         /* this worker's first line in COUNTERS */
    u32 vip_counters, backend_counters, tenant_counters; /* first lines of its three blocks */
    u32 now_ms;                /* coarse monotonic time, for flows */
    u32 now_sec;               /* the same, for what lasts minutes */
    u64 now_ticks;             /* the same instant in 1/16 ns from an epoch, for token buckets */
    /* Lines of the snapshot in force, looked up once a burst. */
    const struct snapshot_header *header;
    const struct snapshot_sections *sections;
    const struct hash_key *key;
    const struct hash_mix *mix;
    const struct snapshot_node *node;
    const struct snapshot_entropy *entropy;
};

#ifdef TORII_BPF
#define PACKET_PLACE
#else
#define PACKET_PLACE __attribute__((aligned(LINE_BYTES)))
#endif

enum packet_kind { KIND_FOREIGN, KIND_FLOW, KIND_ICMP, KIND_OTHER };

/* One packet on its way through. `data` … `end` is the frame; the engine keeps ENCAP_ROOM writable bytes before it. In a process it
 * begins a line, so that what the short way needs of it (express.h) is one: 2 ns less. */
struct packet {
    u8 *data;
    u8 *end;
    void *engine; /* the engine's own, e.g. the XDP context */
    /* Outcome, in the first line. Index 0: unknown or none. */
    u8 verdict;
    u8 flow;    /* FLOW_*; NONE unless forwarded */
    u8 encap;   /* of the VIP */
    u8 entropy; /* of the VIP: the outer source is the flow's */
    u8 is_error; /* an ICMP error: never answered by another */
    u8 is_handed_over; /* to the engine in user space, as it came */
    u16 piece;  /* payload bytes of each inner fragment that it leaves as; 0: it leaves whole, from data */
    u32 vip, tenant, backend;
    u32 in_len;  /* bytes of the frame as it came: cut_tail moves `end` */
    u32 out_len; /* bytes from data that leave, when forwarded or answered */
    u16 device; /* to send on, when forwarded; answers leave where they came from */
    u16 l3, l4; /* offsets from data */
    u16 l3_len; /* of the IP packet, without Ethernet padding */
    u32 kind;   /* enum packet_kind; far from `fault`, since bytes written one by one and read as one word stall for 6 ns */
    struct tuple tuple;
    struct flow_hash hash;
    u32 bucket[2];        /* lines of FLOWS that the flow may lie in */
    u32 destination_hash; /* of address, protocol and port: the bucket of vip_index */
    u32 fragment_id; /* as on the wire, of a fragment */
    u8 ttl, tos, tcp_flags;
    u8 is_v4;
    u8 fragment;     /* enum fragment_kind */
    u8 fault;   /* the drop it earns if its destination is a VIP address; VERDICT_FORWARD: none */
} PACKET_PLACE;

#define ENCAP_ROOM 64

/* Token buckets start full at time 0, so their clock must be able to look back one whole span. */
#define EPOCH_TICKS (1ull << 62)
#define FLOW_SEEN_MASK 0x3fffffffu

#include "platform.h"

static always_inline u8 *l3_of(const struct packet *p)
{
    return pinned(p->data + in_frame(p->l3));
}

static always_inline u8 *l4_of(const struct packet *p)
{
    return pinned(p->data + in_frame(p->l4));
}

/* A word of a counter structure; NULL only in BPF. */
static always_inline u64 *counter(const struct core *core, u32 first_line, u32 word)
{
    line *l = at(core, TABLE_COUNTERS, first_line + word / 8);
    if (!l)
        return NULL_PTR;
#ifdef TORII_BPF
    asm volatile("" : "+r"(l)); /* else clang 14 adds the word's offset before the test, which the verifier refuses */
#endif
    return (u64 *)(void *)l + word % 8;
}

static always_inline void count(const struct core *core, u32 first_line, u32 word, u64 amount)
{
    u64 *w = counter(core, first_line, word);
    if (w)
        *w += amount;
}

#define WORD_OF(name, field) (u32)(__builtin_offsetof(struct name, field) / 8)
#define COUNT_WORKER(core, field, amount) count(core, (core)->counter_first, WORD_OF(worker_counters, field), amount)

static always_inline u32 vip_counters_of(const struct core *core, u32 vip)
{
    return core->vip_counters + vip * (u32)LINES_OF(vip_counters);
}

/* Resolves what every packet of a burst needs. False when no snapshot is there, which only BPF can meet. */
static always_inline bool core_begin(struct core *core, u64 now_ns)
{
    core->now_ms = (u32)(now_ns / 1000000) & FLOW_SEEN_MASK;
    core->now_ticks = EPOCH_TICKS + now_ns * TICKS_PER_NS;
    core->header = (const void *)at(core, TABLE_SNAPSHOT, 0);
    core->sections = (const void *)at(core, TABLE_SNAPSHOT, 1);
    core->key = (const void *)at(core, TABLE_SNAPSHOT, 2);
    core->mix = (const void *)at(core, TABLE_SNAPSHOT, 3);
    core->node = (const void *)at(core, TABLE_SNAPSHOT, 4);
    core->entropy = (const void *)at(core, TABLE_SNAPSHOT, 6);
    core->now_sec = (u32)(now_ns / 1000000000);
    return core->entropy && core->header && core->sections && core->key && core->mix && core->node;
}
