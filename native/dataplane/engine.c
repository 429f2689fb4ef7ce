#include "engine.h"
#include "../core/encap.h"
#include "../core/vips.h"
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static line *map_lines(size_t lines)
{
    size_t bytes = lines * sizeof(line);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    madvise(p, bytes, MADV_HUGEPAGE); /* advice: without huge pages it is only slower */
    return p;
}

static void unmap_lines(line *p, size_t lines)
{
    if (p)
        munmap(p, lines * sizeof(line));
}

static size_t counter_lines(const struct capacity *c)
{
    return LINES_OF(worker_counters) + c->vips * LINES_OF(vip_counters) + c->backends + c->tenants;
}

static size_t path_lines(const struct capacity *c)
{
    return (c->backends + 7) / 8;
}

static size_t record_lines(const struct capacity *c)
{
    return c->records ? (size_t)c->flow_lines * c->workers * FLOWS_PER_LINE : 0;
}

static bool has_wide_vectors(void)
{
#ifdef __x86_64__
    return __builtin_cpu_supports("avx2");
#else
    return false;
#endif
}

static void worker_init(struct engine *e, u32 number)
{
    struct worker *w = &e->worker[number];
    struct core *core = &w->core;
    w->engine = e;
    core->is_wide = has_wide_vectors();
    w->number = number;
    core->table[TABLE_SNAPSHOT] = e->snapshot[0];
    core->table[TABLE_SLOTS] = e->slots;
    core->table[TABLE_FLOWS] = e->flows;
    core->table[TABLE_COUNTERS] = e->counters;
    core->table[TABLE_TENANTS] = e->tenants;
    core->table[TABLE_FRAGMENTS] = e->fragments;
    core->table[TABLE_PATHS] = e->paths;
    core->table[TABLE_RECORDS] = e->records;
    core->workers = e->capacity.workers;
    core->flow_first = number * e->capacity.flow_lines;
    core->flow_mask = e->capacity.flow_lines - 1;
    core->counter_first = (u32)(number * e->counter_lines_per_worker);
    core->vip_counters = core->counter_first + (u32)LINES_OF(worker_counters);
    core->backend_counters = core->vip_counters + e->capacity.vips * (u32)LINES_OF(vip_counters);
    core->tenant_counters = core->backend_counters + e->capacity.backends;
}

struct engine *engine_open(const struct capacity *capacity)
{
    struct engine *e = aligned_alloc(64, (sizeof *e + 63) / 64 * 64);
    if (!e)
        return NULL;
    memset(e, 0, sizeof *e);
    e->capacity = *capacity;
    e->counter_lines_per_worker = counter_lines(capacity);
    e->snapshot[0] = map_lines(capacity->snapshot_lines);
    e->snapshot[1] = map_lines(capacity->snapshot_lines);
    e->slots = map_lines(capacity->slot_lines);
    e->flows = map_lines((size_t)capacity->flow_lines * capacity->workers);
    e->counters = map_lines(e->counter_lines_per_worker * capacity->workers);
    e->tenants = map_lines(capacity->tenants);
    e->fragments = map_lines(FRAGMENT_LINES);
    e->paths = map_lines(path_lines(capacity));
    if (capacity->records)
        e->records = map_lines(record_lines(capacity));
    if (!e->snapshot[0] || !e->snapshot[1] || !e->slots || !e->flows || !e->counters || !e->tenants || !e->fragments || !e->paths ||
        (capacity->records && !e->records)) {
        engine_close(e);
        return NULL;
    }
    for (u32 i = 0; i < capacity->workers; i++)
        worker_init(e, i);
    return e;
}

void engine_close(struct engine *e)
{
    unmap_lines(e->snapshot[0], e->capacity.snapshot_lines);
    unmap_lines(e->snapshot[1], e->capacity.snapshot_lines);
    unmap_lines(e->slots, e->capacity.slot_lines);
    unmap_lines(e->flows, (size_t)e->capacity.flow_lines * e->capacity.workers);
    unmap_lines(e->counters, e->counter_lines_per_worker * e->capacity.workers);
    unmap_lines(e->tenants, e->capacity.tenants);
    unmap_lines(e->fragments, FRAGMENT_LINES);
    unmap_lines(e->paths, path_lines(&e->capacity));
    unmap_lines(e->records, record_lines(&e->capacity));
    free(e);
}

