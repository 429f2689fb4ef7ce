#include "memory.h"
#include "../core/forward.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_COPIED_BYTES 128 /* headers; what is behind them no one reads */
#define BENCH_BUFFERS 256 /* as many as a device ring's share of the second-level cache */

#define BENCH_BUFFER_BYTES (ENCAP_ROOM + BENCH_LENGTH_MAX)
#define FILL_BYTE 0xa5

static bool grow(void **memory, size_t *room, size_t needed, size_t item)
{
    if (needed <= *room)
        return true;
    size_t larger = *room * 2 > needed ? *room * 2 : needed + 4096;
    void *moved = realloc(*memory, larger * item);
    if (!moved)
        return false;
    *memory = moved;
    *room = larger;
    return true;
}

u8 *memory_output_add(struct memory_output *o, u32 length)
{
    if (!grow((void **)&o->bytes, &o->room, o->used + length, 1) ||
        !grow((void **)&o->frames, &o->frame_room, o->count + 1, sizeof *o->frames))
        return NULL;
    o->frames[o->count++] = (struct memory_frame){(u32)o->used, length};
    o->used += length;
    return o->bytes + o->used - length;
}

void memory_output_free(struct memory_output *o)
{
    free(o->bytes);
    free(o->frames);
    *o = (struct memory_output){0};
}

static bool emit_pieces(const struct core *core, const struct packet *p, struct memory_output *output)
{
    static _Thread_local u8 piece[PIECE_BYTES_MAX];
    const struct backend *b = backend_at(core, p->backend);
    for (u32 i = 0; i < piece_count(p); i++) {
        u32 length = write_piece(core, p, b, i, piece);
        u8 *place = memory_output_add(output, length);
        if (!place)
            return false;
        memcpy(place, piece, length);
    }
    return true;
}

static bool emit(const struct core *core, const struct packet *p, struct memory_output *output)
{
    if (p->piece)
        return emit_pieces(core, p, output);
    if (p->out_len == 0)
        return true;
    u8 *place = memory_output_add(output, p->out_len);
    if (place)
        memcpy(place, p->data, p->out_len);
    return place != NULL;
}

/* Packets of one instant, at most a burst of them. */
static u32 burst_size(const u64 *times_ns, u32 n, u64 now)
{
    u32 size = 0;
    while (size < BURST_MAX && size < n && times_ns[size] <= now)
        size++;
    return size;
}

bool memory_run(struct engine *e, u32 number, const u8 *input, const u32 *lengths, const u64 *times_ns, u32 n,
                struct outcome *outcomes, struct memory_output *output)
{
    struct worker *w = &e->worker[number];
    struct packet burst[BURST_MAX];
    void *work = NULL;
    size_t room = 0;
    u64 now = 0;
    for (u32 done = 0, size; done < n; done += size) {
        now = times_ns[done] > now ? times_ns[done] : now;
        size = burst_size(times_ns + done, n - done, now);
        size_t needed = 0;
        for (u32 i = 0; i < size; i++)
            needed += lengths[done + i] + ENCAP_ROOM;
        if (!grow(&work, &room, needed, 1))
            return false;
        memset(work, FILL_BYTE, needed);
        u8 *place = work;
        for (u32 i = 0; i < size; i++) {
            u32 length = lengths[done + i];
            memcpy(place + ENCAP_ROOM, input, length);
            burst[i] = (struct packet){.data = place + ENCAP_ROOM, .end = place + ENCAP_ROOM + length};
            input += length;
            place += ENCAP_ROOM + length;
        }
        worker_burst(w, burst, size, now);
        for (u32 i = 0; i < size; i++) {
            const struct packet *p = &burst[i];
            u32 first = (u32)output->count;
            if (!emit(&w->core, p, output)) {
                free(work);
                return false;
            }
            outcomes[done + i] = (struct outcome){p->verdict, p->flow, p->vip, p->tenant, p->backend, p->device, first,
                                                  (u32)output->count - first};
        }
    }
    free(work);
    return true;
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

/* The frame of one flow: the low half of its number in the source address, the high half in the source port. */
static void write_flow(u8 *data, u32 flow)
{
    bool is_v4 = load16(data + ETH_TYPE) == be16(ETHERTYPE_IPV4);
    u8 *ip = data + ETH_BYTES;
    store32(ip + (is_v4 ? IPV4_SRC : IPV6_SRC + 12), be32(0x0a000000u + (flow >> 8)));
    store16(ip + (is_v4 ? IPV4_BYTES : IPV6_BYTES), be16((u16)(1024 + (flow & 255))));
}

double memory_bench(struct engine *e, u32 number, const struct bench_frames *frames, u32 flows, u64 packets, enum bench_load load)
{
    static _Thread_local u8 buffers[BENCH_BUFFERS * BENCH_BUFFER_BYTES] __attribute__((aligned(64)));
    struct worker *w = &e->worker[number];
    struct packet burst[BURST_MAX];
    const u8 *starts[BENCH_FRAMES_MAX];
    u64 spent = 0;
    u32 room = 0; /* buffers lie as close as the longest frame allows, as in a ring made for such frames */
    for (u32 i = 0; i < frames->count; i++) {
        starts[i] = i ? starts[i - 1] + frames->lengths[i - 1] : frames->bytes;
        u32 needed = (ENCAP_ROOM + frames->lengths[i] + 63) & ~63u;
        room = needed > room ? needed : room;
    }
    for (u64 i = 0; i < packets; i += BURST_MAX) {
        for (u32 j = 0; j < BURST_MAX; j++) {
            u32 flow = load == BENCH_NEW_FLOWS ? (u32)(i + j) : scatter(i + j, flows), which = flow % frames->count;
            u32 length = frames->lengths[which];
            u8 *data = buffers + (i + j) % BENCH_BUFFERS * room + ENCAP_ROOM;
            memcpy(data, starts[which], length < BENCH_COPIED_BYTES ? length : BENCH_COPIED_BYTES);
            write_flow(data, flow);
            burst[j].data = data; burst[j].end = data + length;
        }
        u64 start = clock_ns();
        worker_burst(w, burst, BURST_MAX, start); /* were each run's time to begin anew, its flows would have expired */
        spent += clock_ns() - start;
    }
    return (double)spent / (double)(packets / BURST_MAX * BURST_MAX);
}
