/* The packet core and the snapshot check under AddressSanitizer and UndefinedBehaviorSanitizer.
 *
 *   core_test STATE FRAMES truncate            every frame, cut at every length
 *   core_test STATE FRAMES fuzz SEED COUNT     COUNT packets: mutated frames and random bytes, in bursts
 *   core_test STATE FRAMES loads SEED COUNT    COUNT mutated snapshots, and packets through those that are accepted
 *
 * STATE is a capacity (7 words), a number of lines, so many lines of snapshot, and the SLOTS table; FRAMES is frames, each
 * behind its length as one word. Tables and frames lie in blocks of exactly their size, so that one byte beyond is seen.
 * What a packet may not do is checked here; what it must do is what fixtures say. Ends with status 1 and a line on stderr. */
#include "../core/forward.h"
#include "../dataplane/memory.h"
#include "tables.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 4096
#define UNTOUCHED 0xa5
#define LOADS_PACKETS 64

#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            exit(1); \
        } \
    } while (0)

struct frame {
    u32 length;
    u8 *bytes;
};

struct test {
    struct capacity capacity;
    u32 snapshot_lines;
    line *snapshot, *slots;
    struct frame *frames;
    u32 frame_count;
    u64 random;
    u64 now_ns;
    bool is_sound; /* the snapshot is as it was compiled, so what leaves must be right */
    struct engine *engine;
    line *own[TABLE_BLOCKS], *blocks[TABLE_BLOCKS];
};

/* ---- Input ---- */

static void *new_block(size_t bytes)
{
    void *p = NULL;
    REQUIRE(posix_memalign(&p, 64, bytes ? bytes : 64) == 0);
    memset(p, 0, bytes);
    return p;
}

static void read_exactly(FILE *f, void *out, size_t bytes)
{
    REQUIRE(bytes == 0 || fread(out, bytes, 1, f) == 1);
}

static void read_state(struct test *t, const char *path)
{
    FILE *f = fopen(path, "rb");
    REQUIRE(f != NULL);
    read_exactly(f, &t->capacity, sizeof t->capacity);
    read_exactly(f, &t->snapshot_lines, 4);
    t->snapshot = new_block(t->snapshot_lines * sizeof(line));
    t->slots = new_block(t->capacity.slot_lines * sizeof(line));
    read_exactly(f, t->snapshot, t->snapshot_lines * sizeof(line));
    read_exactly(f, t->slots, t->capacity.slot_lines * sizeof(line));
    fclose(f);
}

static void read_frames(struct test *t, const char *path)
{
    FILE *f = fopen(path, "rb");
    u32 length;
    REQUIRE(f != NULL);
    while (fread(&length, 4, 1, f) == 1) {
        REQUIRE(length <= FRAME_MAX);
        t->frames = realloc(t->frames, (t->frame_count + 1) * sizeof *t->frames);
        REQUIRE(t->frames != NULL);
        struct frame *frame = &t->frames[t->frame_count++];
        *frame = (struct frame){length, malloc(length + 1)};
        read_exactly(f, frame->bytes, length);
    }
    REQUIRE(t->frame_count > 0);
    fclose(f);
}

/* xorshift64*: repeatable everywhere. */
static u32 below(struct test *t, u32 limit)
{
    t->random ^= t->random >> 12;
    t->random ^= t->random << 25;
    t->random ^= t->random >> 27;
    return (u32)((t->random * 0x2545f4914f6cdd1dull) >> 32) % limit;
}

/* ---- Engine ---- */

