/* Captures under AddressSanitizer and UndefinedBehaviorSanitizer, around bursts of the core on known frames.
 *
 *   capture_test STATE FRAMES samples SEED COUNT   COUNT captures with random filters: every record is the one it should be
 *   capture_test STATE FRAMES full SEED            a ring that nobody reads, a rate that is used up: all is counted
 *   capture_test STATE FRAMES threads SEED COUNT   COUNT captures opened, read and closed while a worker runs
 *
 * STATE and FRAMES are core_check.h's. Ends with status 1 and a line on stderr. */
#include "core_check.h"
#include "../dataplane/capture.h"
#include <sched.h>

#define ALL_VERDICTS ((1u << VERDICT_COUNT) - 1)
#define ROOM (8u << 20)
#define BURSTS 20

/* One packet of a burst: the frame as it came, what the core made of it, whether a device then refused it. */
struct fate {
    struct frame frame;
    struct packet packet;
    u8 *block, *left; /* left: a copy of what leaves */
    u8 decided;       /* the verdict before a device refused it */
};

static struct capture_filter everything(void)
{
    return (struct capture_filter){
        .verdicts = ALL_VERDICTS, .sample = 1, .rate = ~0u, .snap_bytes = CAPTURE_SNAP_MAX, .with_output = true,
    };
}

/* A worker's burst as sending.c runs it; a device refuses some of what leaves. */
static void run_fates(struct test *t, struct fate *fates, u32 count, u32 device)
{
    struct packet packets[BURST_MAX];
    const struct core *core = &t->engine->worker[0].core;
    for (u32 i = 0; i < count; i++) {
        struct fate *f = &fates[i];
        f->frame = t->frames[below(t, t->frame_count)];
        f->block = malloc(ENCAP_ROOM + f->frame.length);
        REQUIRE(f->block != NULL);
        memcpy(f->block + ENCAP_ROOM, f->frame.bytes, f->frame.length);
        packets[i] = (struct packet){.data = f->block + ENCAP_ROOM, .end = f->block + ENCAP_ROOM + f->frame.length};
    }
    struct capture_tap *tap = capture_begin(&t->engine->capture, 0, packets, count, device);
    worker_burst(&t->engine->worker[0], packets, count, t->now_ns);
    if (tap)
        capture_stage(tap, core, packets, count);
    for (u32 i = 0; i < count; i++) {
        struct fate *f = &fates[i];
        f->left = malloc(packets[i].out_len + 1);
        REQUIRE(f->left != NULL);
        if (packets[i].out_len && !packets[i].piece)
            memcpy(f->left, packets[i].data, packets[i].out_len);
        f->decided = packets[i].verdict;
        if (packets[i].out_len && below(t, 8) == 0) {
            packets[i].verdict = VERDICT_TX_FULL;
            packets[i].out_len = 0;
        }
        f->packet = packets[i];
    }
    if (tap)
        capture_commit(tap, core, packets, count);
    t->now_ns += 1000000;
}

static void free_fates(struct fate *fates, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        free(fates[i].block);
        free(fates[i].left);
    }
}

static bool begins_alike(const u8 *a, const u8 *b, u32 bits)
{
    for (u32 i = 0; i < bits; i++)
        if ((a[i / 8] ^ b[i / 8]) & 0x80 >> i % 8)
            return false;
    return true;
}

/* By the frame as it came, field by field. */
static bool is_of(const struct frame *frame, const struct capture_prefix *prefix, u32 at4, u32 at6)
{
    u32 l3 = frame->length > 18 && load16(frame->bytes + 12) == be16(0x8100) ? 18 : 14;
    if (prefix->bits == 0)
        return true;
    if (frame->length < 18)
        return false;
    u16 type = load16(frame->bytes + l3 - 2);
    u8 mapped[16] = {[10] = 0xff, [11] = 0xff};
    if (type == be16(0x86dd) && frame->length >= l3 + 40)
        return begins_alike(frame->bytes + l3 + at6, prefix->address, prefix->bits);
    if (type != be16(0x0800) || frame->length < l3 + 20)
        return false;
    memcpy(mapped + 12, frame->bytes + l3 + at4, 4);
    return begins_alike(mapped, prefix->address, prefix->bits);
}

static bool is_wanted_as(const struct test *t, const struct capture_filter *f, const struct fate *fate, u8 verdict)
{
    const struct packet *p = &fate->packet;
    if (!(f->verdicts >> verdict & 1) || (f->vip && f->vip != p->vip))
        return false;
    const struct backend *b = backend_at(&t->engine->worker[0].core, p->backend);
    if (f->backend.bits && (p->backend == 0 || !begins_alike(b->address, f->backend.address, f->backend.bits)))
        return false;
    return is_of(&fate->frame, &f->client, 12, 8) && is_of(&fate->frame, &f->destination, 16, 24);
}

