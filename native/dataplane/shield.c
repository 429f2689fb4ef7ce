#define _GNU_SOURCE
#include "shield.h"
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The objects lie in the addon, so that there is one file to install and none to look for. */
__asm__(".section .rodata\n.balign 16\nshield_object:\n.incbin \"" SHIELD_OBJECT "\"\nshield_object_end:\n"
        ".balign 16\ntap_object:\n.incbin \"" TAP_OBJECT "\"\ntap_object_end:\n.previous\n");
extern const u8 shield_object[], shield_object_end[], tap_object[], tap_object_end[];

const struct shield shield_none = {.program = -1, .link = -1};

static void explain(struct shield *s)
{
    int error = errno;
    if (error == EPERM || error == EACCES)
        snprintf(s->reason, sizeof s->reason,
                 "the kernel handles VIP packets, too: keeping it from them needs CAP_BPF and CAP_NET_ADMIN");
    else if (error == EINVAL)
        snprintf(s->reason, sizeof s->reason, "the kernel handles VIP packets, too: keeping it from them needs Linux 6.6");
    else
        snprintf(s->reason, sizeof s->reason, "the kernel handles VIP packets, too, and cannot be kept from them: %s", strerror(error));
}

void shield_open(struct shield *s, struct steering *steering, u32 ifindex)
{
    struct bpf_map_entry maps[STEERING_MAPS];
    const struct bpf_program_source source = {
        .name = "torii_shield", .section = "tcx", .type = BPF_PROG_TYPE_SCHED_CLS, .object = shield_object,
        .bytes = (size_t)(shield_object_end - shield_object), .maps = maps, .map_count = STEERING_MAPS,
    };
    *s = shield_none;
    if (steering_maps(steering, maps))
        s->program = bpf_program_load(&source);
    if (s->program >= 0)
        s->link = bpf_ingress_attach(s->program, ifindex);
    if (s->link < 0)
        explain(s);
}

void shield_close(struct shield *s)
{
    if (s->link >= 0)
        close(s->link);
    if (s->program >= 0)
        close(s->program);
    s->link = s->program = -1;
}

bool shield_is_up(const struct shield *s)
{
    return s->link >= 0;
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
