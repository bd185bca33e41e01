/* Prints every tick: subscriber [ADDRESS [COUNT]]. Ends after COUNT, or on Ctrl-C.
 *
 *     cc subscriber.c $(pkg-config --cflags --libs hermes) -o subscriber
 */
#include <hermes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int code, const char *what) {
    char text[256];
    if (code == HERMES_OK) return;
    hermes_last_error(text, sizeof text);
    fprintf(stderr, "%s: %s\n", what, text);
    exit(1);
}

int main(int argc, char **argv) {
    const char *address = argc > 1 ? argv[1] : "tcp://127.0.0.1:6001";
    long left = argc > 2 ? atol(argv[2]) : -1; /* negative: no limit */
    const char *topic = "ticks/";
    uint64_t receiver;

    check(hermes_receiver_new(address, "screen", &receiver), "hermes_receiver_new");
    check(hermes_receiver_subscribe(receiver, topic, strlen(topic)), "hermes_receiver_subscribe");
    check(hermes_start(receiver), "hermes_start");

    while (left != 0) {
        /* One by one; hermes_recv_batch() takes many in one call. */
        hermes_envelope *e;
        check(hermes_recv(receiver, HERMES_FOREVER, &e), "hermes_recv");
        printf("%s from %s: %s", hermes_envelope_topic(e, NULL), hermes_envelope_origin(e, NULL),
               hermes_envelope_data(e, NULL));
        if (hermes_envelope_lost(e) > 0)
            printf("   (%llu lost before it)", (unsigned long long)hermes_envelope_lost(e));
        printf("\n");
        fflush(stdout);
        hermes_envelope_free(e);
        if (left > 0) left--;
    }

    return hermes_close(receiver);
}
