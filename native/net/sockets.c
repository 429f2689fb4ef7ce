#include "sockets.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TTL_AT_IPV4 8 /* RFC 791 3.1 */
#define TTL_AT_IPV6 7 /* RFC 8200 3 */

_Static_assert(TCP_KEY_MAX == TCP_MD5SIG_MAXKEYLEN, "the kernel takes other keys");

int socket_address(const char *text, uint16_t port, union socket_address *out)
{
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, text, &out->v4.sin_addr) == 1) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        return 0;
    }
    char address[INET6_ADDRSTRLEN];
    const char *zone = strchr(text, '%');
    size_t length = zone ? (size_t)(zone - text) : strlen(text);
    if (length >= sizeof address)
        return -EINVAL;
    memcpy(address, text, length);
    address[length] = '\0';
    if (inet_pton(AF_INET6, address, &out->v6.sin6_addr) != 1)
        return -EINVAL;
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    if (zone)
        out->v6.sin6_scope_id = if_nametoindex(zone + 1);
    return zone && out->v6.sin6_scope_id == 0 ? -ENODEV : 0;
}

static socklen_t size_of(const union socket_address *a)
{
    return a->any.sa_family == AF_INET ? sizeof a->v4 : sizeof a->v6;
}

static int fail(const char **failed, const char *what)
{
    *failed = what;
    return -errno;
}

static int set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

static bool is_ipv4(int fd)
{
    int domain = AF_INET;
    socklen_t size = sizeof domain;
    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain == AF_INET;
}

static int set_ttl(int fd, uint32_t ttl)
{
    return is_ipv4(fd) ? set_int(fd, IPPROTO_IP, IP_TTL, (int)ttl) : set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, (int)ttl);
}

static int set_min_ttl(int fd, uint32_t ttl)
{
    return is_ipv4(fd) ? set_int(fd, IPPROTO_IP, IP_MINTTL, (int)ttl) : set_int(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, (int)ttl);
}

static int bind_socket(int fd, const union socket_address *local, const char **failed)
{
    /* A port whose last connection is in TIME_WAIT can be listened on again. */
    if (set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
        return fail(failed, "SO_REUSEADDR");
    if (local->any.sa_family == AF_INET6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)
        return fail(failed, "IPV6_V6ONLY");
    return bind(fd, &local->any, size_of(local)) < 0 ? fail(failed, "bind") : 0;
}

static int or_close(int fd, int error)
{
    if (error < 0)
        close(fd);
    return error < 0 ? error : fd;
}

/* An accepted connection has its listening socket's. */
static int set_traffic_class(int fd)
{
    return is_ipv4(fd) ? set_int(fd, IPPROTO_IP, IP_TOS, IPTOS_CLASS_CS6) : set_int(fd, IPPROTO_IPV6, IPV6_TCLASS, IPTOS_CLASS_CS6);
}

static int open_socket(const union socket_address *local, const char **failed)
{
    int fd = socket(local->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return fail(failed, "socket");
    return or_close(fd, set_traffic_class(fd) < 0 ? fail(failed, "traffic class (IP_TOS, IPV6_TCLASS)") : 0);
}

int tcp_dialling_socket(const union socket_address *local, const char **failed)
{
    int fd = open_socket(local, failed);
    if (fd < 0)
        return fd;
    /* Else bind() would take a port that no other connection from this address may have, to any peer. */
    int error = set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) < 0 ? fail(failed, "IP_BIND_ADDRESS_NO_PORT") : 0;
    return or_close(fd, error < 0 ? error : bind_socket(fd, local, failed));
}

int tcp_listening_socket(const union socket_address *local, const char **failed)
{
    int fd = open_socket(local, failed);
    if (fd < 0)
        return fd;
    int error = bind_socket(fd, local, failed);
    if (error == 0 && set_ttl(fd, 255) < 0)
        error = fail(failed, "TTL");
    if (error == 0 && set_int(fd, IPPROTO_TCP, TCP_SAVE_SYN, 1) < 0)
        error = fail(failed, "TCP_SAVE_SYN");
    return or_close(fd, error);
}

static const char *key_trouble(void)
{
    if (errno == ENOPROTOOPT)
        return "a password needs TCP MD5, which this kernel does not have (CONFIG_TCP_MD5SIG)";
    return errno == ENOMEM ? "TCP_MD5SIG: no room for one more key (sysctl net.core.optmem_max)" : "TCP_MD5SIG";
}

int tcp_set_key(int fd, const union socket_address *peer, const uint8_t *key, size_t bytes, const char **failed)
{
    struct tcp_md5sig sig = {.tcpm_keylen = (uint16_t)bytes};
    if (bytes > sizeof sig.tcpm_key) {
        errno = EMSGSIZE;
        return fail(failed, "TCP_MD5SIG");
    }
    memcpy(&sig.tcpm_addr, peer, size_of(peer));
    if (bytes)
        memcpy(sig.tcpm_key, key, bytes);
    int result = setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &sig, sizeof sig);
    int error = errno;
    explicit_bzero(&sig, sizeof sig);
    errno = error;
    /* There is no key to remove, and that is what was asked for. */
    if (result < 0 && bytes == 0 && (errno == ENOENT || errno == ENOPROTOOPT))
        return 0;
    return result < 0 ? fail(failed, key_trouble()) : 0;
}

int tcp_protect(int fd, const union socket_address *peer, const struct tcp_protection *p, const char **failed)
{
    if (set_ttl(fd, p->ttl) < 0)
        return fail(failed, "TTL");
    if (set_min_ttl(fd, p->min_ttl) < 0)
        return fail(failed, "least TTL (IP_MINTTL, IPV6_MINHOPCOUNT)");
    if (set_int(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)p->user_timeout_ms) < 0)
        return fail(failed, "TCP_USER_TIMEOUT");
    return tcp_set_key(fd, peer, p->key, p->key_bytes, failed);
}

int tcp_syn_ttl(int fd)
{
    uint8_t syn[256]; /* IP and TCP headers: 120 bytes at most, but for IPv6 extension headers */
    socklen_t size = sizeof syn;
    if (getsockopt(fd, IPPROTO_TCP, TCP_SAVED_SYN, syn, &size) < 0)
        return -errno;
    size_t at = is_ipv4(fd) ? TTL_AT_IPV4 : TTL_AT_IPV6;
    return size > at ? syn[at] : 0;
}

int tcp_unacknowledged(int fd)
{
    int bytes = 0;
    return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}
