/* The workers' real loop (runner.c) over a device of the test's own making, for loop_swaps.c and loop_overload.c.
 *
 * STATE is a capacity (8 words), how many editions of a document, then for each its number of lines and its snapshot, and last the
 * SLOTS table that serves all of them. Ends the process with a line on stderr when something is not so. */
#pragma once
#include "../core/forward.h"
#include "../dataplane/claim.h"
#include "../dataplane/workers.h"
#include "require.h"
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EDITIONS_MAX 64
#define FRAME_ROOM 256
#define BED_DEVICE "lo" /* any device that is there: the loop asks the kernel how it is */

struct bed {
    struct engine *engine;
    struct workers *workers;
    line *edition[EDITIONS_MAX];
    u32 edition_lines[EDITIONS_MAX], editions;
};

static inline u64 clock_now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

static inline void pause_us(u32 us)
{
    struct timespec pause = {.tv_nsec = us * 1000};
    nanosleep(&pause, NULL);
}

static inline void read_block(FILE *f, void *out, size_t bytes)
{
    REQUIRE(fread(out, bytes, 1, f) == 1);
}

static inline void bed_open(struct bed *bed, const char *path)
{
    struct capacity capacity;
    FILE *f = fopen(path, "rb");
    REQUIRE(f != NULL);
    read_block(f, &capacity, sizeof capacity);
    read_block(f, &bed->editions, 4);
    REQUIRE(bed->editions > 0 && bed->editions <= EDITIONS_MAX);
    for (u32 i = 0; i < bed->editions; i++) {
        read_block(f, &bed->edition_lines[i], 4);
        bed->edition[i] = aligned_alloc(64, bed->edition_lines[i] * sizeof(line));
        REQUIRE(bed->edition[i] != NULL);
        read_block(f, bed->edition[i], bed->edition_lines[i] * sizeof(line));
    }
    bed->engine = engine_open(&capacity);
    REQUIRE(bed->engine != NULL);
    read_block(f, bed->engine->slots, capacity.slot_lines * sizeof(line));
    fclose(f);
}

static inline void bed_start(struct bed *bed, const struct device_ops *ops)
{
    struct workers_start how = {.devices = 1, .workers = bed->engine->capacity.workers, .spec[0] = {.name = BED_DEVICE, .engines = {ops}}};
    struct device_error error;
    bed->workers = engine_start(bed->engine, &how, &error);
    if (!bed->workers)
        fprintf(stderr, "%s\n", error.text);
    REQUIRE(bed->workers != NULL);
}

static inline void bed_close(struct bed *bed)
{
    engine_stop(bed->workers);
    engine_close(bed->engine);
    for (u32 i = 0; i < bed->editions; i++)
        free(bed->edition[i]);
}

static inline void bed_load(struct bed *bed, u32 edition)
{
    enum load_error error = engine_load(bed->engine, bed->edition[edition], bed->edition_lines[edition], clock_now(CLOCK_MONOTONIC));
    if (error != LOAD_OK)
        fprintf(stderr, "%s\n", load_error_text(error));
    REQUIRE(error == LOAD_OK);
}

static inline const struct worker_counters *bed_counters(const struct bed *bed, u32 worker)
{
    return (const void *)worker_counters_line(bed->engine, worker);
}

/* In place of claim.c: several of these may run side by side. */
int claim_device(const char *name, struct device_error *error)
{
    (void)name;
    (void)error;
    return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* ---- Parts of a device ---- */

static inline u32 no_fds(const struct queue *queue, int *fds)
{
    (void)queue;
    (void)fds;
    return 0;
}

static inline enum device_state always_up(struct queue *queue)
{
    (void)queue;
    return DEVICE_UP;
}

static inline u32 no_facts(struct queue *queue, struct queue_facts *facts)
{
    (void)queue;
    (void)facts;
    return 0;
}

static inline void free_queue(struct queue *queue)
{
    free(queue);
}

/* A plain frame to 203.0.113.`vip`, port 80: TCP, or UDP where `flags` is 0. Its length. */
static inline u32 write_frame(u8 *frame, u32 vip, u32 client, u16 port, u8 flags)
{
    u32 l4 = flags ? TCP_BYTES : UDP_BYTES + 12;
    u8 *ip = frame + ETH_BYTES, *transport = ip + IPV4_BYTES;
    memset(frame, 0, ETH_BYTES + IPV4_BYTES + l4);
    frame[0] = 2;
    store16(frame + ETH_TYPE, be16(ETHERTYPE_IPV4));
    ip[0] = 0x45;
    store16(ip + IPV4_TOTAL_LENGTH, be16((u16)(IPV4_BYTES + l4)));
    ip[IPV4_TTL] = 64;
    ip[IPV4_PROTOCOL] = flags ? PROTOCOL_TCP : PROTOCOL_UDP;
    store32(ip + IPV4_SRC, be32(0xc6336400u + client)); /* 198.51.100.0 and on */
    store32(ip + IPV4_DST, be32(0xcb007100u + vip));
    store16(transport, be16(port));
    store16(transport + 2, be16(80));
    if (flags) {
        transport[12] = 5 << 4;
        transport[TCP_FLAGS] = flags;
    } else {
        store16(transport + 4, be16((u16)l4));
    }
    u32 length = ETH_BYTES + IPV4_BYTES + l4;
    return length < 60 ? 60 : length;
}
