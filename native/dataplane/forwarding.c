#define _GNU_SOURCE
#include "forwarding.h"
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

void forwarding_open(struct forwarding *f, const char *device)
{
    char path[96];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/forwarding", device);
    f->fd[0] = open(path, O_RDONLY | O_CLOEXEC);
    f->fd[1] = open("/proc/sys/net/ipv6/conf/all/forwarding", O_RDONLY | O_CLOEXEC);
}

void forwarding_close(struct forwarding *f)
{
    for (u32 i = 0; i < 2; i++) {
        if (f->fd[i] >= 0)
            close(f->fd[i]);
        f->fd[i] = -1;
    }
}

bool forwarding_is_on(const struct forwarding *f)
{
    for (u32 i = 0; i < 2; i++) {
        char value = '0';
        if (f->fd[i] >= 0 && pread(f->fd[i], &value, 1, 0) == 1 && value == '1')
            return true;
    }
    return false;
}
