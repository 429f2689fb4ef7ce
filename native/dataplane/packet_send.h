/* What af_packet sends by: an AF_XDP socket in copy mode that never receives (xsk.h), else a packet socket. Both send past the
 * queueing discipline, so that no packet socket of the host sees it.
 *
 * An AF_XDP socket costs no allocation by protocol and no look into the packet, and one call for a burst: the engine forwards half as
 * much again. It needs no driver support, but a hardware queue that no other such socket has, and none beneath the device: one that
 * only hands its packets to another (VLAN, bond, bridge) looks at what a packet socket fills in. Not thread-safe but for facts. */
#pragma once
#include "device.h"

struct xsk;

struct packet_sender {
    struct xsk *xsk; /* NULL: `fd` sends */
    int fd;          /* -1: none */
    char reason[160]; /* why there is no AF_XDP socket; empty where there is one */
};

/* Nothing is open: what packet_sender_close may be given, too. */
extern const struct packet_sender packet_sender_none;

/* For this worker of the device, and frames up to `mtu`. False: see errno. */
bool packet_sender_open(struct packet_sender *s, const char *device, u32 worker, u32 mtu);
void packet_sender_close(struct packet_sender *s);

/* As device_ops.tx. */
u64 packet_sender_send(struct packet_sender *s, struct packet *const *packets, u32 count);

/* Sends what was left when the device had no room; to be called now and then. */
void packet_sender_push(struct packet_sender *s);

/* Fills in what is known of sending. Any thread. */
void packet_sender_facts(const struct packet_sender *s, struct queue_facts *facts);
