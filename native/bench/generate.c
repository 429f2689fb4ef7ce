/* Sends as many small TCP frames as one core makes, by a device, and counts what is forwarded back to it: for benchmarks of
 * packet engines in namespaces of their own.
 *
 * usage: generate OBJECT DEVICE MAC ADDRESS PORT FLOWS ack|syn AT-ONCE MILLISECONDS [SCHEDSTAT]...
 *
 * OBJECT is generate_bpf.c compiled. Frames go to MAC, as TCP to ADDRESS and PORT, from FLOWS (a power of two) sources, without
 * end (0), or so many AT-ONCE and then a pause of some 20 ms, in which the receiver can catch up. The first WARM_NS are not
 * counted. SCHEDSTAT are files /proc/PID/task/TID/schedstat, of which the processor time used meanwhile is summed; each is the
 * kernel's count up to its last tick. One line of JSON: frames sent, frames that came back, seconds, processor seconds of the
 * sender, in which all is that the kernel does with a frame at once, and those of the threads.
 *
 * The receiving end of a veth takes frames of XDP only where its device has GRO or an XDP program. Needs CAP_BPF and
 * CAP_NET_ADMIN. It refuses destinations outside 203.0.113.0/24 (RFC 5737) and runs of more than MAX_MS. */
#define _GNU_SOURCE
#include "frame.h"
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/types.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DOCUMENTATION_NET 0xcb007100u
#define MAX_MS 20000
#define WARM_NS 200000000ull
#define BATCH 64
#define FRAMES_MAX 100000000
#define SENDER_PRIORITY 1
#define CPUS_MAX 512
#define TCP_ACK 0x10
#define TCP_SYN 0x02

struct settings {
    struct frame_plan plan;
    const char *object, *device;
    uint32_t at_once;
    uint64_t run_ns;
    char **threads;
};

struct reading {
    uint64_t at_ns, sent, arrived, sender_ns, thread_ns;
};

struct sender {
    pthread_t thread;
    int program, error;
    uint32_t at_once;
    atomic_bool stopping, has_ended;
};

struct counts { /* of generate_bpf.c */
    int frames, arrived;
};

static void interrupted(int signal)
{
    (void)signal;
}

static int fail(const char *what)
{
    fprintf(stderr, "generate: %s: %s\n", what, strerror(errno));
    return 1;
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

static void sleep_ns(uint64_t ns)
{
    struct timespec time = {.tv_sec = (time_t)(ns / 1000000000ull), .tv_nsec = (long)(ns % 1000000000ull)};
    nanosleep(&time, NULL);
}

/* Real-time, of the calling thread. Without CAP_SYS_NICE it stays as it is. */
static void set_priority(int priority)
{
    struct sched_param wanted = {.sched_priority = priority};
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &wanted);
}

/* ---- The frame ---- */

