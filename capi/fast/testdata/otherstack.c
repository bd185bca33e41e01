/* SPDX-License-Identifier: MIT
 *
 * Prints the nanoseconds that a call takes when calls come from two stacks of the main
 * thread in turn, as with coroutines; for capi/fast/measure.
 */
#define _GNU_SOURCE
#include "hermes.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

enum { TURNS = 20000, STACK = 128 << 10 };

static ucontext_t host, guest;
static uint64_t publisher;

static void call(void) {
    char name[16];
    if (hermes_get(publisher, "name", name, sizeof name) != HERMES_OK) abort();
}

static void calls(void) {
    for (;;) {
        call();
        swapcontext(&guest, &host);
    }
}

int main(void) {
    if (hermes_publisher_new("tcp://127.0.0.1:9", "p", &publisher) != HERMES_OK) return 1;
    getcontext(&guest);
    guest.uc_stack.ss_sp = malloc(STACK);
    guest.uc_stack.ss_size = STACK;
    makecontext(&guest, calls, 0);
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < TURNS; i++) {
        call();
        swapcontext(&host, &guest);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double ns = (double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec);
    printf("%.0f\n", ns / (2 * TURNS));
    return 0;
}
