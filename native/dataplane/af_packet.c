/* Engine af_packet: frames over packet sockets, any device, no driver support needed (packet(7), packet_mmap.rst).
 *
 * Receive: packet_ring.h; PACKET_FANOUT spreads flows over workers. Send: packet_send.h. The kernel sees the same frames as we do; a
 * shield keeps it from those for VIPs. Without one it drops them by itself only as long as it does not forward:
 * open refuses a device then that does, and state finds one that begins to. */
#define _GNU_SOURCE
#include "forwarding.h"
#include "link.h"
#include "packet_ring.h"
#include "packet_send.h"
#include "shield.h"
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct af_packet {
    struct queue queue;
    int rx_fd;
    char name[DEVICE_NAME_BYTES];
    u32 worker, mtu;
    _Atomic u64 dropped; /* for want of room; the kernel forgets when asked */
    struct packet_ring ring;
    struct packet_sender sender;
    /* Of the device, held by its first worker. */
    struct shield shield;
    struct forwarding forwarding;
    struct link_settings settings;
};

static bool refuse_errno(struct device_error *error, const char *device, const char *what)
{
    int saved = errno;
    if (saved == EPERM || saved == EACCES)
        return device_refuse(error, "no_privilege",
                             "%s: opening a packet socket needs CAP_NET_RAW: run as root, or `setcap cap_net_raw,cap_net_admin+ep "
                             "$(readlink -f $(command -v node))`, or AmbientCapabilities= in the systemd unit", device);
    return device_refuse(error, "device_unusable", "%s: %s: %s", device, what, strerror(saved));
}

static bool is_forwarded(const struct af_packet *a)
{
    return a->worker == 0 && !shield_is_up(&a->shield) && forwarding_is_on(&a->forwarding);
}

static u32 mtu_of(const struct af_packet *a)
{
    struct ifreq r = {0};
    memcpy(r.ifr_name, a->name, sizeof r.ifr_name);
    return ioctl(a->rx_fd, SIOCGIFMTU, &r) < 0 ? 0 : (u32)r.ifr_mtu;
}

/* A device that went to another network namespace and came back has its old index, but no sockets any more. */
static bool is_bound(const struct af_packet *a)
{
    struct sockaddr_ll address = {0};
    socklen_t size = sizeof address;
    return getsockname(a->rx_fd, (struct sockaddr *)&address, &size) == 0 && (u32)address.sll_ifindex == a->queue.ifindex;
}

static enum device_state af_packet_state(struct queue *queue)
{
    const struct af_packet *a = (const void *)queue;
    u32 mtu = mtu_of(a);
    if (!is_bound(a))
        return DEVICE_GONE;
    if (mtu > RING_MTU_MAX)
        return DEVICE_MTU;
    if (mtu > a->mtu)
        return DEVICE_GONE; /* its frames would all go the long way round the ring */
    return is_forwarded(a) ? DEVICE_FORWARDING : DEVICE_UP;
}

static bool check_device(struct af_packet *a, const char *name, struct device_error *error)
{
    struct ifreq r = {0};
    memcpy(r.ifr_name, a->name, sizeof r.ifr_name);
    a->queue.ifindex = if_nametoindex(name);
    if (!a->queue.ifindex || ioctl(a->rx_fd, SIOCGIFHWADDR, &r) < 0) {
        link_refuse_unknown(name, error);
        return false;
    }
    if (r.ifr_hwaddr.sa_family != ARPHRD_ETHER)
        return device_refuse(error, "device_unusable", "%s: expected an Ethernet device, got link type %d", name, r.ifr_hwaddr.sa_family);
    a->mtu = mtu_of(a);
    if (a->mtu == 0 || a->mtu > RING_MTU_MAX)
        return device_refuse(error, "device_unusable", "%s: expected an MTU of at most %d, got %u: run `ip link set %s mtu %d`", name,
                             RING_MTU_MAX, a->mtu, name, RING_MTU_MAX);
    forwarding_open(&a->forwarding, a->name);
    return true;
}

/* What a card has merged (LRO) has no trace of what it was. GRO's packets, a card's too, can be cut again. */
static bool split(struct af_packet *a, struct device_error *error)
{
    if (a->worker != 0)
        return true;
    a->settings = link_split(a->rx_fd, a->name);
    if (!link_has_lro(a->rx_fd, a->name))
        return true;
    return device_refuse(error, "device_unusable",
                         "%s: the card merges packets (LRO), which nobody can cut again: run `ethtool -K %s lro off`, or give CAP_NET_ADMIN, "
                         "with which it is turned off while the engine runs", a->name, a->name);
}

static void restore(const struct af_packet *a)
{
    if (a->rx_fd >= 0 && (is_bound(a) || if_nametoindex(a->name) == a->queue.ifindex))
        link_restore(a->rx_fd, a->queue.ifindex, a->settings);
}

/* One for the device, so the first worker's. False: there is none, and the kernel would do harm. */
static bool raise_shield(struct af_packet *a, const struct device_open *how, struct device_error *error)
{
    if (a->worker != 0)
        return true;
    shield_open(&a->shield, &(struct shield_open){.steering = how->steering, .ifindex = a->queue.ifindex, .without_tcx = how->without_tcx});
    if (!is_forwarded(a))
        return true;
    return device_refuse(error, "device_unusable",
                         "%s: the kernel forwards packets on this device and would send VIP traffic a second time: run `sysctl -w "
                         "net.ipv4.ip_forward=0 net.ipv6.conf.all.forwarding=0` (or net.ipv4.conf.%s.forwarding=0), or let it be kept "
                         "from them: %s", a->name, a->name, a->shield.reason);
}