/* Those of a burst that are wanted, in the order in which they are taken: what is wanted only since it was refused comes last. */
static u32 wanted_of(const struct test *t, const struct capture_filter *f, const struct fate *fates, u32 count, const struct fate **wanted)
{
    u32 n = 0;
    for (u32 i = 0; i < count; i++)
        if (is_wanted_as(t, f, &fates[i], fates[i].decided))
            wanted[n++] = &fates[i];
    for (u32 i = 0; i < count; i++)
        if (!is_wanted_as(t, f, &fates[i], fates[i].decided) && is_wanted_as(t, f, &fates[i], fates[i].packet.verdict))
            wanted[n++] = &fates[i];
    return n;
}

static void check_record(const struct capture_filter *f, const struct capture_record *r, const struct fate *fate, u32 device)
{
    const struct packet *p = &fate->packet;
    const u8 *in = (const u8 *)(r + 1), *out = in + ((r->in_kept + 7) & ~7u);
    u32 kept = fate->frame.length < f->snap_bytes ? fate->frame.length : f->snap_bytes;
    REQUIRE(r->in_bytes == fate->frame.length && r->in_kept == kept);
    REQUIRE(memcmp(in, fate->frame.bytes, kept) == 0);
    REQUIRE(r->verdict == p->verdict && r->vip == p->vip && r->tenant == p->tenant && r->backend == p->backend && r->flow == p->flow);
    REQUIRE(r->device == device && r->worker == 0 && r->time_ns > 0);
    if (p->out_len == 0 || p->piece) {
        REQUIRE(r->out_bytes == 0 && r->out_kept == 0 && (p->piece == 0 || p->out_len == 0 || r->pieces == piece_count(p)));
        return;
    }
    REQUIRE(r->out_device == (p->verdict == VERDICT_FORWARD ? p->device : device));
    REQUIRE(r->out_bytes == p->out_len);
    REQUIRE(r->out_kept == (!f->with_output ? 0 : p->out_len < f->snap_bytes ? p->out_len : f->snap_bytes));
    REQUIRE(memcmp(out, fate->left, r->out_kept) == 0);
}

static size_t bytes_of_record(const struct capture_record *r)
{
    return sizeof *r + ((r->in_kept + 7) & ~7u) + ((r->out_kept + 7) & ~7u);
}

static void random_prefix(struct test *t, struct capture_prefix *prefix, u32 at4)
{
    const struct frame *from = &t->frames[below(t, t->frame_count)];
    if (below(t, 3) || from->length < 54)
        return;
    *prefix = (struct capture_prefix){{[10] = 0xff, [11] = 0xff}, 96 + below(t, 33)};
    memcpy(prefix->address + 12, from->bytes + 14 + at4, 4);
}

static struct capture_filter random_filter(struct test *t)
{
    struct capture_filter f = everything();
    if (below(t, 2))
        f.verdicts = below(t, ALL_VERDICTS) + 1;
    if (below(t, 4) == 0)
        f.vip = below(t, 12);
    random_prefix(t, &f.client, 12);
    random_prefix(t, &f.destination, 16);
    if (below(t, 4) == 0) {
        f.backend.bits = 128;
        memcpy(f.backend.address, backend_at(&t->engine->worker[0].core, 1 + below(t, 8))->address, 16);
    }
    f.sample = below(t, 2) ? 1 : 1 + below(t, 5);
    f.snap_bytes = below(t, 2) ? CAPTURE_SNAP_MAX : 1 + below(t, 400);
    f.with_output = below(t, 4) != 0;
    return f;
}

struct tally_of {
    u64 received, wanted, taken;
};

static void check_burst(struct test *t, const struct capture_filter *f, u32 device, u8 *into, struct tally_of *tally)
{
    static struct fate fates[BURST_MAX];
    const struct fate *wanted[BURST_MAX];
    u32 count = 1 + below(t, 16);
    run_fates(t, fates, count, device);
    size_t used = capture_drain(&t->engine->capture, into, ROOM), at = 0;
    u32 n = wanted_of(t, f, fates, count, wanted);
    for (u32 i = 0; i < n; i++) {
        if (tally->wanted++ % f->sample)
            continue;
        REQUIRE(at < used);
        const struct capture_record *r = (const void *)(into + at);
        check_record(f, r, wanted[i], device);
        at += bytes_of_record(r);
        tally->taken++;
    }
    REQUIRE(at == used);
    tally->received += count;
    free_fates(fates, count);
}

