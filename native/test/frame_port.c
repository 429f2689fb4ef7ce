/* A raw port on one network device, for tests: each line of hex on standard input is sent as a frame, each frame received
 * is written as a line of hex, with its 802.1Q tag where it belongs. Writes "ready" first; ends with its input. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAME_MAX 16384

static int open_port(const char *device)
{
    int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), yes = 1, receive_bytes = 8 << 20;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)if_nametoindex(device)};
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &yes, sizeof yes);
    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes);
    if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        fprintf(stderr, "%s: %s\n", device, strerror(errno));
        return -1;
    }
    return fd;
}

static size_t from_hex(const char *line, uint8_t *frame)
{
    size_t n = 0;
    for (unsigned byte; n < FRAME_MAX && sscanf(line + 2 * n, "%2x", &byte) == 1; n++)
        frame[n] = (uint8_t)byte;
    return n;
}

static void print_bytes(const uint8_t *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        printf("%02x", p[i]);
}

static const struct tpacket_auxdata *aux_of(struct msghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA)
            return (const void *)CMSG_DATA(c);
    return NULL;
}

static void print_received(int fd)
{
    static uint8_t frame[FRAME_MAX];
    char control[256];
    struct iovec part = {frame, sizeof frame};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t bytes = recvmsg(fd, &m, 0);
    if (bytes < ETH_HLEN)
        return;
    const struct tpacket_auxdata *aux = aux_of(&m);
    print_bytes(frame, 2 * ETH_ALEN);
    if (aux && aux->tp_status & TP_STATUS_VLAN_VALID)
        printf("8100%04x", aux->tp_vlan_tci);
    print_bytes(frame + 2 * ETH_ALEN, (size_t)bytes - 2 * ETH_ALEN);
    putchar('\n');
    fflush(stdout);
}

/* Reads what is there and sends the whole lines of it. False at the end of the input. */
static int send_lines(int fd)
{
    static char text[4 * FRAME_MAX];
    static size_t held;
    static uint8_t frame[FRAME_MAX];
    ssize_t got = read(STDIN_FILENO, text + held, sizeof text - 1 - held);
    if (got <= 0)
        return 0;
    held += (size_t)got;
    text[held] = '\0';
    char *line = text;
    for (char *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0'; /* sscanf would read on behind it */
        size_t bytes = from_hex(line, frame);
        if (bytes && send(fd, frame, bytes, 0) < 0)
            perror("send");
    }
    held -= (size_t)(line - text);
    memmove(text, line, held);
    return 1;
}

int main(int argc, char **argv)
{
    int fd = argc == 2 ? open_port(argv[1]) : -1;
    if (fd < 0)
        return 1;
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}, {fd, POLLIN, 0}};
        poll(fds, 2, -1);
        if (fds[0].revents && !send_lines(fd))
            return 0;
        if (fds[1].revents)
            print_received(fd);
    }
}
