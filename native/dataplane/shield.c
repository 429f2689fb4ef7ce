#define _GNU_SOURCE
#include "shield.h"
#include "../bpf/shield.h"
#include "clsact.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* The objects lie in the addon, so that there is one file to install and none to look for. */
__asm__(".section .rodata\n.balign 16\nshield_object:\n.incbin \"" SHIELD_OBJECT "\"\nshield_object_end:\n"
        ".balign 16\ntap_object:\n.incbin \"" TAP_OBJECT "\"\ntap_object_end:\n.previous\n");
extern const u8 shield_object[], shield_object_end[], tap_object[], tap_object_end[];

#define KEPT_PER_LOOK 10 /* a look whether the filter is still there */
#define SECOND_NS 1000000000

const struct shield shield_none = {.program = -1, .until = -1, .link = -1};

/* ---- Words for people ---- */

static const char *tcx_trouble(int error)
{
    return error == EINVAL || error == EOPNOTSUPP ? "it needs Linux 6.6" : strerror(error);
}

static void explain_filter(struct shield *s)
{
    snprintf(s->reason, sizeof s->reason,
             "a clsact filter keeps VIP packets from the kernel, and outlives a killed process by %d s; no tcx, which would not: %s",
             SHIELD_SECONDS, tcx_trouble(s->tcx_error));
}

static void explain_none(struct shield *s, int filter_error)
{
    if (s->tcx_error == EPERM || s->tcx_error == EACCES || filter_error == EPERM)
        snprintf(s->reason, sizeof s->reason,
                 "the kernel handles VIP packets, too: keeping it from them needs CAP_BPF and CAP_NET_ADMIN");
    else if (filter_error)
        snprintf(s->reason, sizeof s->reason,
                 "the kernel handles VIP packets, too: keeping it from them needs tcx (%s) or a clsact filter, with the modules sch_ingress "
                 "and cls_bpf (%s)", tcx_trouble(s->tcx_error), strerror(filter_error));
    else
        snprintf(s->reason, sizeof s->reason, "the kernel handles VIP packets, too, and cannot be kept from them: %s", strerror(s->tcx_error));
}

/* ---- The deadline ---- */

/* Programs read the host's clock. */
static long long clock_ahead_ns(void)
{
    long long seconds = 0, ns = 0;
    FILE *offsets = fopen("/proc/self/timens_offsets", "re");
    if (!offsets)
        return 0;
    if (fscanf(offsets, "monotonic %lld %lld", &seconds, &ns) != 2)
        seconds = ns = 0;
    fclose(offsets);
    return seconds * SECOND_NS + ns;
}

static bool set_until(const struct shield *s, u64 until)
{
    u32 only = 0;
    return bpf_map_set(s->until, &only, &until) == 0;
}

static bool put_off(const struct shield *s)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    long long now = (long long)t.tv_sec * SECOND_NS + t.tv_nsec - s->clock_ns;
    return set_until(s, (u64)(now + (long long)SHIELD_SECONDS * SECOND_NS));
}

/* ---- Attaching ---- */

static bool load(struct shield *s, struct steering *steering)
{
    struct bpf_map_entry maps[STEERING_MAPS + 1];
    const struct bpf_program_source source = {
        .name = "torii_shield", .section = "tcx", .type = BPF_PROG_TYPE_SCHED_CLS, .object = shield_object,
        .bytes = (size_t)(shield_object_end - shield_object), .maps = maps, .map_count = STEERING_MAPS + 1,
    };
    s->until = bpf_map_make(BPF_MAP_TYPE_ARRAY, sizeof(u32), sizeof(u64), 1, 0);
    if (s->until < 0 || !steering_maps(steering, maps))
        return false;
    maps[STEERING_MAPS] = (struct bpf_map_entry){"shield_until", s->until};
    s->program = bpf_program_load(&source);
    return s->program >= 0;
}

static bool attach_link(struct shield *s, bool without_tcx)
{
    errno = EINVAL;
    if (without_tcx || !set_until(s, SHIELD_FOR_EVER))
        return false;
    s->link = bpf_ingress_attach(s->program, s->ifindex);
    s->is_attached = s->link >= 0;
    return s->is_attached;
}

static void attach_filter(struct shield *s)
{
    s->is_attached = put_off(s) && clsact_attach(s->program, s->ifindex);
    if (s->is_attached)
        explain_filter(s);
    else
        explain_none(s, errno);
}

void shield_open(struct shield *s, const struct shield_open *how)
{
    *s = shield_none;
    s->ifindex = how->ifindex;
    if (!load(s, how->steering)) {
        s->tcx_error = errno;
        explain_none(s, 0);
        return;
    }
    if (attach_link(s, how->without_tcx) || how->only_tcx)
        return;
    s->is_filter = true;
    s->tcx_error = errno;
    s->clock_ns = clock_ahead_ns();
    attach_filter(s);
}

void shield_keep(struct shield *s)
{
    if (!s->is_filter)
        return;
    put_off(s);
    if (++s->kept % KEPT_PER_LOOK == 0 && !(s->is_attached && clsact_is_attached(s->ifindex)))
        attach_filter(s);
}

void shield_close(struct shield *s)
{
    if (s->is_filter)
        clsact_remove(s->ifindex);
    if (s->link >= 0)
        close(s->link);
    if (s->program >= 0)
        close(s->program);
    if (s->until >= 0)
        close(s->until);
    *s = shield_none;
}

bool shield_is_up(const struct shield *s)
{
    return s->is_attached;
}

bool tap_attach(struct steering *steering, int socket_fd)
{
    struct bpf_map_entry maps[STEERING_MAPS];
    const struct bpf_program_source source = {
        .name = "torii_tap", .section = "socket", .type = BPF_PROG_TYPE_SOCKET_FILTER, .object = tap_object,
        .bytes = (size_t)(tap_object_end - tap_object), .maps = maps, .map_count = STEERING_MAPS,
    };
    int program = steering_maps(steering, maps) ? bpf_program_load(&source) : -1;
    if (program < 0)
        return false;
    bool is_attached = setsockopt(socket_fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof program) == 0;
    close(program); /* the socket holds it */
    return is_attached;
}
