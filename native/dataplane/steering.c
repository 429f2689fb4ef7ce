#define _GNU_SOURCE
#include "steering.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The object lies in the addon, so that there is one file to install and none to look for. */
__asm__(".section .rodata\n.balign 16\nsteer_object:\n.incbin \"" STEER_OBJECT "\"\nsteer_object_end:\n.previous\n");
extern const u8 steer_object[], steer_object_end[];

#define GIVEN_BACK_MAX 1024 /* in one go: less than a millisecond */

void steering_init(struct steering *s)
{
    memset(s, 0, sizeof *s);
    pthread_mutex_init(&s->lock, NULL);
    s->vips = s->vip_prefixes = s->prefix_count = s->sources = -1;
    s->is_settled = true;
}

static void close_map(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void steering_free(struct steering *s)
{
    close_map(&s->vips);
    close_map(&s->vip_prefixes);
    close_map(&s->prefix_count);
    close_map(&s->sources);
    free(s->taken);
    free(s->listed);
    pthread_mutex_destroy(&s->lock);
}

/* ---- Sets of prefixes, sorted ---- */

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct steer_prefix));
}

static bool holds(const struct steer_prefix *set, u32 count, const struct steer_prefix *p)
{
    return count > 0 && bsearch(p, set, count, sizeof *p, compare) != NULL;
}

/* The VIP addresses and prefixes of a snapshot that nobody has validated yet, as they lie there; NULL: no memory. */
static struct steer_prefix *vips_of(const line *base, size_t lines, u32 *count)
{
    *count = 0;
    struct steer_prefix *set = NULL;
    const struct snapshot_sections *s = (const void *)(base + 1);
    u64 first = lines >= SNAPSHOT_FIRST_SECTION ? s->address : 0, end = first ? first + s->address_mask + 1 : 0;
    if (end > lines)
        first = end = 0; /* engine_load refuses it */
    set = malloc((end - first + 1) * sizeof *set);
    if (!set)
        return NULL;
    for (u64 i = first; i < end; i++) {
        const struct address *a = (const void *)(base + i);
        if (!a->used)
            continue;
        set[*count].bits = a->length;
        memcpy(&set[(*count)++].address, a->address, sizeof a->address);
    }
    return set;
}

static void add_source(struct steer_prefix *set, u32 *count, u32 bits, const u32 word[4])
{
    struct steer_prefix *p = &set[(*count)++];
    p->bits = bits;
    memcpy(&p->address, word, sizeof p->address);
}

static u32 bits_of_host_mask(const u8 *mask, u32 bytes)
{
    u32 host = 0;
    for (u32 i = 0; i < bytes; i++)
        host += (u32)__builtin_popcount(mask[i]);
    return 128 - host;
}

/* Our outer source addresses: of this node, and its entropy prefixes. */
static u32 sources_of(const line *base, size_t lines, struct steer_prefix *set)
{
    u32 count = 0;
    if (lines < SNAPSHOT_FIRST_SECTION)
        return 0;
    const struct snapshot_node *node = (const void *)(base + 4);
    const struct snapshot_entropy *entropy = (const void *)(base + 6);
    u32 mapped[4] = {0, 0, be32(0xffff), node->address4}, word[4];
    if (node->address4)
        add_source(set, &count, 128, mapped);
    if (node->address6[0]) {
        memcpy(word, node->address6, sizeof word);
        add_source(set, &count, 128, word);
    }
    mapped[3] = entropy->prefix4;
    if (entropy->has4)
        add_source(set, &count, bits_of_host_mask((const u8 *)&entropy->host_mask4, 4), mapped);
    if (entropy->has6) {
        memcpy(word, entropy->prefix6, sizeof word);
        add_source(set, &count, bits_of_host_mask(entropy->host_mask6, 16), word);
    }
    return count;
}

/* ---- Maps ---- */

static bool put(const struct steering *s, const struct steer_prefix *p)
{
    if (p->bits == 128)
        return bpf_map_set(s->vips, &p->address, &p->bits) == 0;
    return bpf_map_set(s->vip_prefixes, p, &p->bits) == 0;
}

static void give_back(const struct steering *s, const struct steer_prefix *p)
{
    if (p->bits == 128)
        bpf_map_remove(s->vips, &p->address);
    else
        bpf_map_remove(s->vip_prefixes, p);
}

/* Before prefixes are looked for, and after the last is gone. */
static void tell_prefix_count(const struct steering *s)
{
    u32 only = 0, count = 0;
    for (u32 i = 0; i < s->taken_count; i++)
        count += s->taken[i].bits != 128;
    bpf_map_set(s->prefix_count, &only, &count);
}