static void open_engine(struct test *t)
{
    const struct capacity *c = &t->capacity;
    t->engine = engine_open(c);
    REQUIRE(t->engine != NULL);
    get_tables(t->engine, t->own);
    const size_t lines[TABLE_BLOCKS] = {
        [SNAPSHOT_0] = c->snapshot_lines,
        [SNAPSHOT_1] = c->snapshot_lines,
        [SLOTS] = c->slot_lines,
        [FLOWS] = (size_t)c->flow_lines * c->workers,
        [COUNTERS] = t->engine->counter_lines_per_worker * c->workers,
        [TENANTS] = c->tenants,
        [FRAGMENTS] = FRAGMENT_LINES,
        [PATHS] = (c->backends + 7) / 8,
    };
    for (u32 i = 0; i < TABLE_BLOCKS; i++)
        t->blocks[i] = new_block(lines[i] * sizeof(line));
    memcpy(t->blocks[SLOTS], t->slots, c->slot_lines * sizeof(line));
    set_tables(t->engine, t->blocks);
}

static void close_engine(struct test *t)
{
    set_tables(t->engine, t->own);
    engine_close(t->engine);
    for (u32 i = 0; i < TABLE_BLOCKS; i++)
        free(t->blocks[i]);
}

static u64 counted(const struct test *t, u32 word)
{
    return ((const u64 *)(const void *)t->blocks[COUNTERS])[word];
}

/* Every packet has one verdict, per worker and per VIP. */
static void check_identity(const struct test *t)
{
    u64 verdicts = 0;
    for (u32 v = 0; v < VERDICT_WORDS; v++) {
        u64 of_vips = 0, all = counted(t, WORD_OF(worker_counters, verdict) + v);
        for (u32 vip = 0; vip < t->capacity.vips; vip++)
            of_vips += counted(t, vip_counters_of(&t->engine->worker[0].core, vip) * 8 + WORD_OF(vip_counters, verdict) + v);
        REQUIRE(of_vips <= all);
        REQUIRE(v < VERDICT_COUNT || all == 0);
        verdicts += all;
    }
    REQUIRE(verdicts == counted(t, WORD_OF(worker_counters, rx_packets)));
}

/* ---- Packets ---- */

static u16 sum_of(const u8 *p, u32 bytes)
{
    u32 sum = 0;
    for (u32 i = 0; i + 1 < bytes; i += 2)
        sum += load16(p + i);
    return csum_fold(sum);
}

/* A forwarded frame is whole: Ethernet, a correct outer header of the stated length, the inner header that came. */
static void check_forwarded(const u8 *frame, u32 length, const u8 *out, u32 out_len)
{
    u32 l2 = load16(frame + ETH_TYPE) == be16(ETHERTYPE_VLAN) ? ETH_BYTES + VLAN_BYTES : ETH_BYTES;
    const u8 *outer = out + l2, *inner = outer + OUTER_IPV4_BYTES;
    REQUIRE(out_len <= length + OUTER_IPV4_BYTES && out_len >= l2 + OUTER_IPV4_BYTES + IPV4_BYTES);
    REQUIRE(sum_of(outer, OUTER_IPV4_BYTES) == 0);
    REQUIRE(be16(load16(outer + IPV4_TOTAL_LENGTH)) + l2 == out_len);
    REQUIRE(inner[IPV4_TTL] + 1 == frame[l2 + IPV4_TTL]);
    REQUIRE(sum_of(inner, IPV4_BYTES) == sum_of(frame + l2, IPV4_BYTES));
}

static void check_pieces(const struct test *t, const struct packet *p)
{
    const struct core *core = &t->engine->worker[0].core;
    const struct backend *b = backend_at(core, p->backend);
    u8 *piece = malloc(PIECE_BYTES_MAX);
    u32 total = 0;
    REQUIRE(piece && b);
    for (u32 i = 0; i < piece_count(p); i++) {
        u32 length = write_piece(core, p, b, i, piece);
        REQUIRE(length <= p->l3 + (b->mtu > PATH_MTU_FLOOR ? b->mtu : PATH_MTU_FLOOR));
        total += length;
    }
    REQUIRE(total == p->out_len);
    free(piece);
}

