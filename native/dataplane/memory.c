#include "memory.h"
#include "../core/parse.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAME_ROOM 2048
#define BENCH_FRAME_BYTES 64
#define BENCH_BUFFERS 256 /* as many as a device ring's share of the second-level cache */

size_t memory_run(struct engine *e, u32 number, const u8 *input, const u32 *lengths, const u64 *times_ns, u32 n,
                  struct outcome *outcomes, u8 *output)
{
    struct worker *w = &e->worker[number];
    struct packet burst[BURST_MAX];
    size_t used = 0;
    u64 now = 0;
    for (u32 done = 0; done < n;) {
        u32 size = 0;
        u64 at_ns = times_ns[done] > now ? times_ns[done] : now;
        now = at_ns;
        /* Packets of one instant share a burst. Each frame lies at its place in the output, behind room to grow into. */
        size_t place = used;
        while (size < BURST_MAX && done + size < n && (times_ns[done + size] <= now)) {
            u32 length = lengths[done + size];
            u8 *data = output + place + ENCAP_ROOM;
            memcpy(data, input, length);
            burst[size] = (struct packet){.data = data, .end = data + length};
            input += length;
            place += length + ENCAP_ROOM;
            size++;
        }
        worker_burst(w, burst, size, now);
        for (u32 i = 0; i < size; i++) {
            const struct packet *p = &burst[i];
            outcomes[done + i] = (struct outcome){p->verdict, p->flow, p->vip, p->tenant, p->backend, p->device,
                                                  (u32)(p->data - output), p->out_len};
        }
        used = place;
        done += size;
    }
    return used;
}

static u64 clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* Scattered but repeatable: a full cycle over a power of two. */
static u32 scatter(u64 i, u32 flows)
{
    return (u32)(i * 0x9e3779b97f4a7c15ull >> 20) % flows;
}

double memory_bench(struct engine *e, u32 number, const u8 *frame, u32 flows, u64 packets, enum bench_load load)
{
    static _Thread_local u8 buffers[BENCH_BUFFERS][192] __attribute__((aligned(64)));
    struct worker *w = &e->worker[number];
    struct packet burst[BURST_MAX];
    u64 spent = 0, now = 1000000000;
    for (u64 i = 0; i < packets; i += BURST_MAX) {
        for (u32 j = 0; j < BURST_MAX; j++) {
            u8 *data = buffers[(i + j) % BENCH_BUFFERS] + ENCAP_ROOM;
            u32 flow = load == BENCH_NEW_FLOWS ? (u32)(i + j) : scatter(i + j, flows);
            memcpy(data, frame, BENCH_FRAME_BYTES);
            store32(data + ETH_BYTES + IPV4_SRC, be32(0x0a000000u + (flow >> 8)));
            store16(data + ETH_BYTES + IPV4_BYTES, be16((u16)(1024 + (flow & 255))));
            burst[j] = (struct packet){.data = data, .end = data + BENCH_FRAME_BYTES};
        }
        u64 start = clock_ns();
        worker_burst(w, burst, BURST_MAX, now);
        spent += clock_ns() - start;
        now += BURST_MAX * 20;
    }
    return (double)spent / (double)(packets / BURST_MAX * BURST_MAX);
}
