/* The memory engine: packets in, packets out, no device. Behind tests, bench and replay. */
#pragma once
#include "engine.h"

/* What became of one packet; eight words, read by TypeScript as a Uint32Array. */
struct outcome {
    u32 verdict, flow, vip, tenant, backend, device, out_offset, out_len;
};

/* Runs `n` frames, lying one after the other in `input`, through worker `number`. Frame i is judged at times_ns[i], or at the
 * latest time so far if that is later. What leaves is appended to `output` (at least input + n * ENCAP_ROOM bytes); bytes
 * there that no packet covers are left as they were. Returns the bytes used. */
size_t memory_run(struct engine *engine, u32 number, const u8 *input, const u32 *lengths, const u64 *times_ns, u32 n,
                  struct outcome *outcomes, u8 *output);

enum bench_load { BENCH_ESTABLISHED, BENCH_NEW_FLOWS };

/* How fast the core is: `packets` copies of one 64-byte TCP frame in bursts of BURST_MAX, each with the source address and
 * port of one of `flows` flows in scattered order. Only worker_burst is timed. Returns nanoseconds a packet. */
double memory_bench(struct engine *engine, u32 number, const u8 *frame, u32 flows, u64 packets, enum bench_load load);
