/* Test tool: runs frames through a tc BPF program by BPF_PROG_RUN and prints what became of each.
 *
 *     skb_run OBJECT PROGRAM MAP        one command a line on standard input, bytes in hex:
 *     set KEY VALUE                     adds an element to the map
 *     run FRAME                         prints "RETURN FRAME" (return value in decimal, the frame afterwards in hex)
 *
 * Touches no device: the program is loaded, run and forgotten. Exit status 1 with a sentence on any error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define MAX_BYTES 16384

static int hex_to_bytes(const char *hex, unsigned char *bytes)
{
    int count = 0;
    for (unsigned byte; count < MAX_BYTES && sscanf(hex + 2 * count, "%2x", &byte) == 1; count++)
        bytes[count] = (unsigned char)byte;
    return count;
}

static int run(int program_fd, const char *hex)
{
    static unsigned char in[MAX_BYTES], out[MAX_BYTES];
    LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_out = out, .data_size_out = sizeof(out), .repeat = 1);
    opts.data_size_in = hex_to_bytes(hex, in);
    memset(out, 0xa5, sizeof(out));
    if (bpf_prog_test_run_opts(program_fd, &opts))
        return perror("BPF_PROG_RUN"), 1;
    printf("%d ", (int)opts.retval);
    for (unsigned i = 0; i < opts.data_size_out; i++)
        printf("%02x", out[i]);
    putchar('\n');
    return 0;
}

int main(int argc, char **argv)
{
    static char line[2 * MAX_BYTES + 64], first[2 * MAX_BYTES + 1], second[256], verb[8];
    static unsigned char key[64], value[64];
    struct bpf_object *object = argc == 4 ? bpf_object__open_file(argv[1], NULL) : NULL;
    if (!object || bpf_object__load(object))
        return fprintf(stderr, "cannot load %s\n", argc > 1 ? argv[1] : "nothing"), 1;
    struct bpf_program *program = bpf_object__find_program_by_name(object, argv[2]);
    int map_fd = bpf_object__find_map_fd_by_name(object, argv[3]);
    if (!program || map_fd < 0)
        return fprintf(stderr, "%s has no program %s or no map %s\n", argv[1], argv[2], argv[3]), 1;
    while (fgets(line, sizeof(line), stdin)) {
        int words = sscanf(line, "%7s %32768s %255s", verb, first, second);
        if (words == 2 && strcmp(verb, "run") == 0) {
            if (run(bpf_program__fd(program), first))
                return 1;
        } else if (words == 3 && strcmp(verb, "set") == 0) {
            hex_to_bytes(first, key);
            hex_to_bytes(second, value);
            if (bpf_map_update_elem(map_fd, key, value, BPF_ANY))
                return perror("map"), 1;
        } else {
            return fprintf(stderr, "expected \"set KEY VALUE\" or \"run FRAME\"\n"), 1;
        }
    }
    bpf_object__close(object);
    return 0;
}
