/* SPDX-License-Identifier: MIT
 *
 * The gate in front of every call: starts the Go runtime on the first one, turns
 * away forked children, and flushes at exit.
 */
#include "shim.h"

#include "inherited.h"
#include "preflight.h"

#include "_cgo_export.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* What is defined here is declared in a header, and as it is declared there. */
#pragma GCC diagnostic error "-Wmissing-prototypes"

enum { ASLEEP, AWAKE, FORKED, BROKEN };

/* How long exit() may be held up by what is still queued. */
enum { EXIT_FLUSH_MS = 1000 };

/* How long a text may be that says what is lacking. */
enum { LIMIT_TEXT = 512 };

static atomic_int state = ASLEEP;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;
static pthread_mutex_t waking = PTHREAD_MUTEX_INITIALIZER; /* held only once prepared */

/* The entry point of the Go runtime. Go's linker puts it among the library's
 * initializers, so that loading would start Go's threads. build.sh takes it out of
 * there and gives it this name; it then waits for the first call, and a program that
 * forks before (a daemon, say) keeps a library that works. Built in another way,
 * there is no such symbol, and Go has started by itself. */
typedef void (*initializer)(int, char **, char **);
extern initializer hermes_go_start __attribute__((weak, visibility("hidden")));

static struct {
    int argc;
    char **argv, **envp;
} process;

/* Only a child's own thread runs here; the Go runtime's threads are gone. */
static void in_child(void) {
    if (atomic_exchange(&state, FORKED) != FORKED) shim_fd_close_inherited();
}

static void *flush(void *unused) {
    (void)unused;
    hermesgo_flush(EXIT_FLUSH_MS);
    return NULL;
}

/* On a thread of its own: Go needs a stack for signals, and the host may have taken
 * down the one of the thread that exits (Python's faulthandler does). */
static void at_exit(void) {
    pthread_t thread;
    if (atomic_load(&state) != AWAKE) return;
    if (pthread_create(&thread, NULL, flush, NULL) == 0) pthread_join(thread, NULL);
}

/* Fills the standard streams that the host has closed, or what Go opens as it starts would
 * come to lie there. Where there is no /dev/null, Go would end the process: a directory does. */
static void occupy_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        int got = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (got < 0) got = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (got > STDERR_FILENO) close(got); /* another thread was quicker */
    }
}

/* Go raises the limit on open files as it starts, for the whole process. A host that
 * uses select(), or hands its limits on to children, has chosen it: it is put back. */
static void start_go(void) {
    struct rlimit chosen, now;
    int known = getrlimit(RLIMIT_NOFILE, &chosen) == 0;
    occupy_streams();
    hermes_go_start(process.argc, process.argv, process.envp);
    shim_fd_share(); /* waits until Go has started */
    if (known && getrlimit(RLIMIT_NOFILE, &now) == 0 && now.rlim_cur != chosen.rlim_cur)
        setrlimit(RLIMIT_NOFILE, &chosen);
}

static void prepare(void) {
    if (pthread_atfork(NULL, NULL, in_child) != 0 || atexit(at_exit) != 0)
        atomic_store(&state, BROKEN);
}

/* Starts what has not started. It leaves text empty, unless there is something lacking,
 * which may be there at a later call. */
static void wake(char *text, size_t size) {
    text[0] = '\0';
    pthread_once(&prepared, prepare);
    if (atomic_load(&state) != ASLEEP) return;
    pthread_mutex_lock(&waking);
    if (atomic_load(&state) == ASLEEP &&
        (&hermes_go_start == NULL || !shim_cannot_start(text, size))) {
        if (&hermes_go_start != NULL) start_go();
        atomic_store(&state, AWAKE);
    }
    pthread_mutex_unlock(&waking);
}

/* glibc hands these to initializers; the Go runtime reads them when it starts. */
__attribute__((constructor)) static void loaded(int argc, char **argv, char **envp) {
    process.argc = argc;
    process.argv = argv;
    process.envp = envp;
    char text[LIMIT_TEXT];
    if (&hermes_go_start == NULL) wake(text, sizeof text);
}

static int enter_slowly(const char *function) {
    char lacking[LIMIT_TEXT] = "";
    if (atomic_load(&state) == ASLEEP) wake(lacking, sizeof lacking);
    switch (atomic_load(&state)) {
    case AWAKE:
        return HERMES_OK;
    case FORKED:
        return shim_refuse(HERMES_EFORKED,
                           "%s: process forked after the library's first use; "
                           "fork before it, exec, or load a private copy",
                           function);
    case ASLEEP:
        return shim_refuse(HERMES_ENOMEM, "%s: the library cannot start: %s", function, lacking);
    default:
        return shim_refuse(HERMES_ENOMEM, "%s: no memory to start the library", function);
    }
}

int shim_enter(const char *function) {
    if (__builtin_expect(atomic_load_explicit(&state, memory_order_acquire) == AWAKE, 1))
        return HERMES_OK;
    return enter_slowly(function);
}
