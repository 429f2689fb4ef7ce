#define _GNU_SOURCE
#include "clsact.h"
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define EGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)
#define PRIORITY 65000u /* behind 49152, from which the kernel counts downwards for who names none */
#define HANDLE 0x746f7269u /* "tori" */
/* As `tc filter show` has them. The second says, to a later process as well, that its clsact qdisc is there for it alone. */
#define NAME "torii_shield"
#define NAME_MADE NAME "+clsact"
#define RECEIVE_BYTES 32768 /* the kernel fills at most this much of a dump into one message */
#define ANSWER_TIMEOUT_SEC 2

struct request {
    struct nlmsghdr header;
    struct tcmsg tc;
    u8 attributes[128];
};

enum found { UNKNOWN, NOTHING, OTHERS, OURS, OURS_AND_QDISC };

typedef void (*each_message)(void *context, const struct nlmsghdr *message);

static struct request request_of(u16 type, u16 flags, u32 ifindex, u32 parent)
{
    return (struct request){
        .header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct tcmsg)), .nlmsg_type = type, .nlmsg_flags = (u16)(NLM_F_REQUEST | flags)},
        .tc = {.tcm_family = AF_UNSPEC, .tcm_ifindex = (int)ifindex, .tcm_parent = parent},
    };
}

static struct rtattr *add(struct request *r, u16 type, const void *data, size_t bytes)
{
    struct rtattr *a = (void *)((u8 *)r + NLMSG_ALIGN(r->header.nlmsg_len));
    a->rta_type = type;
    a->rta_len = (u16)RTA_LENGTH(bytes);
    if (bytes)
        memcpy(RTA_DATA(a), data, bytes);
    r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + (u32)RTA_ALIGN(a->rta_len);
    return a;
}

static void add_word(struct request *r, u16 type, u32 word)
{
    add(r, type, &word, sizeof word);
}

static void add_text(struct request *r, u16 type, const char *text)
{
    add(r, type, text, strlen(text) + 1);
}

static struct request filter_request(u16 type, u16 flags, u32 ifindex)
{
    struct request r = request_of(type, flags, ifindex, INGRESS);
    r.tc.tcm_handle = HANDLE;
    r.tc.tcm_info = TC_H_MAKE(PRIORITY << 16, be16(ETH_P_ALL));
    add_text(&r, TCA_KIND, "bpf");
    return r;
}

static struct request qdisc_request(u16 type, u16 flags, u32 ifindex)
{
    struct request r = request_of(type, flags, ifindex, TC_H_CLSACT);
    r.tc.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    add_text(&r, TCA_KIND, "clsact");
    return r;
}

/* ---- Asking ---- */

static int ask_open(void)
{
    struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_SEC};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    return fd;
}

/* One question, and its answer to the end. 0, or -1 with errno. */
static int ask(int fd, const struct request *r, each_message each, void *context)
{
    _Alignas(struct nlmsghdr) u8 buffer[RECEIVE_BYTES];
    if (send(fd, r, r->header.nlmsg_len, 0) < 0)
        return -1;
    for (;;) {
        ssize_t bytes = recv(fd, buffer, sizeof buffer, 0);
        if (bytes < 0)
            return -1;
        int left = (int)bytes;
        for (const struct nlmsghdr *m = (void *)buffer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
            if (m->nlmsg_type == NLMSG_ERROR) {
                errno = -((const struct nlmsgerr *)NLMSG_DATA(m))->error;
                return errno ? -1 : 0;
            }
            if (m->nlmsg_type == NLMSG_DONE)
                return 0;
            if (each)
                each(context, m);
            if (!(r->header.nlmsg_flags & NLM_F_DUMP))
                return 0;
        }
    }
}

/* ---- Looking ---- */

static const struct rtattr *find(const struct rtattr *a, int bytes, u16 type)
{
    for (; RTA_OK(a, bytes); a = RTA_NEXT(a, bytes))
        if ((a->rta_type & NLA_TYPE_MASK) == type)
            return a;
    return NULL;
}

static bool is_text(const struct rtattr *a, const char *text)
{
    return a && RTA_PAYLOAD(a) == strlen(text) + 1 && memcmp(RTA_DATA(a), text, RTA_PAYLOAD(a)) == 0;
}

