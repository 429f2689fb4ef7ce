/* Stops one thread of a running process, as a bug or a dead core would, until its standard input ends: `freeze TID`.
 * The other threads go on, which SIGSTOP cannot do. For tests of the packet path's watchdog; needs CAP_SYS_PTRACE. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

static int fail(const char *what)
{
    fprintf(stderr, "freeze: %s: %s\n", what, strerror(errno));
    return 1;
}

int main(int argc, char **argv)
{
    char *end, byte;
    long tid = argc == 2 ? strtol(argv[1], &end, 10) : 0;
    if (tid <= 0 || *end != '\0') {
        fputs("usage: freeze TID\n", stderr);
        return 2;
    }
    if (ptrace(PTRACE_SEIZE, (pid_t)tid, NULL, NULL) < 0)
        return fail("cannot attach");
    if (ptrace(PTRACE_INTERRUPT, (pid_t)tid, NULL, NULL) < 0 || waitpid((pid_t)tid, NULL, __WALL) < 0)
        return fail("cannot stop it");
    puts("frozen");
    fflush(stdout);
    while (read(STDIN_FILENO, &byte, 1) > 0)
        ;
    return ptrace(PTRACE_DETACH, (pid_t)tid, NULL, NULL) < 0 ? fail("cannot let it go on") : 0;
}
