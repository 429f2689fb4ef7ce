/* Engine af_packet: frames over packet sockets, any device, no driver support needed (packet(7), packet_mmap.rst).
 *
 * Receive: a TPACKET_V3 ring with room before every frame, so that encapsulation happens in place; PACKET_FANOUT spreads
 * flows over workers. Send: a second socket that bypasses the queueing discipline, which also hides what it sends from
 * every packet socket of this host. The kernel sees the same frames as we do and drops those for VIPs by itself as long as
 * it does not forward: open refuses a device that does, and state finds one that begins to. */
#define _GNU_SOURCE
#include "device.h"
#include "offload.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define BLOCK_BYTES (128u << 10) /* more than the largest super-frame, so that none is cut */
#define BLOCKS 128u /* one a ms at low rates: what a worker may be kept from running without loss; busy hosts were seen to take 80 ms */
#define RETIRE_MS 1 /* a block that is not full is handed over after this long */
#define VLAN_TAG_BYTES 4
#define HEADROOM (ENCAP_ROOM + VLAN_TAG_BYTES)
#define SEND_BUFFER_BYTES (8 << 20)
#define VNET_BYTES sizeof(struct virtio_net_hdr)
#define SEGMENT_BYTES 10240u /* room for one segment: jumbo frames and headroom */
#define SEGMENTS_BYTES ((size_t)SEGMENT_BYTES * BURST_MAX)

struct af_packet {
    struct queue queue;
    int rx_fd, tx_fd;
    int forwarding_fd;           /* the kernel's setting for the device, -1 where there is none */
    u32 worker;
    _Atomic u64 dropped;         /* for want of room in the ring; the kernel forgets when asked */
    u8 *ring;
    u32 block;                   /* the one that is read, or waited for */
    u32 left;                    /* frames of it not handed out yet */
    bool holds_block;            /* it is ours until the next rx */
    struct tpacket3_hdr *next;
    struct super_frame super;    /* being cut: its frame is the last one handed out of the block */
    u8 *segments;                /* room for a burst of what is cut */
};

static bool refuse_errno(struct device_error *error, const char *device, const char *what)
{
    int saved = errno;
    if (saved == EPERM || saved == EACCES) {
        error->code = "no_privilege";
        snprintf(error->text, sizeof error->text,
                 "%s: opening a packet socket needs CAP_NET_RAW: run as root, or `setcap cap_net_raw,cap_net_admin+ep $(readlink -f "
                 "$(command -v node))`, or AmbientCapabilities= in the systemd unit", device);
    } else {
        error->code = "device_unusable";
        snprintf(error->text, sizeof error->text, "%s: %s: %s", device, what, strerror(saved));
    }
    return false;
}

static void refuse_unknown(struct device_error *error, const char *device)
{
    error->code = "device_unknown";
    size_t at = (size_t)snprintf(error->text, sizeof error->text, "%s: no such network device; this host has", device);
    struct if_nameindex *list = if_nameindex();
    for (struct if_nameindex *i = list; i && i->if_index && at < sizeof error->text - IFNAMSIZ - 2; i++)
        at += (size_t)snprintf(error->text + at, sizeof error->text - at, "%s %s", i == list ? "" : ",", i->if_name);
    if_freenameindex(list);
}