static void read_filter(void *context, const struct nlmsghdr *m)
{
    enum found *found = context;
    if (m->nlmsg_type != RTM_NEWTFILTER)
        return;
    const struct rtattr *first = (const void *)((const u8 *)NLMSG_DATA(m) + NLMSG_ALIGN(sizeof(struct tcmsg)));
    const struct rtattr *options = find(first, (int)NLMSG_PAYLOAD(m, sizeof(struct tcmsg)), TCA_OPTIONS);
    const struct rtattr *name = options ? find(RTA_DATA(options), (int)RTA_PAYLOAD(options), TCA_BPF_NAME) : NULL;
    *found = is_text(name, NAME_MADE) ? OURS_AND_QDISC : is_text(name, NAME) ? OURS : OTHERS;
}

static enum found look(int fd, u32 ifindex)
{
    enum found found = UNKNOWN;
    struct request r = filter_request(RTM_GETTFILTER, 0, ifindex);
    if (ask(fd, &r, read_filter, &found) == 0)
        return found;
    return errno == ENOENT || errno == EINVAL || errno == ENODEV ? NOTHING : UNKNOWN; /* no filter, no qdisc, no device */
}

static void count_filter(void *context, const struct nlmsghdr *m)
{
    *(u32 *)context += m->nlmsg_type == RTM_NEWTFILTER;
}

/* False, too, where the kernel does not say. */
static bool is_empty(int fd, u32 ifindex)
{
    u32 filters = 0;
    struct request in = request_of(RTM_GETTFILTER, NLM_F_DUMP, ifindex, INGRESS), out = request_of(RTM_GETTFILTER, NLM_F_DUMP, ifindex, EGRESS);
    return ask(fd, &in, count_filter, &filters) == 0 && ask(fd, &out, count_filter, &filters) == 0 && filters == 0;
}

/* ---- Changing ---- */

static void remove_qdisc(int fd, u32 ifindex)
{
    struct request r = qdisc_request(RTM_DELQDISC, NLM_F_ACK, ifindex);
    ask(fd, &r, NULL, NULL);
}

static int add_filter(int fd, int program_fd, u32 ifindex, const char *name)
{
    struct request r = filter_request(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifindex);
    struct rtattr *options = add(&r, TCA_OPTIONS, NULL, 0);
    add_word(&r, TCA_BPF_FD, (u32)program_fd);
    add_text(&r, TCA_BPF_NAME, name);
    add_word(&r, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    add_word(&r, TCA_BPF_FLAGS_GEN, TCA_CLS_FLAGS_SKIP_HW);
    options->rta_len = (u16)((u8 *)&r + r.header.nlmsg_len - (u8 *)options);
    return ask(fd, &r, NULL, NULL);
}

bool clsact_attach(int program_fd, u32 ifindex)
{
    int fd = ask_open();
    if (fd < 0)
        return false;
    struct request r = qdisc_request(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifindex);
    bool is_made = ask(fd, &r, NULL, NULL) == 0;
    bool is_attached = (is_made || errno == EEXIST) && add_filter(fd, program_fd, ifindex, is_made ? NAME_MADE : NAME) == 0;
    int saved = errno;
    if (is_made && !is_attached)
        remove_qdisc(fd, ifindex);
    close(fd);
    errno = saved;
    return is_attached;
}

bool clsact_is_attached(u32 ifindex)
{
    int fd = ask_open();
    enum found found = fd < 0 ? UNKNOWN : look(fd, ifindex);
    if (fd >= 0)
        close(fd);
    return found == UNKNOWN || found >= OURS;
}

bool clsact_remove(u32 ifindex)
{
    int fd = ask_open();
    if (fd < 0)
        return false;
    enum found found = look(fd, ifindex);
    struct request r = filter_request(RTM_DELTFILTER, NLM_F_ACK, ifindex);
    bool is_removed = found >= OURS && ask(fd, &r, NULL, NULL) == 0;
    if (is_removed && found == OURS_AND_QDISC && is_empty(fd, ifindex))
        remove_qdisc(fd, ifindex);
    close(fd);
    return is_removed;
}
