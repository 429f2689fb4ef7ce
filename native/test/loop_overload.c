/* One tenant floods a worker that has no CPU for it.
 *
 *   loop_overload STATE
 *
 * Packets for three tenants arrive in a ring of bounded size, by the time that the worker's thread has run; each one that leaves costs
 * COST_NS of that time. Together they are more than the worker manages; without the flood they would be far less. Prints what
 * arrived, was lost in the ring, shed and sent, a line a tenant, for the time of the flood and the time after it. */
#include "loop_bed.h"
#include "../dataplane/overload.h"

#define RING 8192
#define COST_NS 2000
#define FLOWS 256 /* established ones of a tenant */
#define TENANTS 3
#define PER_MS_MAX 2000
#define SETTLE_NS 1500000000ull
#define MEASURE_PACKETS 300000ull
#define PATIENCE_NS 60000000000ull

/* Packets of a VIP a millisecond; one of `opening` opens a connection. */
struct sender {
    _Atomic u32 per_ms;
    u32 opening;
};

struct sums {
    u64 arrived, lost, sent;
};

struct frame_word {
    u8 vip, is_opening;
    u16 flow;
};

struct slow {
    struct queue queue;
    u64 ran_ns; /* arrivals are there up to this time of the thread */
    u64 due;    /* of the next packet, in 1/PER_MS_MAX of a packet */
    u64 random;
    struct frame_word ring[RING];
    u32 head, used;
    u64 lost;
    u8 frames[BURST_MAX][ENCAP_ROOM + FRAME_ROOM] __attribute__((aligned(64)));
};

static struct bed bed;
static struct sender senders[TENANTS] = {{.per_ms = 800, .opening = 2}, {.per_ms = 5, .opening = 10}, {.per_ms = 40, .opening = 20}};
static _Atomic u64 arrived[TENANTS], lost[TENANTS], sent[TENANTS];
static _Atomic u64 flow_arrived[FLOWS], flow_sent[FLOWS]; /* established ones of the first tenant */
static const struct device_ops ops;

static struct queue *open_slow(const struct device_open *how, struct device_error *error)
{
    struct slow *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    (void)error;
    REQUIRE(s != NULL);
    memset(s, 0, sizeof *s);
    s->queue = (struct queue){.ops = &ops, .ifindex = if_nametoindex(how->name), .linger_ns = ~0ull};
    s->random = 20250601;
    return &s->queue;
}

static u32 random_word(struct slow *s)
{
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return (u32)((s->random * 0x2545f4914f6cdd1dull) >> 32);
}

static void arrive(struct slow *s)
{
    u32 at = random_word(s) % PER_MS_MAX, vip = 0;
    for (; vip < TENANTS; vip++) {
        u32 share = atomic_load_explicit(&senders[vip].per_ms, memory_order_relaxed);
        if (at < share)
            break;
        at -= share;
    }
    if (vip == TENANTS)
        return; /* nobody's turn */
    atomic_fetch_add_explicit(&arrived[vip], 1, memory_order_relaxed);
    if (s->used == RING) {
        s->lost++;
        atomic_fetch_add_explicit(&lost[vip], 1, memory_order_relaxed);
        return;
    }
    u32 word = random_word(s);
    struct frame_word *f = &s->ring[(s->head + s->used++) % RING];
    *f = (struct frame_word){.vip = (u8)vip, .is_opening = word % senders[vip].opening == 0, .flow = (u16)(word >> 16)};
    if (vip == 0 && !f->is_opening)
        atomic_fetch_add_explicit(&flow_arrived[f->flow % FLOWS], 1, memory_order_relaxed);
}

static u32 take(struct queue *queue, struct packet *packets, u32 max, u64 *oversize)
{
    struct slow *s = (void *)queue;
    u64 now = clock_now(CLOCK_THREAD_CPUTIME_ID);
    *oversize = 0;
    if (s->ran_ns == 0)
        s->ran_ns = now;
    for (; s->ran_ns + 1000000 / PER_MS_MAX <= now; s->ran_ns += 1000000 / PER_MS_MAX)
        arrive(s);
    u32 n = 0;
    for (; n < max && s->used > 0; n++, s->used--) {
        struct frame_word f = s->ring[s->head++ % RING];
        u8 *frame = s->frames[n] + ENCAP_ROOM;
        u32 length = f.is_opening ? write_frame(frame, 10 + f.vip, random_word(s) & 0xffff, f.flow, 2)
                                  : write_frame(frame, 10 + f.vip, 0, f.flow % FLOWS, TCP_ACK);
        packets[n] = (struct packet){.data = frame, .end = frame + length};
    }
    return n;
}

