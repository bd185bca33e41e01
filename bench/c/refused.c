/* SPDX-License-Identifier: MIT
 *
 * A receiver or publisher that waits until it is ready, for cmd/refusals:
 *
 *   refused receiver|publisher ADDRESS [OPTION VALUE]...    prints when it began and when it knew, in ns since 1970
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "hermes.h"

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int main(int argc, char **argv) {
    uint64_t client;
    if (argc < 3) return 1;
    int (*make)(const char *, const char *, uint64_t *) =
        strcmp(argv[1], "publisher") == 0 ? hermes_publisher_new : hermes_receiver_new;
    if (make(argv[2], "client", &client) != HERMES_OK) return 1;
    for (int i = 3; i + 1 < argc; i += 2)
        if (hermes_set(client, argv[i], argv[i + 1]) != HERMES_OK) return 1;
    int64_t start = now();
    if (hermes_start(client) != HERMES_OK) return 1;
    int code = hermes_wait_ready(client, 60000);
    int64_t end = now();
    if (code != HERMES_OK && code != HERMES_EACCES && code != HERMES_EAUTH) return 1;
    printf("%" PRId64 " %" PRId64 "\n", start, end);
    return hermes_close(client) == HERMES_OK ? 0 : 1;
}
