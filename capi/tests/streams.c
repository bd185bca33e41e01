/* SPDX-License-Identifier: MIT
 *
 * A host that has closed its standard streams, before the first use or while a cluster
 * runs, finds no socket of the library in their place. What a test says it says through a
 * copy of its standard error.
 */
#include "support.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static void close_streams(void) {
    for (int fd = 0; fd <= 2; fd++) close(fd);
}

static int no_stream_is_ours(void) {
    static const char *const ours[] = {"socket:", "anon_inode:", "/sys/", "/proc/"};
    for (int fd = 0; fd <= 2; fd++) {
        char path[64], what[128] = "";
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, what, sizeof what - 1) < 0) continue;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
            if (strncmp(what, ours[i], strlen(ours[i])) != 0) continue;
            fprintf(stderr, "%d is %s\n", fd, what);
            return 0;
        }
    }
    return 1;
}

static void exchange(struct cluster *c, const char *data) {
    hermes_envelope *envelope;
    OK(publish(c->publisher, "t", data));
    OK(hermes_recv(c->receiver, PATIENCE_MS, &envelope));
    CHECK(strcmp(hermes_envelope_data(envelope, NULL), data) == 0);
    hermes_envelope_free(envelope);
}

static void streams_closed(int before, int meanwhile) {
    alarm(PATIENCE_MS / 1000);
    struct cluster c;
    if (before) close_streams();
    start_cluster(&c);
    CHECK(no_stream_is_ours());
    exchange(&c, "1");
    for (int i = 0; i < 3 && meanwhile; i++) {
        close_streams();
        CHECK(hermes_fd(c.receiver) > 2);
        CHECK(no_stream_is_ours());
        uint64_t late;
        close_streams();
        OK(hermes_receiver_new(c.out, "late", &late));
        OK(hermes_start(late));
        close_streams(); /* the connection is accepted and made about now */
        OK(hermes_wait_ready(late, PATIENCE_MS));
        CHECK(no_stream_is_ours());
        int pipe = hermes_pipe(late);
        CHECK(pipe > 2);
        CHECK(no_stream_is_ours());
        exchange(&c, "2");
        CHECK(no_stream_is_ours());
        OK(hermes_close(late));
        close(pipe);
    }
    close_cluster(&c);
    CHECK(no_stream_is_ours());
}

/* The binding to libzmq reads numbers at odd addresses, which a sanitizer takes for a fault. */
#if defined(NO_LIBZMQ) || defined(__SANITIZE_ADDRESS__)
enum { WITH_LIBZMQ = 0 };
#else
enum { WITH_LIBZMQ = 1 };
#endif

/* What libzmq opens cannot be moved, so a connection that lies there ends, and another one
 * takes its place. */
static void libzmq_leaves_the_streams(void) {
    alarm(PATIENCE_MS / 1000);
    uint64_t office, publisher, receiver;
    char in[256], out[256];
    OK(hermes_postoffice_new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", NULL, &office));
    OK(hermes_set(office, "engine", "libzmq"));
    OK(hermes_start(office));
    OK(hermes_get(office, "endpoint.in", in, sizeof in));
    OK(hermes_get(office, "endpoint.out", out, sizeof out));
    OK(hermes_publisher_new(in, "p", &publisher));
    OK(hermes_set(publisher, "engine", "libzmq"));
    OK(hermes_set(publisher, "ready.hold", "30s"));
    OK(hermes_start(publisher));
    for (int i = 0; i < 5; i++) {
        OK(hermes_receiver_new(out, "r", &receiver));
        OK(hermes_set(receiver, "engine", i % 2 ? "libzmq" : "zmtp"));
        OK(hermes_start(receiver));
        close_streams(); /* the connections are made about now */
        OK(hermes_wait_ready(receiver, PATIENCE_MS));
        while (!no_stream_is_ours()) usleep(10000);
        OK(hermes_wait_ready(receiver, PATIENCE_MS));
        OK(hermes_wait_ready(publisher, PATIENCE_MS));
        hermes_envelope *envelope = NULL;
        while (envelope == NULL) { /* what was under way in a connection that ended is lost */
            OK(publish(publisher, "t", "1"));
            int code = hermes_recv(receiver, 100, &envelope);
            CHECK(code == HERMES_OK || code == HERMES_ETIMEOUT);
        }
        hermes_envelope_free(envelope);
        while (!no_stream_is_ours()) usleep(10000);
        OK(hermes_close(receiver));
    }
    OK(hermes_close(publisher));
    OK(hermes_close(office));
    CHECK(no_stream_is_ours());
}

int main(void) {
    /* What this test was given may be sockets. */
    for (int fd = 0; fd <= 2; fd++) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        CHECK(fd == 2 || dup2(null, fd) == fd);
        close(null);
    }
    int out = fcntl(2, F_DUPFD_CLOEXEC, 10);
    stderr = fdopen(out, "w"); /* glibc allows it */
    CHECK(dup2(0, 2) == 2);
    setvbuf(stderr, NULL, _IONBF, 0);
    for (int i = 1; i < 4 + WITH_LIBZMQ; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            if (i < 4) streams_closed(i & 1, i & 2);
            if (i == 4) libzmq_leaves_the_streams();
            _exit(0);
        }
        int status;
        CHECK(waitpid(child, &status, 0) == child);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
        dprintf(out, "with streams closed (%d) it ended with %d\n", i, status);
        return 1;
    }
    return 0;
}
