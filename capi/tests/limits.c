/* SPDX-License-Identifier: MIT
 *
 * Where a limit keeps the library from starting, the call says which, the process lives
 * on, and the library starts when there is room.
 */
#include "support.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void a_limit_is_named(int resource, rlim_t low, const char *option) {
    pid_t child = fork();
    CHECK(child >= 0);
    if (child != 0) {
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        return;
    }
    struct rlimit limit, lowered;
    uint64_t publisher = 1;
    alarm(PATIENCE_MS / 1000);
    CHECK(getrlimit(resource, &limit) == 0);
    lowered = limit;
    lowered.rlim_cur = low;
    CHECK(setrlimit(resource, &lowered) == 0);
    for (int i = 0; i < 2; i++) {
        FAILS(HERMES_ENOMEM, option, hermes_publisher_new("tcp://127.0.0.1:9", "p", &publisher));
        CHECK(publisher == 0);
    }
    CHECK(setrlimit(resource, &limit) == 0);
    struct cluster c;
    start_cluster(&c);
    close_cluster(&c);
    exit(0);
}

int main(void) {
    a_limit_is_named(RLIMIT_AS, (rlim_t)512 << 20, "ulimit -v");
    /* Nothing limits the number of threads of root. */
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        printf("  the limit on threads was not tried: this root cannot become another user\n");
        return 0;
    }
    a_limit_is_named(RLIMIT_NPROC, 1, "ulimit -u");
    return 0;
}
