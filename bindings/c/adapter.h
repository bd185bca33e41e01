/* SPDX-License-Identifier: MIT
 *
 * The conformance adapter of C: support.c (small helpers), components.c (steps that
 * make and drive components), envelopes.c (steps that publish and receive), steps.c (all other
 * steps, and the one loop that takes steps), cluster.c (the cluster of all runtimes), adapter.c.
 *
 * One thread takes the steps of a scenario; "spawn" starts further ones. They share a struct run
 * without a lock: only the first thread adds objects and threads, before others use them.
 */
#ifndef ADAPTER_H
#define ADAPTER_H

#define _POSIX_C_SOURCE 200809L
#include <hermes.h>

#include <jansson.h>
#include <pthread.h>
#include <stdint.h>

#define PATIENCE_MS 60000
#define MEETING_MS 300000 /* the same for all members of a cluster to be there */
#define MOST 32           /* objects, and threads, of one scenario */
#define WRONG 1           /* beside the codes: something did not come as expected */
#define FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)

/* One run of a scenario. */
struct run {
    struct object {
        const char *name;
        uint64_t handle;
    } objects[MOST];
    struct thread {
        const char *name;
        pthread_t id;
        struct run *run;
        json_t *steps;
        char why[1024];
        int code, over;
    } threads[MOST];
    int count, spawned;
};

/* What is known where a step is taken. */
struct place {
    struct run *run;
    json_t *step;
    int index; /* the round of the innermost repeat */
    char *why; /* 1024 bytes for what was wrong */
};

/* A kind of step: its name in the scenarios, and the function that takes it. */
struct kind {
    const char *name;
    int (*take)(struct place *);
};
extern const struct kind component_kinds[], envelope_kinds[]; /* ended by a NULL name */

/* Takes steps one after the other, in round index of the innermost repeat. Returns HERMES_OK, the
 * code of the failed step, or WRONG; the text is in why, of 1024 bytes. */
int take(struct run *run, json_t *steps, int index, char *why);

/* Prints a line of results and frees it; returns whether it is "ok". */
int report(json_t *line);

/* Takes part in a cluster with the arguments IN OUT NAME COUNT PEERS; returns whether it succeeded. */
int join_cluster(char **arguments);

/* support.c */
int64_t now_ms(void);
void sleep_ms(int64_t ms);
int wrong(char *why, const char *format, ...);
int told(char *why, int code);
int code_of(const char *name);
const char *text_of(json_t *step, const char *key);
int number_of(json_t *step, const char *key, int otherwise);
int timeout_of(json_t *step);
uint64_t handle_of(struct run *run, const char *name);
uint64_t on(struct place *p);

#endif /* ADAPTER_H */
