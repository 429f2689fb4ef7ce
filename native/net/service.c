#include "service.h"
#include <errno.h>
#include <linux/capability.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

int service_notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || !*path)
        return 0;
    size_t length = strlen(path);
    if (length >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@') /* an abstract name */
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
    int result = sent < 0 ? -errno : 1;
    close(fd);
    return result;
}

int service_has_capability(const char *name)
{
    static const struct {
        const char *name;
        uint32_t number;
    } known[] = {
        {"net_bind_service", CAP_NET_BIND_SERVICE}, {"net_admin", CAP_NET_ADMIN}, {"net_raw", CAP_NET_RAW},
        {"ipc_lock", CAP_IPC_LOCK}, {"sys_admin", CAP_SYS_ADMIN}, {"sys_nice", CAP_SYS_NICE}, {"bpf", CAP_BPF},
    };
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i].name) == 0) {
            if (syscall(SYS_capget, &header, data) < 0)
                return 0;
            return (data[known[i].number / 32].effective >> (known[i].number % 32)) & 1;
        }
    return -1;
}
