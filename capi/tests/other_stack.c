/* SPDX-License-Identifier: MIT
 *
 * Calls from a stack that the host has made itself, as coroutines and foreign function
 * interfaces do: they work, take turns with calls from the thread's own stack, and
 * do not have Go read /proc/self/maps each time to find out where it is.
 */
#define _GNU_SOURCE
#include "support.h"

#include <pthread.h>
#include <ucontext.h>

enum { CALLS = 1000, STACK = 128 << 10 };

static ucontext_t host, guest;
static uint64_t publisher;

static void call(void) {
    char name[16];
    OK(hermes_get(publisher, "name", name, sizeof name));
    CHECK(strcmp(name, "guest") == 0);
}

static void calls(void) {
    for (int i = 0; i < CALLS; i++) {
        call();
        OK(swapcontext(&guest, &host));
    }
}

/* How many bytes this process has read from files. */
static long long bytes_read(void) {
    long long bytes = -1;
    FILE *io = fopen("/proc/self/io", "r");
    CHECK(io != NULL && fscanf(io, "rchar: %lld", &bytes) == 1);
    fclose(io);
    return bytes;
}

/* Switches to and fro between the two stacks of the calling thread. */
static long long take_turns(void) {
    void *stack = malloc(STACK);
    CHECK(stack != NULL);
    OK(getcontext(&guest));
    guest.uc_stack.ss_sp = stack;
    guest.uc_stack.ss_size = STACK;
    guest.uc_link = &host;
    makecontext(&guest, calls, 0);
    OK(swapcontext(&host, &guest)); /* the first of them may look where the stack is */
    call();
    long long before = bytes_read();
    for (int i = 1; i < CALLS; i++) {
        OK(swapcontext(&host, &guest));
        call();
    }
    long long after = bytes_read();
    OK(swapcontext(&host, &guest));
    free(stack);
    return after - before;
}

static void *in_a_thread(void *unused) {
    (void)unused;
    take_turns();
    return NULL;
}

int main(void) {
    pthread_t thread;
    OK(hermes_publisher_new("tcp://127.0.0.1:9", "guest", &publisher));
    long long bytes = take_turns();
    if (bytes >= 100 * CALLS) fprintf(stderr, "%lld bytes read\n", bytes);
    CHECK(bytes < 100 * CALLS); /* the maps are some thousand */
    OK(pthread_create(&thread, NULL, in_a_thread, NULL));
    OK(pthread_join(thread, NULL));
    take_turns();
    OK(hermes_close(publisher));
    return 0;
}