static int open_forwarding(const char *device)
{
    char path[96];
    snprintf(path, sizeof path, "/proc/sys/net/ipv4/conf/%s/forwarding", device);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* With forwarding on, the kernel would route every VIP packet a second time and send redirects. */
static enum device_state af_packet_state(struct queue *queue)
{
    char value = '0';
    int fd = ((const struct af_packet *)queue)->forwarding_fd;
    return fd >= 0 && pread(fd, &value, 1, 0) == 1 && value == '1' ? DEVICE_FORWARDING : DEVICE_UP;
}

static bool check_device(struct af_packet *a, const char *name, struct device_error *error)
{
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    a->queue.ifindex = if_nametoindex(name);
    if (!a->queue.ifindex || ioctl(a->rx_fd, SIOCGIFHWADDR, &r) < 0) {
        refuse_unknown(error, name);
        return false;
    }
    error->code = "device_unusable";
    if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
        snprintf(error->text, sizeof error->text, "%s: expected an Ethernet device, got link type %d", name, r.ifr_hwaddr.sa_family);
        return false;
    }
    a->forwarding_fd = open_forwarding(name);
    if (af_packet_state(&a->queue) == DEVICE_FORWARDING) {
        snprintf(error->text, sizeof error->text,
                 "%s: the kernel forwards packets on this device and would send VIP traffic a second time: run `sysctl -w "
                 "net.ipv4.ip_forward=0` (or net.ipv4.conf.%s.forwarding=0)", name, name);
        return false;
    }
    return true;
}

/* Only IP frames addressed to this host reach the ring: the kernel looks at the type behind any tag. */
static int attach_filter(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (u32)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (u32)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IP, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETHERTYPE_IPV6, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffffu),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int set_packet_option(int fd, int option, int value)
{
    return setsockopt(fd, SOL_PACKET, option, &value, sizeof value);
}

static int bind_device(int fd, u32 ifindex, u16 protocol)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = (int)ifindex};
    return bind(fd, (struct sockaddr *)&address, sizeof address);
}

/* All workers' sockets of one device form a group in which the kernel chooses by a symmetric hash of the flow. */
static int join_group(int fd, const struct device_open *how)
{
    if (how->workers < 2)
        return 0;
    u32 type = PACKET_FANOUT_HASH | (*how->group ? 0 : PACKET_FANOUT_FLAG_UNIQUEID);
    if (set_packet_option(fd, PACKET_FANOUT, (int)(*how->group | type << 16)) < 0)
        return -1;
    u32 chosen;
    socklen_t size = sizeof chosen;
    if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &chosen, &size) < 0)
        return -1;
    *how->group = chosen & 0xffff;
    return 0;
}

