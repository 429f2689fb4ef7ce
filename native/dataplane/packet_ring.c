#define _GNU_SOURCE
#include "packet_ring.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define RING_BYTES (32u << 20) /* for all workers of a device: 18,000 frames of 1500 bytes, 40 ms of what one worker can forward */
#define RING_BYTES_MIN (8u << 20)
#define SLOTS_PER_BLOCK 64u /* slots are whole lines, so that 64 of them are whole pages and all blocks lie as one array */
#define VLAN_TAG_BYTES 4
#define HEADROOM (ENCAP_ROOM + VLAN_TAG_BYTES)
#define VNET_BYTES sizeof(struct virtio_net_hdr)
#define FRAME_AT (TPACKET_ALIGN(TPACKET2_HDRLEN + 16) + HEADROOM + VNET_BYTES) /* at most, in a slot: tpacket_rcv() of the kernel */
#define LARGE_BYTES (FRAME_BYTES_MAX + HEADROOM)
#define SEGMENT_BYTES 16384u /* room for one segment: jumbo frames and headroom */
#define COPIES_ROOM_BYTES (8 << 20) /* of frames at the socket's queue: some 80 super-frames */

static int set_packet_option(int fd, int option, int value)
{
    return setsockopt(fd, SOL_PACKET, option, &value, sizeof value);
}

