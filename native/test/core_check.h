/* What a packet may not do to the core, whatever bytes it has: checked after every burst by core_test.c and core_fuzz.c.
 *
 * STATE is a capacity (8 words), a number of lines, so many lines of snapshot, and the SLOTS table; FRAMES is frames, each behind
 * its length as one word. Tables and frames lie in blocks of exactly their size, so that AddressSanitizer sees one byte beyond.
 * Ends the process with a line on stderr. */
#pragma once
#include "../core/forward.h"
#include "require.h"
#include "tables.h"
#include <string.h>

#define FRAME_MAX 4096
#define UNTOUCHED 0xa5
#define LOADS_PACKETS 64

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

static void free_input(struct test *t)
{
    for (u32 i = 0; i < t->frame_count; i++)
        free(t->frames[i].bytes);
    free(t->frames);
    free(t->snapshot);
    free(t->slots);
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
        [RECORDS] = (size_t)c->flow_lines * c->workers * FLOWS_PER_LINE * c->records,
    };
    for (u32 i = 0; i < TABLE_BLOCKS; i++)
        t->blocks[i] = lines[i] ? new_block(lines[i] * sizeof(line)) : NULL;
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

/* A forwarded frame is whole: Ethernet, a correct outer header of the stated length, the inner header that came. Measured by the
 * frame as it came, not by what the core says of it. */
static void check_forwarded(const struct test *t, const struct packet *p, const struct frame *frame)
{
    const struct backend *b = backend_at(&t->engine->worker[0].core, p->backend);
    u32 overhead = encap_overhead(b, p->encap), l2 = load16(frame->bytes + ETH_TYPE) == be16(ETHERTYPE_VLAN) ? ETH_BYTES + VLAN_BYTES : ETH_BYTES;
    const u8 *outer = p->data + l2, *inner = outer + overhead, *before = frame->bytes + l2;
    bool is_v4 = before[0] >> 4 == 4;
    u32 inner_len = is_v4 ? be16(load16(before + IPV4_TOTAL_LENGTH)) : IPV6_BYTES + be16(load16(before + IPV6_PAYLOAD_LENGTH));
    REQUIRE(p->out_len <= frame->length + overhead && p->out_len == l2 + overhead + inner_len);
    if (overhead == OUTER_IPV4_BYTES) {
        REQUIRE(sum_of(outer, OUTER_IPV4_BYTES) == 0);
        REQUIRE(be16(load16(outer + IPV4_TOTAL_LENGTH)) + l2 == p->out_len);
    } else if (overhead) {
        REQUIRE(be16(load16(outer + IPV6_PAYLOAD_LENGTH)) + IPV6_BYTES + l2 == p->out_len);
    }
    u32 ttl = is_v4 ? IPV4_TTL : IPV6_HOP_LIMIT;
    REQUIRE(inner[ttl] + 1 == before[ttl]);
    if (is_v4)
        REQUIRE(sum_of(inner, IPV4_BYTES) == sum_of(before, IPV4_BYTES));
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
    if (p->verdict == VERDICT_FORWARD && t->is_sound)
        check_forwarded(t, p, frame);
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
