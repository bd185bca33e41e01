/* SPDX-License-Identifier: MIT
 *
 * The wake fd of a waiter, an eventfd: the thread that polls a leased connection polls it as
 * well. It is closed by the last of its users, which are the receiver and the threads that poll
 * it or write to it, so that its number stays theirs until then.
 *
 * No locks: all fields are atomic, in the order of the steps written here.
 */
#include "waiter.h"

#include "inherit.h"
#include "system.h"

#include <poll.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* Begins to use the wake fd; 0 if there is none. */
static int enter_fd(struct fast_waiter *waiter) {
    uint32_t users = __atomic_load_n(&waiter->fd_users, __ATOMIC_SEQ_CST);
    while (users > 0 && !__atomic_compare_exchange_n(&waiter->fd_users, &users, users + 1, 0,
                                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    return users > 0;
}

static void leave_fd(struct fast_waiter *waiter) {
    int fd = waiter->wake_fd; /* read first: without users another one may take its place */
    if (__atomic_sub_fetch(&waiter->fd_users, 1, __ATOMIC_SEQ_CST) == 0) {
        inherit_disown(fd);
        close(fd);
    }
}

void fast_waiter_close_fd(struct fast_waiter *waiter) {
    if (__atomic_exchange_n(&waiter->fd_owned, 0, __ATOMIC_SEQ_CST)) leave_fd(waiter);
}

void fast_waiter_poke(struct fast_waiter *waiter) {
    if (!enter_fd(waiter)) return;
    fast_write_wake(waiter->wake_fd);
    leave_fd(waiter);
}

void fast_waiter_poll(struct fast_waiter *waiter, int fd, uint32_t seen,
                      const struct timespec *most) {
    if (!enter_fd(waiter)) return; /* the receiver has stopped: the next call will tell */
    struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = waiter->wake_fd, .events = POLLIN}};
    __atomic_store_n(&waiter->polling, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&waiter->wakes, __ATOMIC_SEQ_CST) == seen)
        syscall(SYS_ppoll, fds, 2, most, NULL, 0);
    __atomic_store_n(&waiter->polling, 0, __ATOMIC_SEQ_CST);
    uint64_t writes;
    if (fds[1].revents != 0) syscall(SYS_read, waiter->wake_fd, &writes, sizeof writes);
    leave_fd(waiter);
}
