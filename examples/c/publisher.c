/* Publishes ten ticks: publisher [ADDRESS]
 *
 *     cc publisher.c $(pkg-config --cflags --libs hermes) -o publisher
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
    const char *address = argc > 1 ? argv[1] : "tcp://127.0.0.1:6000";
    const char *topic = "ticks/BTCUSD";
    uint64_t publisher;

    check(hermes_publisher_new(address, "exchange", &publisher), "hermes_publisher_new");
    check(hermes_start(publisher), "hermes_start");
    /* Not needed: waits for a subscriber, so that the first tick is not dropped. */
    check(hermes_wait_ready(publisher, 5000), "hermes_wait_ready");

    for (int i = 0; i < 10; i++) {
        char data[64]; /* one JSON value */
        int len =
            snprintf(data, sizeof data, "{\"price\": %d, \"volume\": %.1f}", 42000 + i, i / 2.0);
        /* No origin given: it is the publisher's name, "exchange". */
        check(hermes_publish(publisher, topic, strlen(topic), NULL, 0, data, (size_t)len),
              "hermes_publish");
    }

    /* Publishing does not wait for the network. Stopping does: it sends what is left. */
    check(hermes_stop(publisher, 5000), "hermes_stop");
    return hermes_close(publisher);
}