static uint32_t word_sum(const unsigned char *bytes, int count)
{
    uint32_t sum = 0;
    for (int i = 0; i < count; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    return sum;
}

static void put16(unsigned char *to, uint32_t value)
{
    to[0] = (unsigned char)(value >> 8);
    to[1] = (unsigned char)value;
}

static void plan_frame(struct frame_plan *plan, const unsigned char *mac, uint32_t destination, uint16_t port, uint8_t flags)
{
    static const unsigned char own_mac[6] = {2, 0, 0, 0, 0, 9};
    unsigned char *ip = plan->header + ETH_HLEN, *tcp = ip + 20;
    memcpy(plan->header, mac, 6);
    memcpy(plan->header + 6, own_mac, 6);
    put16(plan->header + 12, ETH_P_IP);
    ip[0] = 0x45;
    put16(ip + 2, FRAME_BYTES - ETH_HLEN);
    put16(ip + 6, 0x4000); /* DF */
    ip[8] = 64;
    ip[9] = IPPROTO_TCP;
    put16(ip + 16, destination >> 16);
    put16(ip + 18, destination & 0xffff);
    put16(tcp + 2, port);
    tcp[7] = 1; /* sequence number */
    tcp[12] = 0x50;
    tcp[13] = flags;
    put16(tcp + 14, 64240);
    plan->ip_sum = word_sum(ip, 20);
    plan->tcp_sum = word_sum(tcp, 20) + word_sum(ip + 16, 4) + IPPROTO_TCP + (FRAME_BYTES - ETH_HLEN - 20);
}

static int parse(struct settings *s, char **words)
{
    unsigned char mac[6];
    struct in_addr destination;
    if (sscanf(words[2], "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
        return -1;
    if (inet_pton(AF_INET, words[3], &destination) != 1)
        return -1;
    uint32_t address = ntohl(destination.s_addr);
    long port = strtol(words[4], NULL, 10), flows = strtol(words[5], NULL, 10);
    long at_once = strtol(words[7], NULL, 10), ms = strtol(words[8], NULL, 10);
    if ((address & 0xffffff00u) != DOCUMENTATION_NET || port < 1 || port > 65535 || ms < 1 || ms > MAX_MS)
        return -1;
    if (flows < 1 || flows > (long)FLOWS_MAX || (flows & (flows - 1)) != 0 || at_once < 0 || at_once > FRAMES_MAX)
        return -1;
    s->object = words[0];
    s->device = words[1];
    s->at_once = at_once == 0 ? FRAMES_MAX : (uint32_t)at_once;
    s->run_ns = (uint64_t)ms * 1000000ull;
    s->threads = words + 9;
    s->plan.flow_mask = (uint32_t)(flows - 1);
    plan_frame(&s->plan, mac, address, (uint16_t)port, strcmp(words[6], "syn") == 0 ? TCP_SYN : TCP_ACK);
    return 0;
}

/* ---- Counting ---- */

/* Where the last run's flows of 2^31 ended nobody knows: begins anywhere, so that a new flow is one. */
static int begin_anywhere(int map)
{
    uint32_t zero = 0;
    uint64_t frames = now_ns() >> 10 & 0xffffffff;
    return bpf_map_update_elem(map, &zero, &frames, BPF_ANY);
}

static uint64_t count_sent(int map)
{
    uint32_t zero = 0;
    uint64_t frames = 0; /* all of .bss */
    return bpf_map_lookup_elem(map, &zero, &frames) < 0 ? 0 : frames;
}

static uint64_t count_arrived(int map)
{
    static uint64_t counts[CPUS_MAX];
    uint32_t zero = 0;
    uint64_t sum = 0;
    if (bpf_map_lookup_elem(map, &zero, counts) < 0)
        return 0;
    for (int i = 0; i < libbpf_num_possible_cpus() && i < CPUS_MAX; i++)
        sum += counts[i];
    return sum;
}

static uint64_t thread_time_ns(char **files)
{
    uint64_t sum = 0;
    for (; *files; files++) {
        unsigned long long ns = 0;
        FILE *file = fopen(*files, "r");
        if (file && fscanf(file, "%llu", &ns) == 1)
            sum += ns;
        if (file)
            fclose(file);
    }
    return sum;
}

static uint64_t processor_ns(pthread_t thread)
{
    clockid_t clock;
    struct timespec time = {0};
    if (pthread_getcpuclockid(thread, &clock) == 0)
        clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000ull + (uint64_t)time.tv_nsec;
}

static void take_reading(struct reading *r, const struct sender *sender, const struct counts *counts, char **threads)
{
    r->thread_ns = thread_time_ns(threads);
    r->arrived = count_arrived(counts->arrived);
    r->sent = count_sent(counts->frames);
    r->sender_ns = processor_ns(sender->thread);
    r->at_ns = now_ns();
}

static void tell(const struct reading *a, const struct reading *b)
{
    printf("{\"sent\":%llu,\"arrived\":%llu,\"seconds\":%.6f,\"senderSeconds\":%.6f,\"threadSeconds\":%.6f}\n",
           (unsigned long long)(b->sent - a->sent), (unsigned long long)(b->arrived - a->arrived),
           (double)(b->at_ns - a->at_ns) / 1e9, (double)(b->sender_ns - a->sender_ns) / 1e9,
           (double)(b->thread_ns - a->thread_ns) / 1e9);
}

/* ---- Sending ---- */

static int attach_counter(const struct settings *s, struct bpf_object *object)
{
    struct bpf_program *program = bpf_object__find_program_by_name(object, "torii_count");
    DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)s->plan.device, .attach_point = BPF_TC_INGRESS);
    DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1, .prog_fd = bpf_program__fd(program), .flags = BPF_TC_F_REPLACE);
    int error = bpf_tc_hook_create(&hook);
    if (error && error != -EEXIST)
        return error;
    return bpf_tc_attach(&hook, &opts);
}

