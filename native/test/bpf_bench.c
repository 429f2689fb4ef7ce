#include "bpf_bench.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include "scatter.h"

#define XDP_TX 3
#define FRAME_ROOM 2048

static int program_of(const struct bpf_object *object, const char *name)
{
    return bpf_program__fd(bpf_object__find_program_by_name(object, name));
}

/* Which packets, and what they go on to. */
static int aim(const struct bpf_object *object, const struct bpf_bench *bench)
{
    uint32_t only = 0;
    int target = bench->program < 0 ? program_of(object, "nothing") : bench->program;
    struct scattering s = {.flows = bench->flows, .frame_bytes = bench->frame_bytes};
    if (bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "scattering"), &only, &s, BPF_ANY))
        return -1;
    return bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "programs"), &only, &target, BPF_ANY);
}

static double run(struct bpf_object *object, const struct bpf_bench *bench)
{
    static uint8_t left[FRAME_ROOM];
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = bench->frame, .data_size_in = bench->frame_bytes, .data_out = left,
                .data_size_out = sizeof left, .repeat = (int)bench->packets);
    if (bpf_object__load(object) || aim(object, bench) || bpf_prog_test_run_opts(program_of(object, "scatter"), &opts))
        return -1;
    if (opts.retval == XDP_TX)
        return opts.duration;
    errno = EPROTO;
    return -1;
}

double bpf_bench(const struct bpf_bench *bench)
{
    struct bpf_object *object = bpf_object__open_file(bench->scatter, NULL);
    if (!object)
        return -1;
    double ns = run(object, bench);
    int error = errno;
    bpf_object__close(object);
    errno = error;
    return ns;
}
