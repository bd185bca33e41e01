/* SPDX-License-Identifier: MIT
 *
 * Starts the Go runtime. Go's linker puts its entry point among the initializers of a
 * library, so that loading would start Go's threads. build.sh takes it out of there and
 * names it hermes_go_start; it is then called here, at the first call into the library. A
 * program that forks before that (a daemon, say) has a library that works in the child. A
 * library built in another way has no such symbol, and Go has started by itself.
 *
 * No locks: gate.c calls gostart_now() once, with its own lock held.
 */
#include "gostart.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

typedef void (*initializer)(int, char **, char **);
extern initializer hermes_go_start __attribute__((weak, visibility("hidden")));

/* The Go runtime reads these when it starts. glibc passes them to initializers. */
static struct {
    int argc;
    char **argv, **envp;
} process;

__attribute__((constructor)) static void loaded(int argc, char **argv, char **envp) {
    process.argc = argc;
    process.argv = argv;
    process.envp = envp;
}

int gostart_is_deferred(void) {
    return &hermes_go_start != NULL;
}

/* Opens the standard streams that the host has closed, or descriptors that Go opens would
 * take their numbers. Without /dev/null Go would end the process: a directory will do. */
static void occupy_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        int got = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (got < 0) got = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (got > STDERR_FILENO) close(got); /* another thread has opened one meanwhile */
    }
}

/* Go raises the limit on open files as it starts, for the whole process. The host may have
 * chosen it, for select() or for its children, so it is restored. */
void gostart_now(void (*first)(void)) {
    struct rlimit chosen, now;
    int known = getrlimit(RLIMIT_NOFILE, &chosen) == 0;
    occupy_streams();
    hermes_go_start(process.argc, process.argv, process.envp);
    first();
    if (known && getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur != chosen.rlim_cur)
        setrlimit(RLIMIT_NOFILE, &chosen);
}
