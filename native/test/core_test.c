/* The packet core and the snapshot check under AddressSanitizer and UndefinedBehaviorSanitizer.
 *
 *   core_test STATE FRAMES truncate            every frame, cut at every length
 *   core_test STATE FRAMES fuzz SEED COUNT     COUNT packets: mutated frames and random bytes, in bursts
 *   core_test STATE FRAMES loads SEED COUNT    COUNT mutated snapshots, and packets through those that are accepted
 *
 * STATE and FRAMES are core_check.h's. What a packet may not do is checked here; what it must do is what fixtures say. Ends with status 1 and a line on stderr. */
#include "core_check.h"

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
    free_input(&t);
    return 0;
}
