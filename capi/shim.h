/* SPDX-License-Identifier: MIT
 *
 * What the C side and the Go side of the library share. Only types of fixed width
 * cross between them; the Go functions that the C side calls are declared by the
 * header that cgo generates, so that no declaration is written twice.
 */
#ifndef HERMES_SHIM_H
#define HERMES_SHIM_H

#include "hermes.h"

/* const char by a name of its own: cgo would drop the const. */
typedef const char hermes_text;

/* A received envelope. Its texts lie behind it in the same allocation, each with a
 * NUL behind it; the offsets count from the envelope itself. */
struct hermes_envelope {
    uint64_t topic_at, topic_len;
    uint64_t origin_at, origin_len;
    uint64_t data_at, data_len;
    double ts, received;
    uint64_t lost;
    uint64_t in_batch; /* 1 where a batch owns it, 0 where it is an allocation */
};

/* A batch: one allocation with its envelopes, and behind them their texts. */
struct hermes_batch {
    uint64_t size;
    struct hermes_envelope at[];
};

/* Memory that Go fills: room that the C side provides, or, where that is too
 * small, an allocation that Go made instead. */
struct shim_block {
    void *start;
    uint64_t size; /* in: bytes of room; out: bytes used */
};

/* bell.c: What a receiver rings when there may be something to take. Go and C both
 * hold it, and the last to let go frees it. */
struct shim_bell {
    uint32_t rung;    /* how often; also the futex that is waited on */
    uint32_t waiting; /* threads that wait there, or are about to */
    uint32_t polling; /* whether one waits for a connection instead, and for the door */
    int32_t door;     /* an eventfd, made by the first that does */
    uint32_t users;   /* of the door; the last closes it */
    uint32_t owned;   /* its receiver is one of them */
    uint32_t holders;
};

/* A call that may wait. Go finds nothing to take and returns SHIM_PAUSE, with a
 * hold on the bell; C waits, and calls again. */
struct shim_wait {
    struct shim_bell *bell; /* set by Go at the first pause */
    int64_t until;          /* on the monotonic clock, in nanoseconds */
    int32_t timeout_ms;
    int32_t fd;         /* a connection on loan to this call, to be waited for; or -1 */
    uint32_t seen;      /* the bell's count before Go looked */
    uint32_t may_pause; /* 0: Go is to say what it finds */
    uint32_t paused;    /* C has waited before */
};

/* What is no code of hermes.h: wait, and call again; there is something on the tray (tray.c),
 * or there is nothing. */
enum { SHIM_PAUSE = 1, SHIM_ON_TRAY = 2, SHIM_NO_TRAY = 3 };

struct shim_bell *shim_bell_new(void);
void shim_bell_hold(struct shim_bell *bell);
void shim_bell_release(struct shim_bell *bell);
void shim_bell_wake(struct shim_bell *bell);

/* Makes the door, if there is none. 0: it cannot. The one borrower at a time calls it. */
int shim_bell_door(struct shim_bell *bell);

/* Lets go of the door: there is nothing to wait for until the receiver runs again. */
void shim_bell_shut(struct shim_bell *bell);

struct shim_wait shim_wait_begin(int32_t timeout_ms);

/* Whether to call once more, after having waited for it. Makes the final code
 * presentable: the handle of a receiver that was closed meanwhile was not bad. */
int shim_wait_again(struct shim_wait *wait, const char *function, int *code);

/* gate.c: Enters the library: HERMES_OK, or why not. The first call of all starts
 * the Go runtime. */
int shim_enter(const char *function);

/* text.c: Sets the text that hermes_last_error() gives to this thread. */
void shim_set_error(hermes_text *text, size_t len);

/* text.c: Sets such a text by a printf format, and returns the code. */
int shim_refuse(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* text.c: Copies a text as the caller's buffer allows: always NUL-terminated, never
 * cut inside a character. */
void shim_copy(char *buf, size_t cap, hermes_text *text, size_t len);

/* Calls that took a shortcut, counted in a library built for tests (probe_on.go). */
enum {
    SHIM_PUBLISH_SHORTCUT,
    SHIM_TRY_SHORTCUT,
    SHIM_MARSHAL_SHORTCUT,
    SHIM_RECV_SHORTCUT,
    SHIM_SHORTCUTS
};
#ifdef SHIM_COUNT_SHORTCUTS
void shim_shortcut(int which);
uint64_t shim_shortcuts_taken(int which);
#else
#define shim_shortcut(which) ((void)0)
#endif

/* block.c: malloc for Go, which must see failure rather than crash. */
void *shim_alloc(size_t size);

#endif /* HERMES_SHIM_H */
