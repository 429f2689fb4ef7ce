/* Snapshots are swapped while every worker is fully loaded.
 *
 *   loop_swaps STATE SWAPS     prints how many packets left meanwhile
 *
 * In edition k of the document the node's address is 10.0.1.(11 + k) and VIP 203.0.113.(10 + i) is in pool (i + k) % POOLS, whose one
 * backend is 10.0.2.(21 + pool) at MAC …:(1 + pool). So every frame that leaves tells its edition twice over: by its outer source,
 * and by which backend its VIP was sent to. It must be one that was in force when the frame was on its way, and the same in every
 * field; and every packet must leave. */
#include "loop_bed.h"
#include <sys/resource.h>

#define VIPS 16
#define POOLS 8
#define CLIENTS 4096 /* flows a VIP: known ones and, after a while of others, new ones */
#define PATIENCE_NS 10000000000ull

struct source {
    struct queue queue;
    struct bed *bed;
    u32 worker;
    u32 generation; /* in force when the burst was taken */
    u64 taken, left;
    u8 frames[BURST_MAX][ENCAP_ROOM + FRAME_ROOM] __attribute__((aligned(64)));
};

static struct bed bed;
static struct source *sources[WORKERS_MAX];
static const struct device_ops ops;

static struct queue *open_source(const struct device_open *how, struct device_error *error)
{
    struct source *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    (void)error;
    REQUIRE(s != NULL);
    memset(s, 0, sizeof *s);
    s->queue.ops = &ops;
    s->queue.ifindex = if_nametoindex(how->name);
    s->bed = &bed;
    s->worker = how->worker;
    sources[how->worker] = s;
    return &s->queue;
}

static void close_source(struct queue *queue)
{
    (void)queue; /* its counts are read afterwards */
}

static u32 take(struct queue *queue, struct packet *packets, u32 max, u64 *oversize)
{
    struct source *s = (void *)queue;
    s->generation = atomic_load(&s->bed->engine->generation);
    *oversize = 0;
    for (u32 i = 0; i < max; i++) {
        u64 n = s->taken++;
        u8 *frame = s->frames[i] + ENCAP_ROOM;
        u32 flow = (u32)(n * 2654435761u >> 7) % (VIPS * CLIENTS);
        u32 length = write_frame(frame, 10 + flow % VIPS, flow / VIPS, (u16)(1024 + s->worker), n & 1 ? TCP_ACK : 0);
        packets[i].data = frame;
        packets[i].end = frame + length;
        packets[i].engine = NULL;
    }
    return max;
}

/* The edition that a frame was wrapped by. */
static u32 edition_of(const u8 *frame, u32 length)
{
    const u8 *outer = frame + ETH_BYTES, *inner = outer + OUTER_IPV4_BYTES;
    u32 src = be32(load32(outer + IPV4_SRC)), dst = be32(load32(outer + IPV4_DST)), vip = be32(load32(inner + IPV4_DST));
    u32 edition = src - 0x0a00010bu, pool = dst - 0x0a000215u, i = vip - 0xcb00710au;
    REQUIRE(edition < bed.editions && pool < POOLS && i < VIPS);
    REQUIRE(pool == (i + edition) % POOLS);
    REQUIRE(frame[5] == 1 + pool);
    REQUIRE((u32)be16(load16(outer + IPV4_TOTAL_LENGTH)) + ETH_BYTES == length);
    u32 sum = 0;
    for (u32 at = 0; at < OUTER_IPV4_BYTES; at += 2)
        sum += load16(outer + at);
    REQUIRE(csum_fold(sum) == 0);
    return edition;
}

static u64 check_sent(struct queue *queue, struct packet *const *packets, u32 count)
{
    struct source *s = (void *)queue;
    u32 last = atomic_load(&s->bed->engine->generation), burst = bed.editions;
    for (u32 i = 0; i < count; i++) {
        u32 edition = edition_of(packets[i]->data, packets[i]->out_len);
        REQUIRE(burst == bed.editions || burst == edition); /* a burst is of one generation */
        burst = edition;
    }
    bool was_in_force = false;
    for (u32 generation = s->generation; generation <= last; generation++)
        was_in_force |= burst == generation % bed.editions;
    REQUIRE(was_in_force);
    s->left += count;
    return 0;
}

static u64 never_lost(struct queue *queue)
{
    (void)queue;
    return 0;
}

static const struct device_ops ops = {
    .engine = "test", .open = open_source, .close = close_source, .fds = no_fds, .rx = take, .tx = check_sent, .state = always_up,
    .lost = never_lost, .facts = no_facts,
};

static void await_adoption(u32 generation)
{
    u64 since = clock_now(CLOCK_MONOTONIC);
    while (engine_adopted(bed.engine) != generation) {
        REQUIRE(clock_now(CLOCK_MONOTONIC) - since < PATIENCE_NS);
        pause_us(20);
    }
}

static void swap(u32 generation)
{
    bed_load(&bed, generation % bed.editions);
    engine_kick(bed.workers);
    await_adoption(generation);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 64;
    u32 swaps = (u32)atoi(argv[2]);
    u64 taken = 0, left = 0, forwarded = 0;
    bed_open(&bed, argv[1]);
    bed_load(&bed, 1);
    setpriority(PRIO_PROCESS, 0, -15); /* where it may: the workers take all that two processors have */
    bed_start(&bed, &ops);
    await_adoption(1);
    for (u32 generation = 2; generation < swaps + 2; generation++)
        swap(generation);
    u32 workers = bed.engine->capacity.workers;
    engine_stop(bed.workers);
    for (u32 w = 0; w < workers; w++) {
        REQUIRE(sources[w]->taken > 0);
        taken += sources[w]->taken;
        left += sources[w]->left;
        forwarded += bed_counters(&bed, w)->verdict[VERDICT_FORWARD];
    }
    fprintf(stderr, "%u swaps, %llu packets\n", swaps, (unsigned long long)left);
    REQUIRE(taken == left && left == forwarded);
    printf("%llu\n", (unsigned long long)left);
    return 0;
}
