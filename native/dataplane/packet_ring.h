/* What af_packet receives by: a TPACKET_V2 ring (packet_mmap.rst), one slot for each frame, which is there for the worker as soon
 * as the kernel has written it.
 *
 * A slot holds a frame of the device's MTU with room before it. What is larger, super-frames above all, the kernel cuts off in the
 * slot and queues whole at the socket, from which it is read: a system call for what is then many segments. Not thread-safe. */
#pragma once
#include "device.h"
#include "offload.h"

#define RING_MTU_MAX 16000 /* larger frames have no room where those lie that came by the queue */

struct packet_ring {
    int fd;
    u8 *slots;              /* MAP_FAILED: none */
    u32 slot_bytes, count;
    u32 at;                 /* the slot that is looked at next */
    u32 held;               /* slots before it whose frames have been handed out */
    struct super_frame super; /* being cut; it lies in `large` */
    u8 *large;              /* a frame that came by the socket's queue */
    u8 *segments;           /* room for a burst of what is cut, and of what came by the queue */
    u64 lost;               /* frames that found the queue full */
};

/* Nothing is open: what packet_ring_close may be given, too. */
extern const struct packet_ring packet_ring_none;

/* Gives `fd`, a packet socket that is not bound yet, a ring for frames up to `mtu` and this worker's share of the memory for
 * `workers` of them. False: see errno. */
bool packet_ring_open(struct packet_ring *ring, int fd, u32 mtu, u32 workers);
void packet_ring_close(struct packet_ring *ring);

/* As device_ops.rx. Frames stay valid until the next call. */
u32 packet_ring_take(struct packet_ring *ring, struct packet *packets, u32 max, u64 *oversize);

/* Frames that wait to be taken, or were taken and not given back. Any thread: an estimate. */
u32 packet_ring_used(const struct packet_ring *ring);

/* Frames lost since the last call for want of room. */
u64 packet_ring_lost(struct packet_ring *ring);