line *worker_counters_line(struct engine *e, u32 worker)
{
    return e->counters + worker * e->counter_lines_per_worker;
}

u32 engine_adopted(const struct engine *e)
{
    u32 lowest = atomic_load_explicit(&e->generation, memory_order_acquire);
    for (u32 i = 0; i < e->workers; i++) {
        const u64 *word = (const void *)(e->counters + i * e->counter_lines_per_worker);
        u32 adopted = (u32)__atomic_load_n(word, __ATOMIC_ACQUIRE);
        if (adopted < lowest)
            lowest = adopted;
    }
    return lowest;
}

/* ---- Loading ---- */

static bool section_fits(u32 first, u64 lines, u32 total)
{
    return first >= SNAPSHOT_FIRST_SECTION && first + lines <= total;
}

static bool is_mask(u32 mask)
{
    return (mask & (mask + 1)) == 0;
}

static u64 lines_for(u64 count, u32 per_line)
{
    return (count + per_line - 1) / per_line;
}

static enum load_error check_sections(const struct engine *e, const struct snapshot_header *h, const struct snapshot_sections *s)
{
    const struct capacity *c = &e->capacity;
    if (h->vips > c->vips || h->backends > c->backends || h->tenants > c->tenants || h->vips == 0 || h->backends == 0 ||
        h->pools == 0 || h->tenants == 0 || h->profiles != MAX_PROFILES)
        return LOAD_TOO_LARGE;
    if (h->prefix_lengths > PREFIX_LENGTHS_MAX)
        return LOAD_TOO_LARGE;
    bool fits = is_mask(s->vip_index_mask) && is_mask(s->address_mask) &&
                section_fits(s->vip_index, (u64)s->vip_index_mask + 1, h->lines) &&
                section_fits(s->address, (u64)s->address_mask + 1, h->lines) && section_fits(s->vip, h->vips, h->lines) &&
                section_fits(s->backend, h->backends, h->lines) && section_fits(s->pool, h->pools, h->lines) &&
                section_fits(s->tenant, h->tenants, h->lines) && section_fits(s->device, h->devices, h->lines) &&
                section_fits(s->profile, lines_for(h->profiles, 4), h->lines) &&
                section_fits(s->range, lines_for(h->ranges, 4), h->lines) && is_mask(s->backend_index_mask) &&
                section_fits(s->backend_index, (u64)s->backend_index_mask + 1, h->lines);
    return fits ? LOAD_OK : LOAD_SECTION;
}

static bool vips_are_sound(const line *base, const struct snapshot_header *h, const struct snapshot_sections *s)
{
    const struct vip *vip = (const void *)(base + s->vip);
    for (u32 i = 0; i < h->vips; i++)
        if (vip[i].index >= h->vips || vip[i].pool >= h->pools || vip[i].kept_pool >= h->pools || vip[i].tenant >= h->tenants)
            return false;
    const struct vip_bucket *bucket = (const void *)(base + s->vip_index);
    for (u32 i = 0; i <= s->vip_index_mask; i++)
        for (u32 j = 0; j < 16; j++)
            if ((bucket[i].entry[j] & VIP_INDEX_MASK) >= h->vips)
                return false;
    const struct address *a = (const void *)(base + s->address);
    for (u32 i = 0; i <= s->address_mask; i++)
        if (a[i].any_tcp >= h->vips || a[i].any_udp >= h->vips || a[i].first_vip >= h->vips ||
            a[i].source_tcp >= h->vips || a[i].source_udp >= h->vips || a[i].ranges > ADDRESS_RANGES_MAX ||
            (u64)a[i].range + a[i].ranges > h->ranges)
            return false;
    const struct range *range = (const void *)(base + s->range);
    for (u32 i = 0; i < h->ranges; i++)
        if (range[i].vip >= h->vips)
            return false;
    return true;
}

static bool is_outer_bytes(u8 bytes)
{
    return bytes == OUTER_IPV4_BYTES || bytes == OUTER_IPV6_BYTES;
}

