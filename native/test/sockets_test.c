/* net/sockets.c under the sanitizers: what texts are addresses, and every option on real sockets of the loopback. Prints the
 * name of each rule that holds; stops at the first that does not. */
#include "../net/sockets.h"
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOLDS(condition)                                                               \
    do {                                                                               \
        if (!(condition)) {                                                            \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __func__, __LINE__, #condition, errno); \
            exit(1);                                                                   \
        }                                                                              \
    } while (0)

static const char *failed;

static void addresses_of_both_families_are_read(void)
{
    union socket_address a;
    HOLDS(socket_address("192.0.2.1", 179, &a) == 0 && a.v4.sin_family == AF_INET && a.v4.sin_port == htons(179));
    HOLDS(a.v4.sin_addr.s_addr == htonl(0xc0000201));
    HOLDS(socket_address("2001:db8::1", 179, &a) == 0 && a.v6.sin6_family == AF_INET6 && a.v6.sin6_scope_id == 0);
    HOLDS(socket_address("fe80::1%lo", 0, &a) == 0 && a.v6.sin6_scope_id == if_nametoindex("lo"));
}

static void what_is_no_address_is_refused(void)
{
    static const char *const texts[] = {"", "%", "%lo", "192.0.2", "192.0.2.1%lo", "fe80::1::2%lo", "x", "1.2.3.4.5",
                                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    union socket_address a;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        HOLDS(socket_address(texts[i], 0, &a) == -EINVAL);
    HOLDS(socket_address("fe80::1%", 0, &a) == -ENODEV);
    HOLDS(socket_address("fe80::1%a-device-that-cannot-be", 0, &a) == -ENODEV);
    char text[200];
    for (size_t length = 0; length < sizeof text; length++) {
        memset(text, ':', length);
        text[length] = '\0';
        (void)!socket_address(text, 0, &a);
    }
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    HOLDS(getsockopt(fd, level, name, &value, &size) == 0);
    return value;
}

static void protection_is_what_the_kernel_has(const char *text, int level, int ttl, int min_ttl)
{
    union socket_address a;
    struct tcp_protection p = {.ttl = 255, .min_ttl = 254, .user_timeout_ms = 30000, .key = (const uint8_t *)"key", .key_bytes = 3};
    HOLDS(socket_address(text, 0, &a) == 0);
    int fd = tcp_dialling_socket(&a, &failed);
    HOLDS(fd >= 0 && tcp_protect(fd, &a, &p, &failed) == 0);
    HOLDS(option(fd, level, ttl) == 255 && option(fd, level, min_ttl) == 254);
    HOLDS(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 30000);
    p = (struct tcp_protection){.ttl = 1};
    HOLDS(tcp_protect(fd, &a, &p, &failed) == 0);
    HOLDS(option(fd, level, ttl) == 1 && option(fd, level, min_ttl) == 0 && option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 0);
    close(fd);
}

static void protection_holds_in_both_families(void)
{
    protection_is_what_the_kernel_has("127.0.0.1", IPPROTO_IP, IP_TTL, IP_MINTTL);
    protection_is_what_the_kernel_has("::1", IPPROTO_IPV6, IPV6_UNICAST_HOPS, IPV6_MINHOPCOUNT);
}

static void keys_are_bounded_and_gone_at_once(void)
{
    union socket_address a;
    uint8_t key[TCP_KEY_MAX + 1] = {1};
    HOLDS(socket_address("127.0.0.1", 0, &a) == 0);
    int fd = tcp_listening_socket(&a, &failed);
    HOLDS(fd >= 0);
    HOLDS(tcp_set_key(fd, &a, key, TCP_KEY_MAX, &failed) == 0);
    HOLDS(tcp_set_key(fd, &a, key, TCP_KEY_MAX + 1, &failed) == -EMSGSIZE && strcmp(failed, "TCP_MD5SIG") == 0);
    HOLDS(tcp_set_key(fd, &a, NULL, 0, &failed) == 0);
    /* There is none to remove any more. */
    HOLDS(tcp_set_key(fd, &a, NULL, 0, &failed) == 0);
    close(fd);
}

/* The port of a listening socket. */
static uint16_t port_of(int fd)
{
    union socket_address a;
    socklen_t size = sizeof a;
    HOLDS(getsockname(fd, &a.any, &size) == 0);
    return ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
}

static void the_ttl_of_a_call_is_known(const char *text, uint32_t ttl)
{
    union socket_address a;
    struct tcp_protection p = {.ttl = ttl};
    HOLDS(socket_address(text, 0, &a) == 0);
    int listening = tcp_listening_socket(&a, &failed);
    HOLDS(listening >= 0 && listen(listening, 1) == 0);
    int calling = tcp_dialling_socket(&a, &failed);
    HOLDS(tcp_protect(calling, &a, &p, &failed) == 0);
    HOLDS(socket_address(text, port_of(listening), &a) == 0);
    HOLDS(connect(calling, &a.any, sizeof a) == 0 || errno == EINPROGRESS);
    struct pollfd arrived = {.fd = listening, .events = POLLIN};
    HOLDS(poll(&arrived, 1, 10000) == 1);
    int accepted = accept(listening, NULL, NULL);
    HOLDS(accepted >= 0 && tcp_syn_ttl(accepted) == (int)ttl);
    /* The kernel keeps it for one question. */
    HOLDS(tcp_syn_ttl(accepted) == 0);
    HOLDS(tcp_unacknowledged(accepted) == 0);
    for (int fd[] = {listening, calling, accepted}, i = 0; i < 3; i++)
        close(fd[i]);
}

static void callers_are_measured_in_both_families(void)
{
    the_ttl_of_a_call_is_known("127.0.0.1", 17);
    the_ttl_of_a_call_is_known("::1", 255);
}

/* Both ends of a connection over the loopback, as they are sent and as they are set. */
static void packets_have_cs6(const char *text, int level, int name)
{
    union socket_address a;
    uint8_t syn[256];
    socklen_t size = sizeof syn;
    HOLDS(socket_address(text, 0, &a) == 0);
    int listening = tcp_listening_socket(&a, &failed);
    HOLDS(listening >= 0 && listen(listening, 1) == 0);
    int calling = tcp_dialling_socket(&a, &failed);
    HOLDS(calling >= 0 && socket_address(text, port_of(listening), &a) == 0);
    HOLDS(connect(calling, &a.any, sizeof a) == 0 || errno == EINPROGRESS);
    struct pollfd arrived = {.fd = listening, .events = POLLIN};
    HOLDS(poll(&arrived, 1, 10000) == 1);
    int accepted = accept(listening, NULL, NULL);
    HOLDS(accepted >= 0 && getsockopt(accepted, IPPROTO_TCP, TCP_SAVED_SYN, syn, &size) == 0 && size >= 20);
    int sent = level == IPPROTO_IP ? syn[1] : (syn[0] & 0xf) << 4 | syn[1] >> 4;
    HOLDS(sent == IPTOS_CLASS_CS6);
    HOLDS(option(calling, level, name) == IPTOS_CLASS_CS6 && option(accepted, level, name) == IPTOS_CLASS_CS6);
    for (int fd[] = {listening, calling, accepted}, i = 0; i < 3; i++)
        close(fd[i]);
}

static void both_ends_send_as_network_control(void)
{
    packets_have_cs6("127.0.0.1", IPPROTO_IP, IP_TOS);
    packets_have_cs6("::1", IPPROTO_IPV6, IPV6_TCLASS);
}

static void an_address_of_another_host_is_refused_and_nothing_stays_open(void)
{
    union socket_address a;
    int next = dup(0);
    close(next);
    HOLDS(socket_address("192.0.2.1", 0, &a) == 0);
    HOLDS(tcp_dialling_socket(&a, &failed) == -EADDRNOTAVAIL && strcmp(failed, "bind") == 0);
    HOLDS(tcp_listening_socket(&a, &failed) == -EADDRNOTAVAIL);
    int fd = dup(0);
    HOLDS(fd == next);
    close(fd);
}

int main(void)
{
#define RULE(name) (name(), puts(#name))
    RULE(addresses_of_both_families_are_read);
    RULE(what_is_no_address_is_refused);
    RULE(protection_holds_in_both_families);
    RULE(keys_are_bounded_and_gone_at_once);
    RULE(callers_are_measured_in_both_families);
    RULE(both_ends_send_as_network_control);
    RULE(an_address_of_another_host_is_refused_and_nothing_stays_open);
    return 0;
}