static void check_packet(const struct test *t, const struct packet *p, const struct frame *frame, const u8 *block)
{
    bool is_sent = p->verdict == VERDICT_FORWARD || (p->verdict >= VERDICT_ECHO && p->verdict <= VERDICT_TIME_EXCEEDED);
    REQUIRE(p->verdict < VERDICT_COUNT && p->flow < FLOW_KIND_COUNT);
    REQUIRE(p->vip < t->capacity.vips && p->tenant < t->capacity.tenants && p->backend < t->capacity.backends);
    REQUIRE((p->out_len > 0) == is_sent);
    REQUIRE(p->verdict == VERDICT_FORWARD || (p->flow == FLOW_NONE && p->backend == 0));
    REQUIRE(p->data >= block && p->data <= block + ENCAP_ROOM);
    for (const u8 *at = block; at < p->data; at++)
        REQUIRE(*at == UNTOUCHED);
    if (!is_sent)
        REQUIRE(memcmp(block + ENCAP_ROOM, frame->bytes, frame->length) == 0);
    if (p->piece) {
        check_pieces(t, p);
        return;
    }
    REQUIRE(p->data + p->out_len <= block + ENCAP_ROOM + frame->length);
    if (p->verdict == VERDICT_FORWARD && t->is_sound && p->is_v4)
        check_forwarded(frame->bytes, frame->length, p->data, p->out_len);
}

/* Runs a burst of one instant, each frame in a block of exactly its size. */
static void run_burst(struct test *t, const struct frame *frames, u32 count)
{
    struct packet packets[BURST_MAX];
    u8 *blocks[BURST_MAX];
    for (u32 i = 0; i < count; i++) {
        blocks[i] = malloc(ENCAP_ROOM + frames[i].length);
        REQUIRE(blocks[i] != NULL);
        memset(blocks[i], UNTOUCHED, ENCAP_ROOM);
        memcpy(blocks[i] + ENCAP_ROOM, frames[i].bytes, frames[i].length);
        packets[i] = (struct packet){.data = blocks[i] + ENCAP_ROOM, .end = blocks[i] + ENCAP_ROOM + frames[i].length};
    }
    worker_burst(&t->engine->worker[0], packets, count, t->now_ns);
    for (u32 i = 0; i < count; i++)
        check_packet(t, &packets[i], &frames[i], blocks[i]);
    for (u32 i = 0; i < count; i++)
        free(blocks[i]);
}

static void test_truncated(struct test *t)
{
    REQUIRE(engine_load(t->engine, t->snapshot, t->snapshot_lines, 0) == LOAD_OK);
    for (u32 i = 0; i < t->frame_count; i++)
        for (u32 length = 0; length <= t->frames[i].length; length++) {
            struct frame cut = {length, t->frames[i].bytes};
            run_burst(t, &cut, 1);
        }
    check_identity(t);
}

/* ---- Fuzzing ---- */

/* Writes a random frame: one of the known ones with some bytes changed, cut or grown, or nothing but noise. */
static u32 random_frame(struct test *t, u8 *out)
{
    static const u8 odd[] = {0, 1, 4, 5, 6, 15, 17, 0x20, 0x45, 0x46, 0x4f, 0x60, 0x7f, 0x80, 0x81, 0xfe, 0xff};
    const struct frame *from = &t->frames[below(t, t->frame_count)];
    u32 length = from->length;
    memcpy(out, from->bytes, length);
    switch (below(t, 8)) {
    case 0:
        length = below(t, 128);
        for (u32 i = 0; i < length; i++)
            out[i] = (u8)below(t, 256);
        break;
    case 1:
        length = length ? below(t, length) : 0;
        break;
    case 2:
        for (u32 grown = length + below(t, 600); length < grown && length < FRAME_MAX;)
            out[length++] = (u8)below(t, 256);
        break;
    }
    for (u32 changes = below(t, 4); length && changes > 0; changes--)
        out[below(t, length < 64 ? length : 64)] = below(t, 2) ? odd[below(t, sizeof odd)] : (u8)below(t, 256);
    return length;
}