static bool targets_are_sound(const struct engine *e, const line *base, const struct snapshot_header *h, const struct snapshot_sections *s)
{
    const struct backend *backend = (const void *)(base + s->backend);
    for (u32 i = 0; i < h->backends; i++)
        if (backend[i].pool >= h->pools || backend[i].next_same >= h->backends || (backend[i].flags & BACKEND_RESOLVED && (backend[i].device >= h->devices || !is_outer_bytes(backend[i].outer_bytes))))
            return false;
    const struct vip_bucket *bucket = (const void *)(base + s->backend_index);
    for (u32 i = 0; i <= s->backend_index_mask; i++)
        for (u32 j = 0; j < 16; j++)
            if ((bucket[i].entry[j] & VIP_INDEX_MASK) >= h->backends)
                return false;
    const struct pool *pool = (const void *)(base + s->pool);
    for (u32 i = 0; i < h->pools; i++)
        if ((u64)pool[i].slots + lines_for(pool[i].size, SLOTS_PER_LINE) > e->capacity.slot_lines)
            return false;
    const struct tenant *tenant = (const void *)(base + s->tenant);
    for (u32 i = 0; i < h->tenants; i++)
        if (tenant[i].interval != 0 && (tenant[i].span < tenant[i].interval || tenant[i].span >= EPOCH_TICKS / 2 || tenant[i].batch == 0))
            return false;
    return true;
}

static enum load_error check_snapshot(const struct engine *e, const line *base, size_t lines)
{
    const struct snapshot_header *h = (const void *)base;
    if (lines < SNAPSHOT_FIRST_SECTION || lines > e->capacity.snapshot_lines)
        return LOAD_TOO_LARGE;
    if (h->magic != SNAPSHOT_MAGIC)
        return LOAD_MAGIC;
    if (h->version != LAYOUT_VERSION)
        return LOAD_VERSION;
    if (h->lines != lines)
        return LOAD_LENGTH;
    const struct snapshot_sections *s = (const void *)(base + 1);
    enum load_error error = check_sections(e, h, s);
    if (error != LOAD_OK)
        return error;
    return vips_are_sound(base, h, s) && targets_are_sound(e, base, h, s) ? LOAD_OK : LOAD_INDEX;
}

/* The level of a bucket is kept in tokens when its plan changes, and cut to a smaller burst. Workers on the old rate may draw
 * meanwhile, so the new time goes in by compare-and-swap. */
