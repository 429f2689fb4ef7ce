/* The sockets of single-hop BFD (RFC 5881 4 and 5): UDP to port 3784, hop limit 255 sent and demanded, IPv4 and IPv6.
 *
 * Nothing here waits. Errors are negative errno. Packets that were routed stay in the kernel, so that nobody further away than
 * the link can fill the buffer that a neighbour's packets wait in. */
#pragma once
#include "bfd_table.h"
#include <sys/types.h>

#define BFD_BATCH 32
#define BFD_DATAGRAM_MAX 256 /* no packet says to be longer */

/* Where datagrams are read into; `datagram` points into it. */
struct bfd_inbox {
    struct bfd_datagram datagram[BFD_BATCH];
    uint8_t bytes[BFD_BATCH][BFD_DATAGRAM_MAX];
};

/* AF_INET or AF_INET6. */
int bfd_family(const struct bfd_address *address);

/* A socket for every session of a family. */
int bfd_open_receiver(int family, uint16_t port);

/* A socket for one session's packets; `local` all zero but for the IPv4 prefix: the kernel's choice. */
int bfd_open_sender(const struct bfd_address *local, uint16_t source_port);

/* How many datagrams were read, at most BFD_BATCH. */
int bfd_read(int fd, struct bfd_inbox *inbox);

int bfd_send(int fd, const struct bfd_address *peer, uint16_t port, const uint8_t *bytes);

/* How many datagrams this receiver was not given: hop limit, or a full buffer. */
uint32_t bfd_unread(int fd);