static u64 test_samples(struct test *t, u64 captures)
{
    u8 *into = malloc(ROOM);
    u64 taken = 0;
    REQUIRE(into != NULL);
    for (u64 i = 0; i < captures; i++) {
        struct capture_port *port = &t->engine->capture;
        struct capture_filter f = random_filter(t);
        struct tally_of tally = {0, 0, 0};
        struct capture_counts counts[CAPTURE_DEVICES_MAX];
        u32 device = below(t, CAPTURE_DEVICES_MAX);
        REQUIRE(capture_open(port, &f, 1) == CAPTURE_OK);
        REQUIRE(capture_open(port, &f, 1) == CAPTURE_BUSY);
        for (u32 burst = 0; burst < BURSTS; burst++)
            check_burst(t, &f, device, into, &tally);
        capture_count(port, counts);
        const struct capture_counts *c = &counts[device];
        REQUIRE(c->received == tally.received && c->matched == tally.wanted && c->taken == tally.taken && c->limited + c->missed == 0);
        REQUIRE(capture_stop(port));
        REQUIRE(capture_close(port));
        taken += tally.taken;
    }
    free(into);
    return taken;
}

static void run_unread(struct test *t, u32 bursts)
{
    static struct fate fates[BURST_MAX];
    for (u32 i = 0; i < bursts; i++) {
        run_fates(t, fates, BURST_MAX, 0);
        free_fates(fates, BURST_MAX);
    }
}

/* A ring that nobody reads keeps the first; a rate that is used up lets nothing more in. */
static u64 test_full(struct test *t)
{
    struct capture_port *port = &t->engine->capture;
    struct capture_counts counts[CAPTURE_DEVICES_MAX];
    struct capture_filter f = everything();
    u8 *into = malloc(ROOM);
    size_t used;
    u64 read = 0;
    REQUIRE(into && capture_open(port, &f, 1) == CAPTURE_OK);
    run_unread(t, 10);
    capture_count(port, counts);
    REQUIRE(counts[0].taken == 64 && counts[0].missed == 10 * BURST_MAX - 64 && counts[0].limited == 0);
    while ((used = capture_drain(port, into, capture_record_max(&f))) > 0) /* one by one, or a few */
        for (size_t at = 0; at < used; at += bytes_of_record((const void *)(into + at)))
            read++;
    REQUIRE(read == 64);
    REQUIRE(capture_close(port));
    f.rate = 10; /* the first at once, the second within the depth of a tenth of a second */
    REQUIRE(capture_open(port, &f, 1) == CAPTURE_OK);
    run_unread(t, 2);
    capture_count(port, counts);
    REQUIRE(counts[0].taken >= 1 && counts[0].taken <= 3 && counts[0].taken + counts[0].limited == 2 * BURST_MAX);
    REQUIRE(capture_close(port));
    REQUIRE(capture_drain(port, into, ROOM) == 0);
    free(into);
    return read;
}

struct background {
    struct test *t;
    atomic_bool is_over;
};

static void *run_in_background(void *argument)
{
    struct background *b = argument;
    while (!atomic_load(&b->is_over))
        run_unread(b->t, 1);
    return NULL;
}

static u64 test_threads(struct test *t, u64 captures)
{
    struct background background = {.t = t};
    struct capture_port *port = &t->engine->capture;
    struct capture_filter f = everything();
    pthread_t thread;
    u8 *into = malloc(ROOM);
    u64 read = 0;
    f.snap_bytes = 300;
    REQUIRE(into && pthread_create(&thread, NULL, run_in_background, &background) == 0);
    for (u64 i = 0; i < captures; i++) {
        size_t used = 0;
        u64 before = read;
        REQUIRE(capture_open(port, &f, 1) == CAPTURE_OK);
        while (read == before) {
            used = capture_drain(port, into, ROOM);
            for (size_t at = 0; at < used; at += bytes_of_record((const void *)(into + at)), read++)
                REQUIRE(((const struct capture_record *)(const void *)(into + at))->verdict < VERDICT_COUNT);
        }
        while (!capture_close(port))
            sched_yield();
    }
    atomic_store(&background.is_over, true);
    pthread_join(thread, NULL);
    free(into);
    return read;
}

int main(int argc, char **argv)
{
    struct test t = {.is_sound = true};
    REQUIRE(argc >= 5);
    const char *what = argv[3];
    u64 count = argc > 5 ? strtoull(argv[5], NULL, 10) : 0, records = 0;
    t.random = strtoull(argv[4], NULL, 10) * 2 + 1;
    read_state(&t, argv[1]);
    read_frames(&t, argv[2]);
    open_engine(&t);
    REQUIRE(engine_load(t.engine, t.snapshot, t.snapshot_lines, 0) == LOAD_OK);
    if (strcmp(what, "samples") == 0)
        records = test_samples(&t, count);
    else if (strcmp(what, "full") == 0)
        records = test_full(&t);
    else if (strcmp(what, "threads") == 0)
        records = test_threads(&t, count);
    else
        REQUIRE(!"a known test");
    printf("%llu records\n", (unsigned long long)records);
    close_engine(&t);
    free_input(&t);
    return 0;
}