static void rescale_bucket(struct tenant_bucket *bucket, const struct tenant *before, const struct tenant *after, u64 now)
{
    u64 tat = __atomic_load_n(&bucket->tat, __ATOMIC_RELAXED);
    for (;;) {
        u64 full = now - before->span;
        u64 base = tat > full ? tat : full;
        u64 level = now > base ? now - base : 0;
        u64 scaled = (u64)((unsigned __int128)level * after->interval / before->interval);
        u64 target = now - (scaled < after->span ? scaled : after->span);
        if (__atomic_compare_exchange_n(&bucket->tat, &tat, target, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return;
    }
}

static void zero_counters(struct engine *e, size_t line_of_worker, size_t lines)
{
    for (u32 w = 0; w < e->capacity.workers; w++)
        memset(worker_counters_line(e, w) + line_of_worker, 0, lines * sizeof(line));
}

static void settle_tenants(struct engine *e, const line *base, u64 now_ns)
{
    const struct snapshot_header *h = (const void *)base;
    const struct tenant *after = (const void *)(base + ((const struct snapshot_sections *)(const void *)(base + 1))->tenant);
    u32 in_force = atomic_load(&e->generation);
    const line *old = e->snapshot[in_force & 1];
    u32 known = in_force ? ((const struct snapshot_header *)(const void *)old)->tenants : 0;
    const struct tenant *before = (const void *)(old + ((const struct snapshot_sections *)(const void *)(old + 1))->tenant);
    size_t first = e->worker[0].core.tenant_counters;
    for (u32 i = 1; i < h->tenants; i++) {
        struct tenant_bucket *bucket = (void *)(e->tenants + i);
        if (after[i].flags & TENANT_FRESH) {
            __atomic_store_n(&bucket->tat, 0, __ATOMIC_RELAXED);
            zero_counters(e, first + i, 1);
        } else if (i < known && (after[i].interval != before[i].interval || after[i].span != before[i].span)) {
            if (before[i].interval && after[i].interval)
                rescale_bucket(bucket, &before[i], &after[i], EPOCH_TICKS + now_ns * TICKS_PER_NS);
            else
                __atomic_store_n(&bucket->tat, 0, __ATOMIC_RELAXED); /* a first plan starts with a full bucket */
            /* A worker's memory of "empty until" belongs to the old rate; forgetting it costs one look. */
            for (u32 w = 0; w < e->capacity.workers; w++)
                __atomic_store_n(&((struct tenant_counters *)(void *)(worker_counters_line(e, w) + first + i))->empty_until, 0, __ATOMIC_RELAXED);
        }
    }
}

static void settle_fresh(struct engine *e, const line *base)
{
    const struct snapshot_header *h = (const void *)base;
    const struct snapshot_sections *s = (const void *)(base + 1);
    const struct core *core = &e->worker[0].core;
    const struct vip *vip = (const void *)(base + s->vip);
    for (u32 i = 1; i < h->vips; i++)
        if (vip[i].flags & VIP_FRESH)
            zero_counters(e, vip_counters_of(core, i), LINES_OF(vip_counters));
    const struct backend *backend = (const void *)(base + s->backend);
    for (u32 i = 1; i < h->backends; i++)
        if (backend[i].flags & BACKEND_FRESH) {
            zero_counters(e, core->backend_counters + i, LINES_OF(backend_counters));
            __atomic_store_n(&((struct path_words *)(void *)(e->paths + i / 8))->path[i % 8], 0, __ATOMIC_RELAXED);
        }
}

static void take_pages(line *first, size_t lines)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    u8 *from = (u8 *)((size_t)first & ~(page - 1));
    madvise(from, (size_t)((u8 *)(first + lines) - from), MADV_POPULATE_WRITE); /* an old kernel takes them when they are written */
}

void engine_prepare(struct engine *e, const line *snapshot, size_t lines)
{
    const struct snapshot_header *h = (const void *)snapshot;
    const struct capacity *c = &e->capacity;
    if (lines < SNAPSHOT_FIRST_SECTION || lines > c->snapshot_lines || h->vips > c->vips || h->backends > c->backends || h->tenants > c->tenants)
        return; /* engine_load says what is wrong with it */
    const struct core *core = &e->worker[0].core;
    take_pages(e->snapshot[(atomic_load(&e->generation) + 1) & 1], lines);
    take_pages(e->tenants, h->tenants);
    take_pages(e->paths, (h->backends + 7) / 8);
    for (u32 w = 0; w < c->workers; w++) {
        line *counters = worker_counters_line(e, w);
        take_pages(counters + vip_counters_of(core, 0), h->vips * LINES_OF(vip_counters));
        take_pages(counters + core->backend_counters, h->backends);
        take_pages(counters + core->tenant_counters, h->tenants);
    }
}

enum load_error engine_load(struct engine *e, const line *snapshot, size_t lines, u64 now_ns)
{
    u32 in_force = atomic_load(&e->generation);
    if (engine_adopted(e) != in_force)
        return LOAD_BUSY;
    if (lines > e->capacity.snapshot_lines)
        return LOAD_TOO_LARGE;
    u32 next = in_force + 1;
    line *side = e->snapshot[next & 1];
    memcpy(side, snapshot, lines * sizeof(line));
    enum load_error error = check_snapshot(e, side, lines);
    if (error != LOAD_OK)
        return error;
    ((struct snapshot_header *)(void *)side)->generation = next;
    settle_tenants(e, side, now_ns);
    settle_fresh(e, side);
    atomic_store_explicit(&e->generation, next, memory_order_release);
    return LOAD_OK;
}

const char *load_error_text(enum load_error error)
{
    static const char *const text[] = {
        [LOAD_OK] = "loaded",
        [LOAD_BUSY] = "a worker has not adopted the generation before this one yet",
        [LOAD_TOO_LARGE] = "the snapshot is larger than the tables",
        [LOAD_MAGIC] = "these bytes are no snapshot",
        [LOAD_VERSION] = "the snapshot is of another layout version",
        [LOAD_LENGTH] = "the snapshot's length is not the one it states",
        [LOAD_SECTION] = "a section reaches beyond the snapshot",
        [LOAD_INDEX] = "an index points outside its section or table",
    };
    return text[error];
}