static bool refuse_map(struct device_error *error)
{
    error->code = "capacity";
    snprintf(error->text, sizeof error->text, "taking the addresses of VIPs from the kernel: %s", strerror(errno));
    return false;
}

/* Both sets together, in the maps and in `taken`. */
static bool take_all(struct steering *s, const struct steer_prefix *set, u32 count, struct device_error *error)
{
    struct steer_prefix *all = malloc((s->taken_count + count + 1) * sizeof *all);
    if (!all)
        return refuse_map(error);
    u32 n = s->taken_count;
    memcpy(all, s->taken, n * sizeof *all);
    bool is_put = true;
    for (u32 i = 0; i < count && is_put; i++) {
        if (holds(s->taken, s->taken_count, &set[i]))
            continue;
        is_put = put(s, &set[i]);
        if (is_put)
            all[n++] = set[i];
    }
    if (!is_put)
        refuse_map(error);
    qsort(all, n, sizeof *all, compare);
    free(s->taken);
    s->taken = all;
    s->taken_count = n;
    tell_prefix_count(s);
    return is_put;
}

static void take_sources(struct steering *s, const line *snapshot, size_t lines)
{
    struct steer_prefix set[STEER_SOURCES_MAX];
    u32 count = sources_of(snapshot, lines, set);
    if (count == s->source_count && memcmp(set, s->source, count * sizeof set[0]) == 0)
        return;
    for (u32 i = 0; i < count; i++)
        bpf_map_set(s->sources, &set[i], &set[i].bits);
    for (u32 i = 0; i < s->source_count; i++) {
        bool is_kept = false;
        for (u32 j = 0; j < count; j++)
            is_kept |= compare(&set[j], &s->source[i]) == 0;
        if (!is_kept)
            bpf_map_remove(s->sources, &s->source[i]);
    }
    memcpy(s->source, set, count * sizeof set[0]);
    s->source_count = count;
}

/* Remembers what was taken last; without memory nothing, so that the next snapshot is looked at whole. */
static void list(struct steering *s, const struct steer_prefix *listed, u32 count)
{
    free(s->listed);
    s->listed_count = 0;
    s->listed = malloc((count + 1) * sizeof *s->listed);
    if (!s->listed)
        return;
    memcpy(s->listed, listed, count * sizeof *listed);
    s->listed_count = count;
}

