/* SPDX-License-Identifier: MIT
 *
 * The waiter: where a thread of C sleeps until a receiver has envelopes; see waiter.c.
 */
#ifndef HERMES_FAST_WAITER_H
#define HERMES_FAST_WAITER_H

#include <stdint.h>
#include <time.h>

/* One for each receiver, shared by Go and C. All fields but wake_fd are atomic. */
struct fast_waiter {
    uint32_t wakes;    /* how often it was woken; the futex that threads sleep on */
    uint32_t sleepers; /* threads that sleep there, or are about to */
    uint32_t polling;  /* 1 while a thread polls the leased connection and wake_fd */
    int32_t wake_fd;   /* an eventfd, made by Go for the first thread that polls */
    uint32_t fd_users; /* of wake_fd; the last one closes it */
    uint32_t fd_owned; /* 1 while the receiver is one of them */
    uint32_t holders;  /* Go, and calls that wait; the last one frees the waiter */
};

/* One call that may wait. Go looks for envelopes; if there are none it returns FAST_PAUSE;
 * C sleeps (fast_wait_pause) and calls Go again. */
struct fast_wait {
    struct fast_waiter *waiter; /* set by Go at the first pause, with a hold on it */
    uint64_t receiver;          /* its handle, set at the same time */
    int64_t until;              /* on the monotonic clock, in nanoseconds */
    int32_t timeout_ms;         /* negative: no end */
    int32_t fd;                 /* of the connection leased to this call; -1: none */
    uint32_t seen;              /* waiter->wakes before Go looked */
    uint32_t may_pause;         /* 0: Go is to return what it finds */
    uint32_t paused;            /* 1: C has slept before */
    uint32_t was_long;          /* 1: it slept for FAST_LONG_WAIT or longer when it last did */
    int64_t began;              /* when that was */
    uint32_t no_handoff;        /* 1: Go is not to let it wait in the handoff (handoff.h) */
};

/* Nanoseconds. For waits that are longer it is better to wake two threads than to enter Go. */
#define FAST_LONG_WAIT ((int64_t)2 * 1000 * 1000)

/* What Go returns beside the codes of hermes.h. */
enum {
    FAST_PAUSE = 1, /* sleep, and call again */
    FAST_AGAIN = 2  /* call again; envelopes may be in the prefetch buffer */
};

/* A waiter with one hold, which is Go's; NULL if memory is short. */
struct fast_waiter *fast_waiter_new(void);

/* Ends a hold. waiter may be NULL. */
void fast_waiter_release(struct fast_waiter *waiter);

/* Wakes the thread that polls. Go has incremented wakes before; it wakes those that sleep. */
void fast_waiter_poke(struct fast_waiter *waiter);

/* Gives up the receiver's use of the wake fd, as the receiver stops. */
void fast_waiter_close_fd(struct fast_waiter *waiter);

/* Polls the leased connection and the wake fd, for the holder of the lease. */
void fast_waiter_poll(struct fast_waiter *waiter, int fd, uint32_t seen,
                      const struct timespec *most);

/* Wakes all threads that sleep on the futex of a waiter or of a handoff; on Linux Go does it without
 * a call. */
void fast_wake(uint32_t *wakes);

/* Begins a call that waits at most timeout_ms; 0 polls, a negative time has no end. */
struct fast_wait fast_wait_begin(int32_t timeout_ms);

/* Stands before a sleep: sets how long it lasts at most, and returns 0 if the time is up. A
 * call with a negative timeout sleeps without an end. */
int fast_wait_start(struct fast_wait *wait, struct timespec *most);

/* Stands behind it. */
void fast_wait_stop(struct fast_wait *wait);

/* Sleeps until the receiver may have envelopes, or until the time is up. */
void fast_wait_pause(struct fast_wait *wait);

#endif /* HERMES_FAST_WAITER_H */
