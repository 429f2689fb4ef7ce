#define _GNU_SOURCE
#include "packet_send.h"
#include "link.h"
#include "xsk.h"
#include <errno.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEND_BUFFER_BYTES (8 << 20)
#define LINK_BYTES 18 /* Ethernet header and one tag */

const struct packet_sender packet_sender_none = {.fd = -1};

/* Protocol 0: this one never receives. */
static bool open_packet_socket(struct packet_sender *s, u32 ifindex)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex};
    int bypass = 1, bytes = SEND_BUFFER_BYTES;
    s->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->fd < 0 || setsockopt(s->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &bypass, sizeof bypass) < 0 ||
        bind(s->fd, (struct sockaddr *)&address, sizeof address) < 0)
        return false;
    /* What a card has not sent yet is charged to the socket: the default is less than four bursts. */
    if (setsockopt(s->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(s->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return true;
}

static struct xsk *open_xsk(struct packet_sender *s, const struct link *link, u32 worker)
{
    const char *what;
    struct xsk_setup setup = {
        .ifindex = link->ifindex, .queue = worker, .frame_bytes = link->mtu + LINK_BYTES > XSK_SMALL_FRAME ? XSK_LARGE_FRAME : XSK_SMALL_FRAME,
        .must_copy = true, .only_sends = true,
    };
    const char *why = "no AF_XDP socket to send by";
    if (link_is_stacked(link))
        snprintf(s->reason, sizeof s->reason, "%s: the device only hands packets to another", why);
    else if (link->mtu + LINK_BYTES > XSK_LARGE_FRAME)
        snprintf(s->reason, sizeof s->reason, "%s: an MTU of %u is more than its frames have room for", why, link->mtu);
    else if (worker >= link->tx_queues)
        snprintf(s->reason, sizeof s->reason, "%s: each worker needs a queue of the device, which has %u", why, link->tx_queues);
    else {
        struct xsk *xsk = xsk_open(&setup, &what);
        if (!xsk)
            snprintf(s->reason, sizeof s->reason, "%s: %s (queue %u): %s", why, what, worker, strerror(errno));
        return xsk;
    }
    return NULL;
}

bool packet_sender_open(struct packet_sender *s, const char *device, u32 worker, u32 mtu)
{
    struct link link;
    *s = packet_sender_none;
    int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_there = any >= 0 && link_read(any, device, &link);
    int saved = errno;
    if (any >= 0)
        close(any);
    errno = saved;
    if (!is_there || !open_packet_socket(s, link.ifindex))
        return false;
    link.mtu = mtu;
    s->xsk = open_xsk(s, &link, worker);
    return true;
}

void packet_sender_close(struct packet_sender *s)
{
    if (s->xsk)
        xsk_close(s->xsk);
    if (s->fd >= 0)
        close(s->fd);
    *s = packet_sender_none;
}

static u64 send_by_packet_socket(int fd, struct packet *const *packets, u32 count)
{
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
        int sent = sendmmsg(fd, messages + i, count - i, MSG_DONTWAIT);
        if (sent > 0) {
            i += (u32)sent;
        } else { /* this one is refused; the next may go to a queue with room */
            unsent |= 1ull << i;
            i++;
        }
    }
    return unsent;
}

u64 packet_sender_send(struct packet_sender *s, struct packet *const *packets, u32 count)
{
    return s->xsk ? xsk_tx(s->xsk, packets, count) : send_by_packet_socket(s->fd, packets, count);
}

void packet_sender_push(struct packet_sender *s)
{
    if (s->xsk)
        xsk_push(s->xsk);
}

void packet_sender_facts(const struct packet_sender *s, struct queue_facts *facts)
{
    if (!s->xsk) {
        size_t used = strlen(facts->reason);
        snprintf(facts->reason + used, sizeof facts->reason - used, "%s%s", used ? "; " : "", s->reason);
        return;
    }
    struct queue_facts of_xsk = {0};
    xsk_facts(s->xsk, &of_xsk);
    facts->tx = of_xsk.tx;
    facts->completion = of_xsk.completion;
    facts->tx_invalid_descs = of_xsk.tx_invalid_descs;
    facts->tx_ring_empty = of_xsk.tx_ring_empty;
}