/* Under the lock. */
static bool add_listed(struct steering *s, const struct steer_prefix *listed, u32 count, struct device_error *error)
{
    struct steer_prefix *sorted = malloc((count + 1) * sizeof *sorted);
    if (!sorted)
        return refuse_map(error);
    memcpy(sorted, listed, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    bool is_taken = take_all(s, sorted, count, error);
    free(sorted);
    return is_taken;
}

bool steering_add(struct steering *s, const line *snapshot, size_t lines, struct device_error *error)
{
    u32 count;
    bool is_taken = true;
    pthread_mutex_lock(&s->lock);
    struct steer_prefix *listed = s->vips < 0 ? NULL : vips_of(snapshot, lines, &count);
    if (!listed) {
        is_taken = s->vips < 0 || refuse_map(error);
    } else if (count != s->listed_count || (count && memcmp(listed, s->listed, count * sizeof *listed) != 0)) {
        is_taken = add_listed(s, listed, count, error);
        list(s, listed, count);
        s->is_settled = false;
    }
    free(listed);
    pthread_mutex_unlock(&s->lock);
    return is_taken;
}

void steering_keep(struct steering *s, const line *snapshot, size_t lines)
{
    u32 count, kept = 0, given_back = 0;
    pthread_mutex_lock(&s->lock);
    if (s->vips >= 0)
        take_sources(s, snapshot, lines);
    struct steer_prefix *set = s->is_settled ? NULL : vips_of(snapshot, lines, &count);
    if (set) {
        list(s, set, count); /* what was added last may have been refused */
        qsort(set, count, sizeof *set, compare);
        for (u32 i = 0; i < s->taken_count; i++) {
            bool is_kept = given_back == GIVEN_BACK_MAX || holds(set, count, &s->taken[i]);
            if (is_kept) {
                s->taken[kept++] = s->taken[i];
            } else {
                give_back(s, &s->taken[i]);
                given_back++;
            }
        }
        s->taken_count = kept;
        tell_prefix_count(s);
        s->is_settled = given_back < GIVEN_BACK_MAX;
    }
    free(set);
    pthread_mutex_unlock(&s->lock);
}

/* ---- The program ---- */

static bool refuse_load(struct device_error *error, const char *device, const char *what)
{
    int saved = errno;
    if (saved == EPERM || saved == EACCES) {
        error->code = "no_privilege";
        snprintf(error->text, sizeof error->text,
                 "%s: %s needs CAP_BPF and CAP_NET_ADMIN beside CAP_NET_RAW: run as root, or add them to AmbientCapabilities= and "
                 "CapabilityBoundingSet= of the systemd unit, or say engine: af_packet", device, what);
    } else {
        error->code = "device_unusable";
        snprintf(error->text, sizeof error->text, "%s: %s: %s (it needs Linux 5.18)", device, what, strerror(saved));
    }
    return false;
}

static bool make_shared_maps(struct steering *s)
{
    if (s->vips >= 0)
        return true;
    u32 key = sizeof(struct steer_prefix), value = sizeof(u32);
    s->vip_prefixes = bpf_map_make(BPF_MAP_TYPE_LPM_TRIE, key, value, STEER_VIPS_MAX, BPF_F_NO_PREALLOC);
    s->prefix_count = bpf_map_make(BPF_MAP_TYPE_ARRAY, sizeof(u32), value, 1, 0);
    s->sources = bpf_map_make(BPF_MAP_TYPE_LPM_TRIE, key, value, STEER_SOURCES_MAX, BPF_F_NO_PREALLOC);
    if (s->vip_prefixes >= 0 && s->prefix_count >= 0 && s->sources >= 0)
        s->vips = bpf_map_make(BPF_MAP_TYPE_HASH, sizeof(struct steer_address), value, STEER_VIPS_MAX, BPF_F_NO_PREALLOC);
    if (s->vips >= 0)
        return true;
    int saved = errno;
    close_map(&s->vip_prefixes);
    close_map(&s->prefix_count);
    close_map(&s->sources);
    errno = saved;
    return false;
}

bool steering_maps(struct steering *s, struct bpf_map_entry maps[STEERING_MAPS])
{
    pthread_mutex_lock(&s->lock);
    bool has_maps = make_shared_maps(s);
    pthread_mutex_unlock(&s->lock);
    maps[0] = (struct bpf_map_entry){"vips", s->vips};
    maps[1] = (struct bpf_map_entry){"vip_prefixes", s->vip_prefixes};
    maps[2] = (struct bpf_map_entry){"prefix_count", s->prefix_count};
    maps[3] = (struct bpf_map_entry){"sources", s->sources};
    return has_maps;
}

bool steer_load(struct steering *s, struct steer_program *p, const char *device, struct device_error *error)
{
    *p = (struct steer_program){-1, -1, -1, -1, -1};
    struct bpf_map_entry maps[STEERING_MAPS + 3];
    if (!steering_maps(s, maps))
        return refuse_load(error, device, "making BPF maps");
    p->port = bpf_map_make(BPF_MAP_TYPE_ARRAY, sizeof(u32), sizeof(struct steer_port), 1, 0);
    p->sockets = bpf_map_make(BPF_MAP_TYPE_XSKMAP, sizeof(u32), sizeof(u32), STEER_QUEUES_MAX, 0);
    p->copies = bpf_map_make(BPF_MAP_TYPE_RINGBUF, 0, 0, STEER_COPIES_BYTES, 0);
    if (p->port < 0 || p->sockets < 0 || p->copies < 0)
        return refuse_load(error, device, "making BPF maps");
    maps[STEERING_MAPS] = (struct bpf_map_entry){"port", p->port};
    maps[STEERING_MAPS + 1] = (struct bpf_map_entry){"sockets", p->sockets};
    maps[STEERING_MAPS + 2] = (struct bpf_map_entry){"copies", p->copies};
    const struct bpf_program_source source = {
        .name = "torii_steer", .section = "xdp", .type = BPF_PROG_TYPE_XDP,
        .object = steer_object, .bytes = (size_t)(steer_object_end - steer_object), .maps = maps, .map_count = sizeof maps / sizeof *maps,
    };
    p->program = bpf_program_load(&source);
    return p->program >= 0 || refuse_load(error, device, "loading the steering program");
}

bool steer_own_address(const struct steer_program *p, const u8 mac[6])
{
    u32 only = 0;
    struct steer_port port = {{0}, 0};
    memcpy(port.mac, mac, sizeof port.mac);
    return bpf_map_set(p->port, &only, &port) == 0;
}

void steer_unload(struct steer_program *p)
{
    close_map(&p->link);
    close_map(&p->program);
    close_map(&p->copies);
    close_map(&p->sockets);
    close_map(&p->port);
}
