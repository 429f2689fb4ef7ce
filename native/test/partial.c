/* Completes frames as af_xdp does on veth: a line of hex in, a line of hex out. */
#include "../dataplane/partial.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX 4096

int main(void)
{
    static char line[2 * FRAME_MAX + 2];
    while (fgets(line, sizeof line, stdin)) {
        size_t bytes = strcspn(line, "\n") / 2;
        u8 *frame = malloc(bytes + 1); /* exactly: the sanitizer sees a byte too far */
        for (size_t i = 0; i < bytes; i++) {
            unsigned byte;
            sscanf(line + 2 * i, "%2x", &byte);
            frame[i] = (u8)byte;
        }
        complete_if_partial(frame, frame + bytes);
        for (size_t i = 0; i < bytes; i++)
            printf("%02x", frame[i]);
        puts("");
        free(frame);
    }
    return 0;
}
