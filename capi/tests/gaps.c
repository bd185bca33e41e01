/* SPDX-License-Identifier: MIT
 *
 * What is missing before an envelope is told by hermes_envelope_lost(), by
 * hermes_recv_json() where asked to, by the counters, and by a notice. The sender is a
 * bare socket that speaks as much ZMTP 3.0 as it takes (docs/wire.md has the numbers).
 */
#include "support.h"

static void say(int sender, const void *bytes, size_t len) {
    CHECK(write_descriptor(sender, bytes, len) == (int)len);
}

/* Connects a PUB to where the receiver is bound, and waits until it is one. */
static int connected(uint64_t receiver) {
    char endpoint[128];
    OK(hermes_get(receiver, "endpoint", endpoint, sizeof endpoint));
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(strrchr(endpoint, ':') + 1)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int sender = (int)socket(AF_INET, SOCK_STREAM, 0);
    CHECK(sender >= 0 && connect(sender, (struct sockaddr *)&address, sizeof address) == 0);
    char greeting[64] = "\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL";
    say(sender, greeting, sizeof greeting);
    static const char ready[] = "\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03PUB";
    say(sender, ready, sizeof ready - 1);
    OK(hermes_wait_ready(receiver, PATIENCE_MS));
    return sender;
}

static void frame(int sender, const char *text, int more) {
    char head[2] = {(char)more, (char)strlen(text)};
    say(sender, head, sizeof head);
    say(sender, text, strlen(text));
}

/* Sends the envelope with this number. */
static void number(int sender, uint32_t n) {
    char ts[64] = "1700000000.5";
    uint64_t trailer = (uint64_t)0xBEEF << 32 | n;
    for (int shift = 46; shift >= 0; shift -= 2)
        strncat(ts, &" \0\t\0\n\0\r"[2 * (trailer >> shift & 3)], 1);
    frame(sender, "\"t\"", 1);
    frame(sender, "\"o\"", 1);
    frame(sender, "1", 1);
    frame(sender, ts, 0);
}

static void expect_json(uint64_t receiver, const char *want) {
    char *text;
    OK(hermes_recv_json(receiver, 1, PATIENCE_MS, &text, NULL, NULL));
    CHECK(strcmp(text, want) == 0);
    hermes_free(text);
}

static void expect_lost(uint64_t receiver, uint64_t want) {
    hermes_envelope *envelope;
    OK(hermes_recv(receiver, PATIENCE_MS, &envelope));
    CHECK(hermes_envelope_lost(envelope) == want);
    hermes_envelope_free(envelope);
}

static void there_was_a_notice(uint64_t receiver) {
    char *json;
    for (int found = 0; !found;) {
        OK(hermes_next_event(receiver, PATIENCE_MS, &json, NULL));
        found = strstr(json, "\"kind\":\"lost\"") != NULL;
        if (found) {
            CHECK(strstr(json, "\"topic\":\"t\"") && strstr(json, "\"origin\":\"o\""));
            CHECK(counter(json, "count") > 0);
        }
        hermes_free(json);
    }
}

int main(void) {
    uint64_t receiver;
    OK(hermes_receiver_new("@tcp://127.0.0.1:*", "r", &receiver));
    OK(hermes_set(receiver, "on_slow", "ignore"));
    OK(hermes_start(receiver));
    int sender = connected(receiver);
    static const uint32_t numbers[] = {0, 1, 5, 6, 0, 50, 51};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) number(sender, numbers[i]);
    expect_lost(receiver, 0);
    expect_lost(receiver, 0);
    expect_lost(receiver, 3);
    expect_lost(receiver, 0);
    expect_lost(receiver, 0);                                /* number 0 again is a duplicate */
    expect_json(receiver, "[[\"t\",\"o\",1,1700000000.5]]"); /* as ever, unless asked */
    OK(hermes_set(receiver, "json.lost", "on"));
    expect_json(receiver, "[[\"t\",\"o\",1,1700000000.5]]");
    number(sender, 60);
    expect_json(receiver, "[[\"t\",\"o\",1,1700000000.5,8]]");
    char *json;
    OK(hermes_stats(receiver, &json, NULL));
    CHECK(counter(json, "lost") == 3 + 43 + 8 && counter(json, "duplicates") == 1);
    hermes_free(json);
    there_was_a_notice(receiver);
    close_descriptor(sender);
    OK(hermes_close(receiver));
    return 0;
}
