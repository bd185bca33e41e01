/* SPDX-License-Identifier: MIT
 *
 * What a forked child does with the descriptors of the library.
 *
 * The child can use none of them, for the threads that served them do not exist there. If
 * they stayed open, an address would stay in use after the parent has stopped, peers would
 * connect to a listener that accepts nothing, and none would notice the parent's death. So
 * the child closes them, right after fork() and before it runs any other code.
 *
 * Two tables, indexed by descriptor, say which they are. They are in memory of C, for the
 * child cannot run Go; Go and C write them with atomic operations.
 *
 *   table    value of an entry
 *   owned    of a socket, an event descriptor and the like: the number of its inode; or 0
 *   pollers  1 for an epoll instance, of Go's runtime or of libzmq, that watches nothing but
 *            descriptors of the library. The kernel lists these in /proc/self/fdinfo, each
 *            with its inode.
 *
 * Rules:
 *  1. A descriptor is noted after it was opened, and forgotten before it is closed, so that
 *     a descriptor of the host is never taken for one of the library. A fork between these
 *     steps leaves one open.
 *  2. The inode tells whether a number has come to be another file in the meantime.
 *  3. The child's code neither allocates nor locks: it calls only functions that are safe
 *     in a signal handler.
 */
#include "inherit.h"

#include "_cgo_export.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

enum {
    MOST = 1 << 16, /* descriptors from here on are not noted; Go's poller has most of them */
    DIGITS = 24     /* of a descriptor, and more */
};

static uint64_t owned[MOST], pollers[MOST];

static uint64_t inode_of(int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 ? (uint64_t)info.st_ino : 0;
}

void inherit_disown(int fd) {
    if (fd >= 0 && fd < MOST) __atomic_store_n(&owned[fd], 0, __ATOMIC_RELAXED);
}

void inherit_share(void) {
    hermesgo_share(owned, pollers, MOST);
}

/* Writes /proc/self/fdinfo/<fd>. */
static void name_of(char *path, int fd) {
    char digits[DIGITS];
    int n = 0;
    do digits[n++] = (char)('0' + fd % 10);
    while ((fd /= 10) > 0);
    path = stpcpy(path, "/proc/self/fdinfo/");
    while (n > 0) *path++ = digits[--n];
    *path = '\0';
}

/* A file that is read byte by byte, through a buffer. */
struct reader {
    int fd;
    ssize_t have, at;
    char buffer[1024];
};

static int next(struct reader *r) {
    if (r->at == r->have) {
        do r->have = read(r->fd, r->buffer, sizeof r->buffer);
        while (r->have < 0 && errno == EINTR);
        r->at = 0;
        if (r->have <= 0) return r->have = -1;
    }
    return (unsigned char)r->buffer[r->at++];
}

/* Reads on to the number behind a mark such as "ino:"; the first other character ends it.
 * Returns 0 at the end of the file. */
static int number_behind(struct reader *r, const char *mark, unsigned base, uint64_t *number) {
    size_t found = 0, length = strlen(mark);
    int c = 0;
    while (found < length) {
        if ((c = next(r)) < 0) return 0;
        found = c == mark[found] ? found + 1 : c == mark[0];
    }
    while ((c = next(r)) == ' ') {
    }
    *number = 0;
    for (;; c = next(r)) {
        unsigned digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
        if (digit >= base) return c >= 0;
        *number = *number * base + digit;
    }
}

/* Closes what a poller watches, and what the pollers among that watch: these have the inode that
 * is shared by all descriptors without a file. Returns 0 if the poller is none and watches
 * nothing. */
static int close_watched(int poller, int depth) {
    char path[64];
    name_of(path, poller);
    struct reader r = {.fd = open(path, O_RDONLY | O_CLOEXEC)};
    uint64_t fd, inode;
    int some = 0;
    while (r.fd >= 0 && number_behind(&r, "tfd:", 10, &fd) &&
           number_behind(&r, "ino:", 16, &inode)) {
        some = 1;
        if (fd > INT32_MAX || (int)fd == r.fd || inode_of((int)fd) != inode) continue;
        if (depth > 0 && inode == inode_of(poller)) close_watched((int)fd, depth - 1);
        close((int)fd);
    }
    if (r.fd >= 0) close(r.fd);
    return some;
}

void inherit_close(void) {
    int error = errno;
    for (int fd = 0; fd < MOST; fd++) {
        if (pollers[fd] != 0 && close_watched(fd, 1)) close(fd);
    }
    /* From now on these numbers belong to the child, so all entries are cleared. */
    for (int fd = 0; fd < MOST; fd++) {
        if (owned[fd] != 0 && inode_of(fd) == owned[fd]) close(fd);
        if (owned[fd] != 0) owned[fd] = 0;
        if (pollers[fd] != 0) pollers[fd] = 0;
    }
    errno = error;
}