/* Nothing reaches the ring: while it is not in the workers' group, a socket would have all flows. */
static int attach_barrier(int fd)
{
    struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/* All IP frames addressed to this host reach the ring, where no better filter may be had: the kernel looks at the type behind any tag. */
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

#define GROUP_CHOSEN 0x10000u /* beside a group's number: the first that the kernel gives after a boot is 0 */

/* All workers' sockets of one device form a group in which the kernel chooses by a symmetric hash of the flow. */
static int join_group(int fd, const struct device_open *how)
{
    if (how->workers < 2)
        return 0;
    u32 type = PACKET_FANOUT_HASH | (*how->group ? 0 : PACKET_FANOUT_FLAG_UNIQUEID);
    if (set_packet_option(fd, PACKET_FANOUT, (int)((*how->group & 0xffff) | type << 16)) < 0)
        return -1;
    u32 chosen;
    socklen_t size = sizeof chosen;
    if (getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &chosen, &size) < 0)
        return -1;
    *how->group = GROUP_CHOSEN | (chosen & 0xffff);
    return 0;
}

static bool open_rx(struct af_packet *a, const struct device_open *how, struct device_error *error)
{
    int fd = a->rx_fd;
    if (set_packet_option(fd, PACKET_IGNORE_OUTGOING, 1) < 0 || attach_barrier(fd) < 0)
        return refuse_errno(error, how->name, "setting up the packet socket (needs Linux 4.20)");
    if (!packet_ring_open(&a->ring, fd, a->mtu, how->workers))
        return refuse_errno(error, how->name, "allocating the receive ring");
    if (bind_device(fd, a->queue.ifindex, ETH_P_ALL) < 0)
        return refuse_errno(error, how->name, "binding the packet socket");
    if (join_group(fd, how) < 0 || (!tap_attach(how->steering, fd) && attach_filter(fd) < 0))
        return refuse_errno(error, how->name, "joining the workers' fanout group");
    return true;
}

static bool open_tx(struct af_packet *a, struct device_error *error)
{
    return packet_sender_open(&a->sender, a->name, a->worker, a->mtu) || refuse_errno(error, a->name, "setting up the sending socket");
}

static void af_packet_close(struct queue *queue)
{
    struct af_packet *a = (void *)queue;
    shield_close(&a->shield);
    restore(a);
    packet_ring_close(&a->ring);
    if (a->rx_fd >= 0)
        close(a->rx_fd);
    packet_sender_close(&a->sender);
    forwarding_close(&a->forwarding);
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
    a->ring = packet_ring_none;
    a->shield = shield_none;
    snprintf(a->name, sizeof a->name, "%s", how->name);
    a->sender = packet_sender_none;
    a->forwarding.fd[0] = a->forwarding.fd[1] = -1;
    a->rx_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->rx_fd < 0)
        refuse_errno(error, how->name, "opening a packet socket");
    else if (check_device(a, how->name, error) && split(a, error) && open_rx(a, how, error) && open_tx(a, error) &&
             raise_shield(a, how, error))
        return &a->queue;
    af_packet_close(&a->queue);
    return NULL;
}

static u32 af_packet_fds(const struct queue *queue, int *fds)
{
    fds[0] = ((const struct af_packet *)queue)->rx_fd;
    return 1;
}

static u32 af_packet_rx(struct queue *queue, struct packet *packets, u32 max, u64 *oversize)
{
    struct af_packet *a = (void *)queue;
    packet_sender_push(&a->sender);
    return packet_ring_take(&a->ring, packets, max, oversize);
}

static void af_packet_tend(struct queue *queue)
{
    shield_keep(&((struct af_packet *)queue)->shield);
}

static u64 af_packet_lost(struct queue *queue)
{
    struct af_packet *a = (void *)queue;
    u64 lost = packet_ring_lost(&a->ring);
    a->dropped += lost;
    return lost;
}

static u32 af_packet_facts(struct queue *queue, struct queue_facts *facts)
{
    const struct af_packet *a = (const void *)queue;
    *facts = (struct queue_facts){
        .xdp = "none", .copy = "ring", .queue = a->worker, .rx = {.size = a->ring.count, .used = packet_ring_used(&a->ring)},
        .rx_dropped = a->dropped,
    };
    memcpy(facts->reason, a->shield.reason, sizeof a->shield.reason);
    packet_sender_facts(&a->sender, facts);
    return 1;
}

static u64 af_packet_tx(struct queue *queue, struct packet *const *packets, u32 count)
{
    return packet_sender_send(&((struct af_packet *)queue)->sender, packets, count);
}

const struct device_ops af_packet = {
    .engine = "af_packet",
    .open = af_packet_open,
    .close = af_packet_close,
    .fds = af_packet_fds,
    .rx = af_packet_rx,
    .tx = af_packet_tx,
    .state = af_packet_state,
    .tend = af_packet_tend,
    .lost = af_packet_lost,
    .facts = af_packet_facts,
};
