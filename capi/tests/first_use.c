/* SPDX-License-Identifier: MIT
 *
 * Loading the library starts nothing: no thread, no signal handler. So a program
 * that forks before its first call, as every daemon does, has a library that works
 * in the parent and in the child. The first use leaves the host's limits alone,
 * and the timer slack of the thread that makes it.
 */
#include "support.h"

#include <dirent.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static int threads(void) {
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    while (readdir(tasks) != NULL) count++;
    closedir(tasks);
    return count - 2; /* "." and ".." */
}

/* How many threads a program has that has none of its own: qemu adds one of its. */
static int threads_of_none(void) {
    const char *threads = getenv("HERMES_TEST_THREADS");
    return threads == NULL ? 1 : atoi(threads);
}

static int has_handler(int signal) {
    struct sigaction action;
    CHECK(sigaction(signal, NULL, &action) == 0);
    return action.sa_handler != SIG_DFL;
}

static void nothing_has_started(void) {
    CHECK(threads() == threads_of_none());
    CHECK(!has_handler(SIGURG) && !has_handler(SIGPIPE));
}

static void exchange(void) {
    struct cluster c;
    start_cluster(&c);
    hermes_envelope *envelope;
    OK(publish(c.publisher, "t", "1"));
    OK(hermes_recv(c.receiver, PATIENCE_MS, &envelope));
    hermes_envelope_free(envelope);
    close_cluster(&c);
}

/* Forks a child that uses the library, and sees it end well. */
static void child_exchanges(void) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        exchange();
        exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A limit on open files as a host may have chosen it; Go would raise it. */
static struct rlimit choose_limit(void) {
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max > 500);
    limit.rlim_cur = 500;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    return limit;
}

int main(void) {
    struct rlimit chosen = choose_limit(), after;
    nothing_has_started();
    CHECK(hermes_version_string() != NULL && hermes_abi_version() == HERMES_ABI_VERSION);
    CHECK(hermes_strerror(HERMES_EFORKED) != NULL && hermes_last_error(NULL, 0) == 0);
    hermes_envelope_free(NULL);
    nothing_has_started();

    child_exchanges();
    child_exchanges();
    nothing_has_started();
    int slack = prctl(PR_GET_TIMERSLACK);
    exchange();
    CHECK(threads() > 1);
    CHECK(prctl(PR_GET_TIMERSLACK) == slack);
    CHECK(getrlimit(RLIMIT_NOFILE, &after) == 0);
    CHECK(after.rlim_cur == chosen.rlim_cur && after.rlim_max == chosen.rlim_max);
    return 0;
}