static u64 send_slowly(struct queue *queue, struct packet *const *packets, u32 count)
{
    (void)queue;
    u64 until = clock_now(CLOCK_THREAD_CPUTIME_ID) + count * COST_NS;
    for (u32 i = 0; i < count; i++) {
        const u8 *inner = packets[i]->data + ETH_BYTES + OUTER_IPV4_BYTES;
        u32 vip = be32(load32(inner + IPV4_DST)) - 0xcb00710au;
        REQUIRE(vip < TENANTS);
        atomic_fetch_add_explicit(&sent[vip], 1, memory_order_relaxed);
        if (vip == 0 && inner[IPV4_BYTES + TCP_FLAGS] == TCP_ACK)
            atomic_fetch_add_explicit(&flow_sent[be16(load16(inner + IPV4_BYTES)) % FLOWS], 1, memory_order_relaxed);
    }
    while (clock_now(CLOCK_THREAD_CPUTIME_ID) < until)
        continue;
    return 0;
}

static u64 tell_lost(struct queue *queue)
{
    struct slow *s = (void *)queue;
    u64 count = s->lost;
    s->lost = 0;
    return count;
}

static const struct device_ops ops = {
    .engine = "test", .open = open_slow, .close = free_queue, .fds = no_fds, .rx = take, .tx = send_slowly, .state = always_up,
    .lost = tell_lost, .facts = no_facts,
};

/* ---- What becomes of whom ---- */

static u64 shed_of(u32 vip)
{
    const struct core *core = &bed.engine->worker[0].core;
    const struct snapshot_header *h = (const void *)bed.edition[0];
    const struct snapshot_sections *sections = (const void *)(bed.edition[0] + 1);
    const struct vip *vips = (const void *)(bed.edition[0] + sections->vip);
    for (u32 i = 1; i < h->vips; i++)
        if (be32(load32(vips[i].address + 12)) == 0xcb00710au + vip && vips[i].protocol == PROTOCOL_TCP) {
            const struct vip_counters *c = (const void *)(bed.engine->counters + vip_counters_of(core, i));
            return __atomic_load_n(&c->verdict[VERDICT_OVERLOAD], __ATOMIC_RELAXED);
        }
    REQUIRE(false);
    return 0;
}

static u64 all_arrived(void)
{
    u64 sum = 0;
    for (u32 i = 0; i < TENANTS; i++)
        sum += atomic_load(&arrived[i]);
    return sum;
}

static void await(bool (*holds)(u64), u64 value)
{
    u64 since = clock_now(CLOCK_MONOTONIC);
    while (!holds(value)) {
        REQUIRE(clock_now(CLOCK_MONOTONIC) - since < PATIENCE_NS);
        pause_us(1000);
    }
}

static bool sheds_more_than(u64 count)
{
    return shed_of(0) > count;
}

static bool has_arrived(u64 count)
{
    return all_arrived() >= count;
}

static bool has_gone_on_since(u64 start_ns)
{
    return clock_now(CLOCK_MONOTONIC) - start_ns >= SETTLE_NS;
}

/* Whether nothing was shed for a while that packets came in. */
static bool has_calmed(u64 packets)
{
    static u64 shed, since;
    u64 now = shed_of(0) + shed_of(1) + shed_of(2);
    if (now != shed || since == 0) {
        shed = now;
        since = all_arrived();
    }
    return all_arrived() - since >= packets;
}

static void report(const char *phase, u64 packets)
{
    struct sums before[TENANTS];
    u64 shed[TENANTS];
    for (u32 i = 0; i < TENANTS; i++) {
        before[i] = (struct sums){atomic_load(&arrived[i]), atomic_load(&lost[i]), atomic_load(&sent[i])};
        shed[i] = shed_of(i);
    }
    await(has_arrived, all_arrived() + packets);
    for (u32 i = 0; i < TENANTS; i++)
        printf("{\"phase\":\"%s\",\"tenant\":%u,\"arrived\":%llu,\"lost\":%llu,\"shed\":%llu,\"sent\":%llu}\n", phase, i,
               (unsigned long long)(atomic_load(&arrived[i]) - before[i].arrived), (unsigned long long)(atomic_load(&lost[i]) - before[i].lost),
               (unsigned long long)(shed_of(i) - shed[i]), (unsigned long long)(atomic_load(&sent[i]) - before[i].sent));
}

/* Established flows of the flooding tenant that lost hardly any packet. */
static u32 whole_flows(void)
{
    u32 whole = 0;
    for (u32 i = 0; i < FLOWS; i++)
        whole += atomic_load(&flow_sent[i]) * 20 >= atomic_load(&flow_arrived[i]) * 19;
    return whole;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    bed_open(&bed, argv[1]);
    bed_load(&bed, 0);
    bed_start(&bed, &ops);
    await(sheds_more_than, 0);
    await(has_gone_on_since, clock_now(CLOCK_MONOTONIC));
    for (u32 i = 0; i < FLOWS; i++)
        flow_arrived[i] = flow_sent[i] = 0;
    report("flood", MEASURE_PACKETS);
    printf("{\"wholeFlows\":%u}\n", whole_flows());
    atomic_store(&senders[0].per_ms, 40);
    await(has_calmed, 20000);
    report("after", 20000);
    bed_close(&bed);
    return 0;
}
