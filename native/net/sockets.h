/* TCP sockets with the options that must stand before connect() or listen(): MD5 keys (RFC 2385), TTL and the least TTL
 * heard (GTSM, RFC 5082), TCP_USER_TIMEOUT (RFC 5482), and the DSCP of network control, CS6 (RFC 4594 3.2). Node makes the
 * calls, so nothing here waits.
 *
 * Needs no privilege but for ports below 1024. Results are zero, a descriptor or a count; else negative errno, and `failed`
 * says what. A key goes with an address: link-local peers of one address share it, whatever their zones. */
#pragma once
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define TCP_KEY_MAX 80 /* what the kernel takes */

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* What one peer's connections are held to, whoever called. */
struct tcp_protection {
    uint32_t ttl;             /* of what is sent, 1..255 */
    uint32_t min_ttl;         /* of what is heard; 0: any */
    uint32_t user_timeout_ms; /* how long data may stay unacknowledged; 0: the system's */
    const uint8_t *key;
    size_t key_bytes; /* 0: no signature, and none accepted */
};

/* Text such as 10.0.0.1, ::1 or fe80::1%eth0. */
int socket_address(const char *text, uint16_t port, union socket_address *out);

/* To dial from: bound to this address, the port is chosen by connect(). */
int tcp_dialling_socket(const union socket_address *local, const char **failed);

/* Bound, not yet listening; IPv6 alone where the address is IPv6. Answers with TTL 255, so that a peer under GTSM hears it,
 * and keeps the SYN of each call for tcp_syn_ttl(). */
int tcp_listening_socket(const union socket_address *local, const char **failed);

/* Replaces whatever held before, also on a connection that exists. */
int tcp_protect(int fd, const union socket_address *peer, const struct tcp_protection *p, const char **failed);

/* On a listening socket, the key that calls from this address must be signed with; no bytes: unsigned calls alone. */
int tcp_set_key(int fd, const union socket_address *peer, const uint8_t *key, size_t bytes, const char **failed);

/* The TTL with which an accepted connection's SYN arrived; 0 when the kernel did not keep it (SYN cookies). Once only. */
int tcp_syn_ttl(int fd);

/* Bytes that the other host has not acknowledged. */
int tcp_unacknowledged(int fd);