static u32 slot_bytes_for(u32 mtu)
{
    return ((u32)FRAME_AT + mtu + VLAN_TAG_BYTES + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
}

static size_t ring_bytes(const struct packet_ring *r)
{
    return (size_t)r->slot_bytes * r->count;
}

static u8 *map_memory(size_t bytes)
{
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Frames that are larger than a slot are to be found whole at the socket, with what is known of them. */
static bool set_options(int fd)
{
    int bytes = COPIES_ROOM_BYTES;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    return set_packet_option(fd, PACKET_VERSION, TPACKET_V2) == 0 && set_packet_option(fd, PACKET_VNET_HDR, 1) == 0 &&
           set_packet_option(fd, PACKET_RESERVE, HEADROOM) == 0 && set_packet_option(fd, PACKET_COPY_THRESH, 1) == 0 &&
           set_packet_option(fd, PACKET_AUXDATA, 1) == 0;
}

const struct packet_ring packet_ring_none = {.fd = -1, .slots = MAP_FAILED, .large = MAP_FAILED, .segments = MAP_FAILED};

bool packet_ring_open(struct packet_ring *r, int fd, u32 mtu, u32 workers)
{
    u32 bytes = RING_BYTES / workers > RING_BYTES_MIN ? RING_BYTES / workers : RING_BYTES_MIN;
    *r = packet_ring_none;
    r->fd = fd;
    r->slot_bytes = slot_bytes_for(mtu);
    u32 block_bytes = r->slot_bytes * SLOTS_PER_BLOCK, blocks = bytes / block_bytes;
    r->count = blocks * SLOTS_PER_BLOCK;
    struct tpacket_req request = {
        .tp_block_size = block_bytes, .tp_block_nr = blocks, .tp_frame_size = r->slot_bytes, .tp_frame_nr = r->count};
    if (!set_options(fd) || setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) < 0)
        return false;
    r->slots = mmap(NULL, ring_bytes(r), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    r->large = map_memory(LARGE_BYTES);
    r->segments = map_memory((size_t)SEGMENT_BYTES * BURST_MAX);
    return r->slots != MAP_FAILED && r->large != MAP_FAILED && r->segments != MAP_FAILED;
}

void packet_ring_close(struct packet_ring *r)
{
    if (r->slots != MAP_FAILED)
        munmap(r->slots, ring_bytes(r));
    if (r->large != MAP_FAILED)
        munmap(r->large, LARGE_BYTES);
    if (r->segments != MAP_FAILED)
        munmap(r->segments, (size_t)SEGMENT_BYTES * BURST_MAX);
}

static struct tpacket2_hdr *slot_at(const struct packet_ring *r, u32 number)
{
    return (void *)(r->slots + (size_t)r->slot_bytes * number);
}

static void give_back(struct packet_ring *r)
{
    u32 number = r->at >= r->held ? r->at - r->held : r->at + r->count - r->held;
    for (; r->held > 0; r->held--) {
        __atomic_store_n(&slot_at(r, number)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        number = number + 1 == r->count ? 0 : number + 1;
    }
}

/* The next slot that the kernel has filled; it is held from then on. NULL: none. */
static struct tpacket2_hdr *next_slot(struct packet_ring *r)
{
    struct tpacket2_hdr *h = slot_at(r, r->at);
    if (!(__atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
        return NULL;
    r->at = r->at + 1 == r->count ? 0 : r->at + 1;
    r->held++;
    return h;
}

/* ---- One frame ---- */

enum taken { TAKEN, TAKEN_SUPER, TAKEN_OVERSIZE, TAKEN_NOTHING };

/* What the kernel keeps beside a frame. */
struct beside {
    struct virtio_net_hdr vnet;
    u32 status; /* TP_STATUS_* */
    u16 tci, tpid;
};

/* The tag that the hardware or the kernel took off goes back between the MACs and the type. */
static u8 *restore_tag(u8 *frame, const struct beside *b)
{
    if (!(b->status & TP_STATUS_VLAN_VALID))
        return frame;
    u8 *tagged = frame - VLAN_TAG_BYTES;
    memmove(tagged, frame, 2 * ETHER_ADDR_LEN);
    store16(tagged + 2 * ETHER_ADDR_LEN, be16(b->status & TP_STATUS_VLAN_TPID_VALID ? b->tpid : ETHERTYPE_VLAN));
    store16(tagged + 2 * ETHER_ADDR_LEN + 2, be16(b->tci));
    return tagged;
}

/* The next segment of the super-frame in hand, as packet number `n` of the burst. */
static bool take_segment(struct packet_ring *r, struct packet *p, u32 n)
{
    u8 *room = r->segments + (size_t)SEGMENT_BYTES * n + HEADROOM;
    u32 bytes = super_frame_cut(&r->super, room);
    p->data = room;
    p->end = room + bytes;
    p->engine = NULL;
    return bytes > 0;
}

/* A frame in `large`, where it stays until it has been cut. One that is none to be cut makes room for the next. */
static enum taken take_large(struct packet_ring *r, struct packet *p, u32 n, const struct beside *b, u32 bytes)
{
    u8 *frame = r->large + HEADROOM;
    u32 room = SEGMENT_BYTES - HEADROOM;
    bool is_super = b->vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE;
    if (!is_super && b->vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        complete_checksum(frame + b->vnet.csum_start, frame + bytes, b->vnet.csum_offset);
    u8 *data = restore_tag(frame, b), *end = frame + bytes;
    if (is_super && super_frame_begin(&r->super, data, end, &b->vnet, room))
        return TAKEN_SUPER;
    bool fits = (u32)(end - data) <= room;
    u8 *copy = r->segments + (size_t)SEGMENT_BYTES * n + HEADROOM;
    p->data = copy;
    p->end = copy + (fits ? (u32)(end - data) : room);
    memcpy(p->data, data, (size_t)(p->end - p->data));
    return is_super || !fits ? TAKEN_OVERSIZE : TAKEN;
}

/* What the kernel says beside a frame of the socket's queue. */
static void read_auxdata(struct msghdr *m, struct beside *b)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
            const struct tpacket_auxdata *a = (const void *)CMSG_DATA(c);
            *b = (struct beside){.vnet = b->vnet, .status = a->tp_status, .tci = a->tp_vlan_tci, .tpid = a->tp_vlan_tpid};
        }
}

/* The next frame of the socket's queue. Where several processors receive, it may be another than the slot's: each has all that
 * belongs to it beside it, so nothing has to fit together. */
static enum taken take_queued(struct packet_ring *r, struct packet *p, u32 n)
{
    _Alignas(struct cmsghdr) u8 control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    struct beside b = {0};
    struct iovec parts[] = {{&b.vnet, VNET_BYTES}, {r->large + HEADROOM, FRAME_BYTES_MAX}};
    struct msghdr m = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t bytes;
    do
        bytes = recvmsg(r->fd, &m, MSG_DONTWAIT);
    while (bytes < 0 && errno == ENETDOWN); /* said once, instead of the frame, which would stay and wake the worker for ever */
    if (bytes < (ssize_t)(VNET_BYTES + ETHER_HDR_LEN)) {
        r->lost++;
        return TAKEN_NOTHING;
    }
    read_auxdata(&m, &b);
    return take_large(r, p, n, &b, (u32)bytes - (u32)VNET_BYTES);
}

static enum taken take_frame(struct packet_ring *r, struct packet *p, u32 n, struct tpacket2_hdr *h)
{
    p->engine = NULL;
    if (unlikely(h->tp_snaplen < h->tp_len)) {
        if (h->tp_status & TP_STATUS_COPY)
            return take_queued(r, p, n);
        r->lost++;
        return TAKEN_NOTHING;
    }
    u8 *frame = (u8 *)h + h->tp_mac;
    struct beside b = {.status = h->tp_status, .tci = h->tp_vlan_tci, .tpid = h->tp_vlan_tpid};
    memcpy(&b.vnet, frame - VNET_BYTES, VNET_BYTES);
    if (unlikely(b.vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE)) { /* a small one; the slot will be given back before it is cut */
        memcpy(r->large + HEADROOM, frame, h->tp_snaplen);
        return take_large(r, p, n, &b, h->tp_snaplen);
    }
    if (b.vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        complete_checksum(frame + b.vnet.csum_start, frame + h->tp_snaplen, b.vnet.csum_offset);
    p->data = restore_tag(frame, &b);
    p->end = frame + h->tp_snaplen;
    return TAKEN;
}

u32 packet_ring_take(struct packet_ring *r, struct packet *packets, u32 max, u64 *oversize)
{
    u32 n = 0;
    *oversize = 0;
    give_back(r);
    while (n < max && take_segment(r, &packets[n], n))
        n++;
    struct tpacket2_hdr *h;
    while (n < max && (h = next_slot(r))) {
        const u8 *next = (const u8 *)slot_at(r, r->at);
        __builtin_prefetch(next);
        __builtin_prefetch(next + FRAME_AT);
        switch (take_frame(r, &packets[n], n, h)) {
        case TAKEN_OVERSIZE:
            *oversize |= 1ull << n;
            n++;
            break;
        case TAKEN:
            n++;
            break;
        case TAKEN_SUPER:
            while (n < max && take_segment(r, &packets[n], n))
                n++;
            break;
        case TAKEN_NOTHING:
            break;
        }
    }
    return n;
}

u32 packet_ring_used(const struct packet_ring *r)
{
    u32 used = r->held;
    for (u32 at = r->at; used < r->count && __atomic_load_n(&slot_at(r, at)->tp_status, __ATOMIC_RELAXED) & TP_STATUS_USER; used++)
        at = at + 1 == r->count ? 0 : at + 1;
    return used;
}

u64 packet_ring_lost(struct packet_ring *r)
{
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof stats;
    u64 lost = r->lost;
    r->lost = 0;
    getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
    return lost + stats.tp_drops;
}