static struct bpf_object *load(struct settings *s)
{
    struct bpf_object *object = bpf_object__open_file(s->object, NULL);
    struct bpf_map *constants = object ? bpf_object__find_map_by_name(object, ".rodata") : NULL;
    if (!constants || bpf_map__set_initial_value(constants, &s->plan, sizeof s->plan) || bpf_object__load(object))
        return NULL;
    return object;
}

/* A system call's end waits for the kernel's other processors, for many milliseconds: without a pause means one system call,
 * until a signal comes. */
static void *send_frames(void *argument)
{
    unsigned char frame[FRAME_BYTES] = {0};
    struct sender *sender = argument;
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof frame, .repeat = (int)sender->at_once,
                        .flags = BPF_F_TEST_XDP_LIVE_FRAMES, .batch_size = BATCH);
    set_priority(SENDER_PRIORITY);
    while (!atomic_load(&sender->stopping) && sender->error == 0)
        if (bpf_prog_test_run_opts(sender->program, &opts) < 0 && errno != EINTR)
            sender->error = errno;
    atomic_store(&sender->has_ended, true);
    return NULL;
}

/* The readings preempt the sender, which has the same processor. */
static int measure(const struct settings *s, struct sender *sender, const struct counts *counts)
{
    struct reading before, after;
    set_priority(SENDER_PRIORITY + 1);
    if (pthread_create(&sender->thread, NULL, send_frames, sender) != 0)
        return -1;
    sleep_ns(WARM_NS);
    take_reading(&before, sender, counts, s->threads);
    sleep_ns(s->run_ns);
    take_reading(&after, sender, counts, s->threads);
    atomic_store(&sender->stopping, true);
    while (!atomic_load(&sender->has_ended)) {
        pthread_kill(sender->thread, SIGUSR1);
        sleep_ns(WARM_NS / 100);
    }
    pthread_join(sender->thread, NULL);
    errno = sender->error;
    if (errno == 0)
        tell(&before, &after);
    return errno == 0 ? 0 : -1;
}

static int map_fd(struct bpf_object *object, const char *name)
{
    return bpf_map__fd(bpf_object__find_map_by_name(object, name));
}

int main(int argc, char **argv)
{
    static struct settings settings;
    struct sender sender = {0};
    if (argc < 10 || parse(&settings, argv + 1) != 0) {
        fprintf(stderr, "usage: generate OBJECT DEVICE MAC 203.0.113.x PORT FLOWS ack|syn AT-ONCE MILLISECONDS [SCHEDSTAT]...\n");
        return 64;
    }
    settings.plan.device = if_nametoindex(settings.device);
    libbpf_set_print(NULL);
    struct bpf_object *object = load(&settings);
    if (!object || attach_counter(&settings, object) < 0)
        return fail("loading its programs");
    struct sigaction interrupt = {.sa_handler = interrupted};
    sigaction(SIGUSR1, &interrupt, NULL);
    sender.at_once = settings.at_once;
    sender.program = bpf_program__fd(bpf_object__find_program_by_name(object, "torii_generate"));
    struct counts counts = {map_fd(object, ".bss"), map_fd(object, "arrived")};
    if (begin_anywhere(counts.frames) < 0)
        return fail("choosing a first flow");
    return measure(&settings, &sender, &counts) < 0 ? fail("BPF_PROG_RUN with live frames (Linux 5.18)") : 0;
}
