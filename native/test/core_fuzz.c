/* The packet core under libFuzzer: coverage-guided bytes through a whole engine.
 *
 *   TORII_STATE=STATE core_fuzz [libFuzzer options] CORPUS...
 *
 * An input is records of a control byte, a length (two bytes, big-endian) and so many bytes of a frame. The control byte moves the clock,
 * starts a new burst, or loads the snapshot again. STATE is core_check.h's. The engine keeps its flows, fragments and paths
 * over one input and starts empty at the next, so that an input alone repeats what it found. */
#include "core_check.h"

#define CONTROL_RELOAD 0x80
#define CONTROL_FLUSH 0x40
#define CLOCK_MASK 0x0f /* the clock moves by 2^n - 1 milliseconds: up to half a minute */

static struct test state;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    const char *path = getenv("TORII_STATE");
    REQUIRE(path != NULL);
    state.is_sound = true;
    read_state(&state, path);
    return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct frame frames[BURST_MAX];
    u32 count = 0;
    state.now_ns = 1000000000;
    open_engine(&state);
    REQUIRE(engine_load(state.engine, state.snapshot, state.snapshot_lines, state.now_ns) == LOAD_OK);
    while (size >= 3) {
        u8 control = data[0];
        u32 length = (u32)data[1] << 8 | data[2];
        length = length < size - 3 ? length : (u32)size - 3;
        length = length < FRAME_MAX ? length : FRAME_MAX;
        if (control & (CONTROL_RELOAD | CONTROL_FLUSH | CLOCK_MASK) || count == BURST_MAX) {
            run_burst(&state, frames, count);
            count = 0;
            state.now_ns += ((1ull << (control & CLOCK_MASK)) - 1) * 1000000;
            if (control & CONTROL_RELOAD)
                REQUIRE(engine_load(state.engine, state.snapshot, state.snapshot_lines, state.now_ns) == LOAD_OK);
        }
        frames[count++] = (struct frame){length, (u8 *)(uintptr_t)(data + 3)};
        data += 3 + length;
        size -= 3 + length;
    }
    run_burst(&state, frames, count);
    check_identity(&state);
    close_engine(&state);
    return 0;
}
