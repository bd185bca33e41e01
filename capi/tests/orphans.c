/* SPDX-License-Identifier: MIT
 *
 * A child that is forked keeps nothing of the library open: no listener, no connection, no
 * event descriptor. So an address is free when the parent has stopped, and peers hear of
 * its death at once, while the child lives on.
 */
#include "support.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 1024 };

/* What each descriptor is; "" where it is closed. */
struct open_files {
    char what[MOST][128];
};

static void look(struct open_files *files) {
    memset(files, 0, sizeof *files);
    for (int fd = 0; fd < MOST; fd++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (readlink(path, files->what[fd], sizeof files->what[fd] - 1) < 0)
            files->what[fd][0] = '\0';
    }
}

static int is(const struct open_files *files, int fd, const char *beginning) {
    return strncmp(files->what[fd], beginning, strlen(beginning)) == 0;
}

/* Counts, and shows, what is open now and was not before. */
static int compare(const struct open_files *before, const struct open_files *now) {
    int differ = 0;
    for (int fd = 0; fd < MOST; fd++) {
        if (now->what[fd][0] == '\0' || strcmp(before->what[fd], now->what[fd]) == 0) continue;
        fprintf(stderr, "%d: was \"%s\", is \"%s\"\n", fd, before->what[fd], now->what[fd]);
        differ++;
    }
    return differ;
}

static struct open_files before, now;

struct party {
    uint64_t office, publisher, receiver;
    char in[256], out[256];
};

static void start_party(struct party *p, const char *engine, const char *in, const char *out) {
    OK(hermes_postoffice_new(in, out, NULL, &p->office));
    OK(hermes_set(p->office, "engine", engine));
    OK(hermes_start(p->office));
    OK(hermes_get(p->office, "endpoint.in", p->in, sizeof p->in));
    OK(hermes_get(p->office, "endpoint.out", p->out, sizeof p->out));
    OK(hermes_publisher_new(p->in, "p", &p->publisher));
    OK(hermes_set(p->publisher, "engine", engine));
    OK(hermes_receiver_new(p->out, "r", &p->receiver));
    OK(hermes_set(p->receiver, "engine", engine));
    OK(hermes_start(p->receiver));
    CHECK(hermes_fd(p->receiver) >= 0);
    OK(hermes_start(p->publisher));
    OK(hermes_wait_ready(p->publisher, PATIENCE_MS));
    OK(hermes_wait_ready(p->receiver, PATIENCE_MS));
    hermes_envelope *envelope;
    OK(publish(p->publisher, "t", "1"));
    OK(hermes_recv(p->receiver, PATIENCE_MS, &envelope));
    hermes_envelope_free(envelope);
}

static void close_party(struct party *p) {
    OK(hermes_close(p->publisher));
    OK(hermes_close(p->receiver));
    OK(hermes_close(p->office));
}

static void wait_for(pid_t child) {
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* A child has what the host had opened, and nothing else. With libzmq, some descriptors
 * that only its threads know of stay, but no sockets. */
static void children_keep_nothing(const char *engine, int all) {
    struct party p;
    start_party(&p, engine, "tcp://127.0.0.1:*", "ipc://*");
    int pipe = hermes_pipe(p.receiver); /* this end is the host's, and it closes it itself */
    CHECK(pipe >= 0);
    int host = open("/dev/null", O_RDONLY);
    CHECK(host >= 0);
    for (int i = 0; i < 5; i++) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            alarm(PATIENCE_MS / 1000);
            CHECK(fcntl(host, F_GETFD) >= 0);
            close(host);
            close(pipe);
            look(&now);
            for (int fd = 0; fd < MOST; fd++)
                if (!all && !is(&now, fd, "socket:")) now.what[fd][0] = '\0';
            CHECK(compare(&before, &now) == 0);
            /* What it opens itself, a child of its own keeps. */
            int own = open("/dev/null", O_RDONLY);
            pid_t grandchild = fork();
            if (grandchild == 0) _exit(fcntl(own, F_GETFD) < 0);
            wait_for(grandchild);
            _exit(0);
        }
        wait_for(child);
        hermes_envelope *envelope; /* the parent does not notice */
        OK(publish(p.publisher, "t", "2"));
        OK(hermes_recv(p.receiver, PATIENCE_MS, &envelope));
        hermes_envelope_free(envelope);
    }
    close(host);
    close_party(&p);
    close(pipe);
}

