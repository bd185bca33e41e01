/* SPDX-License-Identifier: MIT
 *
 * Publishes again what it receives: echo IN OUT NAME FROM TO. The topic FROMrest becomes
 * TOrest; the rest "end" is the last.
 */
#include <hermes.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int code) {
    char text[256];
    if (code == HERMES_OK) return;
    hermes_last_error(text, sizeof text);
    fprintf(stderr, "echo: %s\n", text);
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    const char *from = argv[4], *to = argv[5];
    uint64_t receiver, publisher;
    check(hermes_receiver_new(argv[2], argv[3], &receiver));
    check(hermes_receiver_subscribe(receiver, from, strlen(from)));
    check(hermes_set(receiver, "on_slow", "ignore"));
    check(hermes_publisher_new(argv[1], argv[3], &publisher));
    check(hermes_start(receiver));
    check(hermes_start(publisher));

    for (int ended = 0; !ended;) {
        hermes_envelope *e;
        size_t data_len;
        char topic[1024];
        check(hermes_recv(receiver, HERMES_FOREVER, &e));
        const char *rest = hermes_envelope_topic(e, NULL) + strlen(from);
        const char *data = hermes_envelope_data(e, &data_len);
        snprintf(topic, sizeof topic, "%s%s", to, rest);
        check(hermes_publish(publisher, topic, strlen(topic), NULL, 0, data, data_len));
        ended = strcmp(rest, "end") == 0;
        hermes_envelope_free(e);
    }
    check(hermes_stop(publisher, 60000));
    hermes_close(publisher);
    hermes_close(receiver);
    return 0;
}