static bool open_rx(struct af_packet *a, const struct device_open *how, struct device_error *error)
{
    int fd = a->rx_fd;
    struct tpacket_req3 ring = {
        .tp_block_size = BLOCK_BYTES,
        .tp_block_nr = BLOCKS,
        .tp_frame_size = 2048,
        .tp_frame_nr = BLOCK_BYTES / 2048 * BLOCKS,
        .tp_retire_blk_tov = RETIRE_MS,
    };
    if (set_packet_option(fd, PACKET_VERSION, TPACKET_V3) < 0 || set_packet_option(fd, PACKET_VNET_HDR, 1) < 0 ||
        set_packet_option(fd, PACKET_RESERVE, HEADROOM) < 0 || set_packet_option(fd, PACKET_IGNORE_OUTGOING, 1) < 0)
        return refuse_errno(error, how->name, "setting up the packet socket (needs Linux 4.20)");
    if (attach_filter(fd) < 0 || setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) < 0)
        return refuse_errno(error, how->name, "allocating the receive ring");
    a->ring = mmap(NULL, (size_t)BLOCK_BYTES * BLOCKS, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (a->ring == MAP_FAILED)
        return refuse_errno(error, how->name, "mapping the receive ring");
    if (bind_device(fd, a->queue.ifindex, ETH_P_ALL) < 0)
        return refuse_errno(error, how->name, "binding the packet socket");
    if (join_group(fd, how) < 0)
        return refuse_errno(error, how->name, "joining the workers' fanout group");
    a->segments = mmap(NULL, SEGMENTS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (a->segments == MAP_FAILED)
        return refuse_errno(error, how->name, "memory for segments");
    return true;
}

/* Protocol 0: this one never receives. */
static bool open_tx(struct af_packet *a, const char *name, struct device_error *error)
{
    a->tx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->tx_fd < 0 || set_packet_option(a->tx_fd, PACKET_QDISC_BYPASS, 1) < 0 || bind_device(a->tx_fd, a->queue.ifindex, 0) < 0)
        return refuse_errno(error, name, "setting up the sending socket");
    /* What a card has not sent yet is charged to the socket: the default is less than four bursts. */
    int bytes = SEND_BUFFER_BYTES;
    if (setsockopt(a->tx_fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(a->tx_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return true;
}

static void af_packet_close(struct queue *queue)
{
    struct af_packet *a = (void *)queue;
    if (a->ring != MAP_FAILED)
        munmap(a->ring, (size_t)BLOCK_BYTES * BLOCKS);
    if (a->segments != MAP_FAILED)
        munmap(a->segments, SEGMENTS_BYTES);
    if (a->rx_fd >= 0)
        close(a->rx_fd);
    if (a->tx_fd >= 0)
        close(a->tx_fd);
    if (a->forwarding_fd >= 0)
        close(a->forwarding_fd);
    free(a);
}

static struct queue *af_packet_open(const struct device_open *how, struct device_error *error)
{
    struct af_packet *a = calloc(1, sizeof *a);
    if (!a) {
        refuse_errno(error, how->name, "memory");
        return NULL;
    }
    a->queue.ops = &af_packet;
    a->worker = how->worker;
    a->ring = a->segments = MAP_FAILED;
    a->tx_fd = a->forwarding_fd = -1;
    a->rx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->rx_fd < 0)
        refuse_errno(error, how->name, "opening a packet socket");
    else if (check_device(a, how->name, error) && open_rx(a, how, error) && open_tx(a, how->name, error))
        return &a->queue;
    af_packet_close(&a->queue);
    return NULL;
}

static u32 af_packet_fds(const struct queue *queue, int *fds)
{
    fds[0] = ((const struct af_packet *)queue)->rx_fd;
    return 1;
}

/* ---- Receive ---- */

static struct tpacket_block_desc *block_at(const struct af_packet *a)
{
    return (void *)(a->ring + (size_t)a->block * BLOCK_BYTES);
}

/* Gives back the block that was used up, takes the next if the kernel has finished one. */
static bool take_block(struct af_packet *a)
{
    if (a->holds_block) {
        __atomic_store_n(&block_at(a)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        a->block = (a->block + 1) % BLOCKS;
        a->holds_block = false;
    }
    struct tpacket_block_desc *b = block_at(a);
    if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
        return false;
    a->holds_block = true;
    a->left = b->hdr.bh1.num_pkts;
    a->next = (void *)((u8 *)b + b->hdr.bh1.offset_to_first_pkt);
    return a->left > 0;
}

/* The tag that the kernel keeps beside the frame goes back between the MACs and the type. */
static u8 *restore_tag(u8 *frame, const struct tpacket3_hdr *h)
{
    u8 *tagged = frame - VLAN_TAG_BYTES;
    memmove(tagged, frame, 2 * ETHER_ADDR_LEN);
    u16 type = h->tp_status & TP_STATUS_VLAN_TPID_VALID ? h->hv1.tp_vlan_tpid : ETHERTYPE_VLAN;
    store16(tagged + 2 * ETHER_ADDR_LEN, be16(type));
    store16(tagged + 2 * ETHER_ADDR_LEN + 2, be16((u16)h->hv1.tp_vlan_tci));
    return tagged;
}

enum taken { TAKEN, TAKEN_SUPER, TAKEN_OVERSIZE };

/* Describes one frame of the ring. A super-frame is to be cut from `a->super`, or can't be sent at all. */
static enum taken take_frame(struct af_packet *a, struct packet *p, struct tpacket3_hdr *h)
{
    u8 *frame = (u8 *)h + h->tp_mac;
    struct virtio_net_hdr vnet;
    memcpy(&vnet, frame - VNET_BYTES, VNET_BYTES);
    p->data = frame;
    p->end = frame + h->tp_snaplen;
    p->engine = NULL;
    if (h->tp_status & TP_STATUS_VLAN_VALID)
        p->data = restore_tag(frame, h);
    if (unlikely(vnet.gso_type != VIRTIO_NET_HDR_GSO_NONE || h->tp_snaplen < h->tp_len))
        return super_frame_begin(&a->super, p->data, p->end, &vnet, SEGMENT_BYTES - HEADROOM) ? TAKEN_SUPER : TAKEN_OVERSIZE;
    if (vnet.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
        complete_checksum(frame + vnet.csum_start, p->end, vnet.csum_offset);
    return TAKEN;
}

/* The next segment of the super-frame in hand, as packet number `n` of the burst. */
static bool take_segment(struct af_packet *a, struct packet *p, u32 n)
{
    u8 *room = a->segments + (size_t)SEGMENT_BYTES * n + HEADROOM;
    u32 bytes = super_frame_cut(&a->super, room);
    p->data = room;
    p->end = room + bytes;
    p->engine = NULL;
    return bytes > 0;
}

static u32 af_packet_rx(struct queue *queue, struct packet *packets, u32 max, u64 *oversize)
{
    struct af_packet *a = (void *)queue;
    u32 n = 0;
    *oversize = 0;
    while (n < max && take_segment(a, &packets[n], n))
        n++;
    if (n == 0 && a->left == 0 && !take_block(a))
        return 0;
    while (n < max && a->left > 0) {
        struct tpacket3_hdr *h = a->next;
        a->next = (void *)((u8 *)h + h->tp_next_offset);
        a->left--;
        __builtin_prefetch((u8 *)a->next + HEADROOM + TPACKET3_HDRLEN);
        enum taken taken = take_frame(a, &packets[n], h);
        if (taken == TAKEN_SUPER) {
            while (n < max && take_segment(a, &packets[n], n))
                n++;
            continue;
        }
        if (taken == TAKEN_OVERSIZE)
            *oversize |= 1ull << n;
        n++;
    }
    return n;
}

static u64 af_packet_lost(struct queue *queue)
{
    struct af_packet *a = (void *)queue;
    struct tpacket_stats_v3 stats = {0};
    socklen_t size = sizeof stats;
    getsockopt(a->rx_fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size);
    a->dropped += stats.tp_drops;
    return stats.tp_drops;
}

static u32 af_packet_facts(struct queue *queue, struct queue_facts *facts)
{
    const struct af_packet *a = (const void *)queue;
    u32 used = 0;
    for (u32 i = 0; i < BLOCKS; i++) {
        const struct tpacket_block_desc *b = (const void *)(a->ring + (size_t)i * BLOCK_BYTES);
        used += __atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_RELAXED) & TP_STATUS_USER;
    }
    *facts = (struct queue_facts){
        .xdp = "none", .copy = "ring", .queue = a->worker, .rx = {.size = BLOCKS, .used = used}, .rx_dropped = a->dropped,
    };
    return 1;
}

/* ---- Send ---- */

static u64 af_packet_tx(struct queue *queue, struct packet *const *packets, u32 count)
{
    struct af_packet *a = (void *)queue;
    struct mmsghdr messages[BURST_MAX];
    struct iovec parts[BURST_MAX];
    u64 unsent = 0;
    memset(messages, 0, count * sizeof messages[0]);
    for (u32 i = 0; i < count; i++) {
        parts[i] = (struct iovec){packets[i]->data, packets[i]->out_len};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (u32 i = 0; i < count;) {
        int sent = sendmmsg(a->tx_fd, messages + i, count - i, MSG_DONTWAIT);
        if (sent > 0) {
            i += (u32)sent;
        } else { /* this one is refused; the next may go to a queue with room */
            unsent |= 1ull << i;
            i++;
        }
    }
    return unsent;
}

const struct device_ops af_packet = {
    .engine = "af_packet",
    .open = af_packet_open,
    .close = af_packet_close,
    .fds = af_packet_fds,
    .rx = af_packet_rx,
    .tx = af_packet_tx,
    .state = af_packet_state,
    .lost = af_packet_lost,
    .facts = af_packet_facts,
};
