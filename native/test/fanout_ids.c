/* Has the kernel number the next fanout group that asks for a number of its own with 0, as it does the first one after a boot.
 *
 * Numbers go round at 65,536 and are one sequence for the whole host. A socket without a protocol is refused, but only after a number
 * was taken for it; one group that is real says where the sequence stands. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(int fd)
{
    int how = (PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
    return setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &how, sizeof how);
}

/* The number of a group on the loopback device; negative: there is none. */
static int number_now(void)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_LOOP), .sll_ifindex = (int)if_nametoindex("lo"),
    };
    int number = -1, fd = socket(AF_PACKET, SOCK_RAW, 0);
    socklen_t size = sizeof number;
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || ask(fd) < 0 ||
        getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &number, &size) < 0)
        perror("a fanout group on lo");
    close(fd);
    return number < 0 ? -1 : number & 0xffff;
}

int main(void)
{
    int number = number_now(), fd = socket(AF_PACKET, SOCK_RAW, 0);
    if (number < 0 || fd < 0)
        return 1;
    for (int next = number + 1; next < 65536; next++)
        if (ask(fd) == 0)
            return fprintf(stderr, "expected a socket without a protocol to be refused\n"), 1;
    return 0;
}