/* A plain socket, bound as any program would: without SO_REUSEADDR. */
static int port_is_free(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); /* for TIME_WAIT */
    int code = bind(fd, (struct sockaddr *)&at, sizeof at);
    if (code == 0) code = listen(fd, 1);
    close(fd);
    return code == 0;
}

static int connect_to(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) == 0) return fd;
    close(fd);
    return -1;
}

static int port_of(const char *endpoint) {
    return atoi(strrchr(endpoint, ':') + 1);
}

/* The parent stops, or is killed, while a child lives on. */
static void the_address_is_free(const char *engine, int killed) {
    int told[2], forked[2];
    CHECK(pipe(told) == 0 && pipe(forked) == 0);
    pid_t parent = fork();
    CHECK(parent >= 0);
    if (parent == 0) {
        struct party p;
        start_party(&p, engine, "tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
        pid_t child = fork();
        if (child == 0) {
            close(told[1]);
            alarm(PATIENCE_MS / 1000);
            char ready = 1; /* the parent may be a step ahead */
            CHECK(write(forked[1], &ready, 1) == 1);
            for (;;) pause();
        }
        char ready;
        close(forked[1]);
        CHECK(read(forked[0], &ready, 1) == 1);
        int message[2] = {port_of(p.in), (int)child};
        if (!killed) close_party(&p);
        CHECK(write(told[1], message, sizeof message) == sizeof message);
        for (;;) pause();
    }
    int message[2];
    close(told[1]), close(forked[1]); /* or the end of who writes there would not be seen */
    CHECK(read(told[0], message, sizeof message) == sizeof message);
    int peer = -1;
    if (killed) {
        peer = connect_to(message[0]);
        CHECK(peer >= 0);
        char greeting[1];
        CHECK(read(peer, greeting, 1) == 1);
        kill(parent, SIGKILL);
        CHECK(waitpid(parent, NULL, 0) == parent);
        struct pollfd end = {.fd = peer, .events = POLLIN};
        do { /* until it hears of the end */
            int n;
            do n = poll(&end, 1, PATIENCE_MS);
            while (n < 0 && errno == EINTR);
            CHECK(n == 1);
        } while (read(peer, greeting, 1) > 0);
        close(peer);
        CHECK(connect_to(message[0]) < 0 && errno == ECONNREFUSED);
    }
    CHECK(port_is_free(message[0]));
    CHECK(kill(message[1], 0) == 0); /* the child has lived all the time */
    kill(message[1], SIGKILL);
    if (!killed) {
        kill(parent, SIGKILL);
        CHECK(waitpid(parent, NULL, 0) == parent);
    }
    close(told[0]), close(forked[0]);
}

/* The binding to libzmq reads numbers at odd addresses, which a sanitizer takes for a fault. */
#if defined(NO_LIBZMQ) || defined(__SANITIZE_ADDRESS__)
enum { WITH_LIBZMQ = 0 };
#else
enum { WITH_LIBZMQ = 1 };
#endif

int main(void) {
    alarm(10 * PATIENCE_MS / 1000);
    for (int killed = 0; killed < 2; killed++) {
        the_address_is_free("zmtp", killed); /* in processes of their own */
        if (WITH_LIBZMQ) the_address_is_free("libzmq", killed);
    }
    hermes_close(0); /* what the first use opens for good may stay */
    look(&before);
    children_keep_nothing("zmtp", 1);
    if (WITH_LIBZMQ) children_keep_nothing("libzmq", 0);
    return 0;
}