static void run_random(struct test *t, u64 packets)
{
    static u8 bytes[BURST_MAX][FRAME_MAX];
    struct frame burst[BURST_MAX];
    for (u64 done = 0; done < packets;) {
        u32 count = below(t, 4) ? 1 : 1 + below(t, BURST_MAX);
        for (u32 i = 0; i < count; i++)
            burst[i] = (struct frame){random_frame(t, bytes[i]), bytes[i]};
        run_burst(t, burst, count);
        t->now_ns += below(t, 64) ? below(t, 1000000) : (u64)below(t, 100000) * 1000000;
        done += count;
    }
}

static void test_fuzz(struct test *t, u64 packets)
{
    run_random(t, 200); /* before any snapshot everything passes */
    REQUIRE(engine_load(t->engine, t->snapshot, t->snapshot_lines, t->now_ns) == LOAD_OK);
    run_random(t, packets);
    check_identity(t);
    REQUIRE(counted(t, WORD_OF(worker_counters, verdict) + VERDICT_FORWARD) > 0);
}

/* Where snapshots go wrong: header, sections and everything behind, whole words and single bytes. */
static u32 mutate_snapshot(struct test *t, line *out)
{
    static const u32 odd[] = {0, 1, 2, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    u32 lines = t->snapshot_lines;
    memcpy(out, t->snapshot, lines * sizeof(line));
    for (u32 changes = 1 + below(t, 3); changes > 0; changes--) {
        u32 at = below(t, below(t, 2) ? 2 * LINE_BYTES / 4 : lines * (LINE_BYTES / 4));
        u32 *word = (u32 *)(void *)out + at;
        *word = below(t, 2) ? odd[below(t, sizeof odd / sizeof *odd)] : *word + below(t, 9) - 4;
    }
    return below(t, 8) ? lines : below(t, lines + 1);
}

static void test_loads(struct test *t, u64 snapshots)
{
    u64 accepted = 0;
    t->is_sound = false;
    for (u64 i = 0; i < snapshots; i++) {
        line *mutated = new_block(t->snapshot_lines * sizeof(line));
        u32 lines = mutate_snapshot(t, mutated);
        u32 before = atomic_load(&t->engine->generation);
        enum load_error error = engine_load(t->engine, mutated, lines, t->now_ns);
        REQUIRE(atomic_load(&t->engine->generation) == before + (error == LOAD_OK));
        REQUIRE(load_error_text(error) != NULL);
        accepted += error == LOAD_OK;
        free(mutated);
        for (u32 j = 0; j < LOADS_PACKETS; j++)
            run_burst(t, &t->frames[below(t, t->frame_count)], 1);
        t->now_ns += 1000000;
    }
    REQUIRE(accepted > 0 && accepted < snapshots);
}

int main(int argc, char **argv)
{
    struct test t = {.random = 1, .is_sound = true};
    REQUIRE(argc >= 4);
    const char *what = argv[3];
    u64 count = argc > 5 ? strtoull(argv[5], NULL, 10) : 0;
    if (argc > 4)
        t.random = strtoull(argv[4], NULL, 10) * 2 + 1;
    read_state(&t, argv[1]);
    read_frames(&t, argv[2]);
    open_engine(&t);
    if (strcmp(what, "truncate") == 0)
        test_truncated(&t);
    else if (strcmp(what, "fuzz") == 0)
        test_fuzz(&t, count);
    else if (strcmp(what, "loads") == 0)
        test_loads(&t, count);
    else
        REQUIRE(!"a known test");
    printf("%llu packets\n", (unsigned long long)counted(&t, WORD_OF(worker_counters, rx_packets)));
    close_engine(&t);
    for (u32 i = 0; i < t.frame_count; i++)
        free(t.frames[i].bytes);
    free(t.frames);
    free(t.snapshot);
    free(t.slots);
    return 0;
}
