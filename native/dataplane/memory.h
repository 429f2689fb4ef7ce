/* The memory engine: packets in, packets out, no device. Behind tests, bench and replay. */
#pragma once
#include "engine.h"

/* What became of one packet; eight words, read by TypeScript as a Uint32Array. */
struct outcome {
    u32 verdict, flow, vip, tenant, backend, device, first_frame, frames;
};

/* One frame that leaves: its place in the bytes of a memory_output. */
struct memory_frame {
    u32 offset, length;
};

/* What left, in order; grows as needed. Zeroed before first use, freed by memory_output_free. */
struct memory_output {
    u8 *bytes;
    struct memory_frame *frames;
    size_t used, room, count, frame_room;
};

/* Runs `n` frames, lying one after the other in `input`, through worker `number`. Frame i is judged at times_ns[i], or at the
 * latest time so far if that is later. Work buffers start filled with 0xa5. False: memory is short. */
bool memory_run(struct engine *engine, u32 number, const u8 *input, const u32 *lengths, const u64 *times_ns, u32 n,
                struct outcome *outcomes, struct memory_output *output);
void memory_output_free(struct memory_output *output);

/* Adds a frame of `length` bytes; NULL: memory is short. */
u8 *memory_output_add(struct memory_output *output, u32 length);

enum bench_load { BENCH_ESTABLISHED, BENCH_NEW_FLOWS };

#define BENCH_FRAMES_MAX 1024
#define BENCH_LENGTH_MAX 1536

/* Frames that a benchmark copies from: TCP or UDP without VLAN tag, one after the other. */
struct bench_frames {
    const u8 *bytes;
    const u32 *lengths;
    u32 count;
};

/* How fast the core is: `packets` copies of the frames in turn, in bursts of BURST_MAX, each with the source address and port of one of
 * `flows` flows in scattered order. Only worker_burst is timed. Returns nanoseconds a packet. */
double memory_bench(struct engine *engine, u32 number, const struct bench_frames *frames, u32 flows, u64 packets, enum bench_load load);
