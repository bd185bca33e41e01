/* SPDX-License-Identifier: MIT
 *
 * How a thread of C waits for envelopes. It sleeps here, on a futex, and not inside
 * Go: a thread that Go wakes has to be handed a processor by another one first,
 * which costs more than all the rest of a quiet envelope's way.
 *
 * The count of rings is read before the inbox is found empty, so a ring in between
 * ends the wait before it begins.
 *
 * One thread at a time may wait for the connection itself, and then reads what comes
 * (core/loan.go), so that nobody else has to be woken first. It waits for the bell's door
 * as well, which whoever rings opens. System calls are made by number: the functions
 * of libc are points of cancellation, and a thread that is cancelled in one would take the
 * connection with it.
 */
#include "shim.h"

#include "inherited.h"

#include "_cgo_export.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

struct shim_bell *shim_bell_new(void) {
    struct shim_bell *bell = calloc(1, sizeof *bell);
    if (bell != NULL) bell->holders = 1;
    return bell;
}

void shim_bell_hold(struct shim_bell *bell) {
    __atomic_add_fetch(&bell->holders, 1, __ATOMIC_RELAXED);
}

/* Who uses the door keeps it open, so that its number is nobody else's meanwhile. */
static int door_enter(struct shim_bell *bell) {
    uint32_t users = __atomic_load_n(&bell->users, __ATOMIC_SEQ_CST);
    while (users > 0 && !__atomic_compare_exchange_n(&bell->users, &users, users + 1, 0,
                                                     __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    return users > 0;
}

static void door_leave(struct shim_bell *bell) {
    int door = bell->door; /* afterwards it may be another one */
    if (__atomic_sub_fetch(&bell->users, 1, __ATOMIC_SEQ_CST) == 0) {
        shim_fd_disown(door);
        close(door);
    }
}

/* Makes a door, which is none of the standard streams, even where those are closed. */
static int door_new(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd >= 0 && fd <= STDERR_FILENO) {
        int high = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(fd);
        fd = high;
    }
    shim_fd_own(fd);
    return fd;
}

int shim_bell_door(struct shim_bell *bell) {
    if (__atomic_load_n(&bell->owned, __ATOMIC_SEQ_CST)) return 1;
    if (__atomic_load_n(&bell->users, __ATOMIC_SEQ_CST)) return 0; /* of one that was let go */
    bell->door = door_new();
    if (bell->door < 0) return 0;
    __atomic_store_n(&bell->users, 1, __ATOMIC_SEQ_CST);
    __atomic_store_n(&bell->owned, 1, __ATOMIC_SEQ_CST);
    return 1;
}

void shim_bell_shut(struct shim_bell *bell) {
    if (__atomic_exchange_n(&bell->owned, 0, __ATOMIC_SEQ_CST)) door_leave(bell);
}

void shim_bell_release(struct shim_bell *bell) {
    if (bell == NULL || __atomic_sub_fetch(&bell->holders, 1, __ATOMIC_ACQ_REL) != 0) return;
    shim_bell_shut(bell);
    free(bell);
}

void shim_bell_wake(struct shim_bell *bell) {
    if (__atomic_load_n(&bell->waiting, __ATOMIC_SEQ_CST) > 0)
        syscall(SYS_futex, &bell->rung, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
    if (__atomic_load_n(&bell->polling, __ATOMIC_SEQ_CST) && door_enter(bell)) {
        uint64_t one = 1;
        syscall(SYS_write, bell->door, &one, sizeof one);
        door_leave(bell);
    }
}

static int64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Sleeps until the bell has rung since it was seen, or until the time is up. */
static void sleep_on(struct shim_bell *bell, uint32_t seen, int64_t left) {
    struct timespec most = {left / 1000000000, left % 1000000000};
    __atomic_add_fetch(&bell->waiting, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &bell->rung, FUTEX_WAIT_PRIVATE, seen, left < 0 ? NULL : &most, NULL, 0);
    __atomic_sub_fetch(&bell->waiting, 1, __ATOMIC_SEQ_CST);
}

/* The same, and until there is something to read from the connection on loan. */
static void poll_on(struct shim_bell *bell, int fd, uint32_t seen, int64_t left) {
    if (!door_enter(bell)) return; /* closed: the next look will tell */
    struct pollfd doors[] = {{.fd = fd, .events = POLLIN}, {.fd = bell->door, .events = POLLIN}};
    struct timespec most = {left / 1000000000, left % 1000000000};
    __atomic_store_n(&bell->polling, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&bell->rung, __ATOMIC_SEQ_CST) == seen)
        syscall(SYS_ppoll, doors, 2, left < 0 ? NULL : &most, NULL, 0);
    __atomic_store_n(&bell->polling, 0, __ATOMIC_SEQ_CST);
    uint64_t rings;
    if (doors[1].revents != 0) syscall(SYS_read, bell->door, &rings, sizeof rings);
    door_leave(bell);
}

struct shim_wait shim_wait_begin(int32_t timeout_ms) {
    struct shim_wait wait = {.timeout_ms = timeout_ms, .fd = -1};
    wait.may_pause = timeout_ms != 0;
    return wait;
}

int shim_wait_again(struct shim_wait *wait, const char *function, int *code) {
    if (*code == SHIM_ON_TRAY) return 1;
    if (*code != SHIM_PAUSE) {
        if (wait->fd >= 0) hermesgo_give_back(wait->bell);
        shim_bell_release(wait->bell);
        if (*code == HERMES_EBADHANDLE && wait->paused)
            *code = shim_refuse(HERMES_ESTOPPED, "%s: closed while this call waited", function);
        return 0;
    }
    int64_t left = -1;
    if (wait->timeout_ms > 0) {
        int64_t now = nanoseconds();
        if (!wait->paused) wait->until = now + (int64_t)wait->timeout_ms * 1000000;
        left = wait->until - now;
        wait->may_pause = left > 0; /* else the next look is the last */
    }
    wait->paused = 1;
    if (!wait->may_pause) return 1;
    if (wait->fd >= 0)
        poll_on(wait->bell, wait->fd, wait->seen, left);
    else
        sleep_on(wait->bell, wait->seen, left);
    return 1;
}
