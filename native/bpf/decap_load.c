/* Loads decap.c's object, fills its map and attaches it to devices; or takes it off again.
 *
 *     decap_load attach OBJECT DEVICE... < ROLES      one "outer 10.0.2.21/32" or "vip 203.0.113.0/24" a line
 *     decap_load detach DEVICE...
 *
 * Nothing is changed in place: each attach loads a new program with a new map and replaces the filter in one step, so
 * that a packet sees the old set or the new one, and no pinned object, map id or process has to outlive the call. The
 * clsact qdisc must exist. Exit status 0, or 1 with one sentence on standard error. Needs CAP_BPF and CAP_NET_ADMIN. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "decap.h"

/* Handle and priority by which our filter is known among others on the same hook. */
#define FILTER_HANDLE 1
#define FILTER_PRIORITY 20

static char libbpf_words[512];

static int fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return 1;
}

/* Keeps libbpf's latest warning for our one sentence instead of printing its many. */
static int keep_warning(enum libbpf_print_level level, const char *format, va_list args)
{
    if (level == LIBBPF_WARN)
        vsnprintf(libbpf_words, sizeof(libbpf_words), format, args);
    return 0;
}

/* "203.0.113.0/24" as a key; 0 when it is none. */
static int parse_prefix(const char *text, struct decap_key *key)
{
    char address[INET6_ADDRSTRLEN];
    unsigned bits;
    int used = 0;
    if (sscanf(text, "%45[0-9a-fA-F:.]/%u%n", address, &bits, &used) != 2 || text[used] != '\0')
        return 0;
    memset(key, 0, sizeof(*key));
    if (inet_pton(AF_INET, address, &key->address[3]) == 1) {
        key->address[2] = htonl(0xffff);
        key->prefix_bits = 96 + bits;
        return bits <= 32;
    }
    key->prefix_bits = bits;
    return bits <= 128 && inet_pton(AF_INET6, address, key->address) == 1;
}

static int fill(int map_fd)
{
    char line[128], role_word[8], prefix[64];
    while (fgets(line, sizeof(line), stdin)) {
        struct decap_key key;
        if (sscanf(line, "%7s %63s", role_word, prefix) != 2 || !parse_prefix(prefix, &key))
            return fail("expected \"outer|vip ADDRESS/LENGTH\", got \"%.*s\"", (int)strcspn(line, "\n"), line);
        __u32 role = strcmp(role_word, "outer") == 0 ? DECAP_OUTER : DECAP_VIP;
        if (bpf_map_update_elem(map_fd, &key, &role, BPF_ANY))
            return fail("cannot add %s: %s", prefix, errno == ENOSPC ? "more than 16384 addresses" : strerror(errno));
    }
    return 0;
}

static int device_hook(const char *device, struct bpf_tc_hook *hook)
{
    memset(hook, 0, sizeof(*hook));
    hook->sz = sizeof(*hook);
    hook->attach_point = BPF_TC_INGRESS;
    hook->ifindex = (int)if_nametoindex(device);
    return hook->ifindex ? 0 : fail("no device %s", device);
}

static int attach(const char *object_path, char **devices, int count)
{
    struct bpf_object *object = bpf_object__open_file(object_path, NULL);
    if (!object)
        return fail("cannot open %s: %s", object_path, strerror(errno));
    if (bpf_object__load(object))
        return fail("the kernel refused %s: %s (%.*s)", object_path, strerror(errno), (int)strcspn(libbpf_words, "\n"), libbpf_words);
    struct bpf_map *map = bpf_object__find_map_by_name(object, "addresses");
    struct bpf_program *program = bpf_object__find_program_by_name(object, "torii_decap");
    if (!map || !program)
        return fail("%s is not the decapsulation program", object_path);
    if (fill(bpf_map__fd(map)))
        return 1;
    for (int i = 0; i < count; i++) {
        struct bpf_tc_hook hook;
        DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY,
                            .prog_fd = bpf_program__fd(program), .flags = BPF_TC_F_REPLACE);
        if (device_hook(devices[i], &hook))
            return 1;
        int error = bpf_tc_attach(&hook, &opts);
        if (error)
            return fail("cannot attach to %s: %s", devices[i], strerror(-error));
    }
    bpf_object__close(object);
    return 0;
}

static int detach(char **devices, int count)
{
    for (int i = 0; i < count; i++) {
        struct bpf_tc_hook hook;
        DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
        if (device_hook(devices[i], &hook))
            return 1;
        int error = bpf_tc_detach(&hook, &opts);
        /* EINVAL: there is no clsact on the device, hence no filter of ours. */
        if (error && error != -ENOENT && error != -EINVAL)
            return fail("cannot detach from %s: %s", devices[i], strerror(-error));
    }
    return 0;
}

int main(int argc, char **argv)
{
    libbpf_set_print(keep_warning);
    if (argc >= 4 && strcmp(argv[1], "attach") == 0)
        return attach(argv[2], argv + 3, argc - 3);
    if (argc >= 3 && strcmp(argv[1], "detach") == 0)
        return detach(argv + 2, argc - 2);
    return fail("usage: decap_load attach OBJECT DEVICE... < ROLES | decap_load detach DEVICE...");
}
