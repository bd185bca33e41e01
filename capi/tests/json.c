/* SPDX-License-Identifier: MIT
 *
 * JSON in and out: hermes_recv_json() gives [[topic, origin, data, ts], ...],
 * hermes_publish_batch() takes [[topic, origin, data], ...], data passes unchanged,
 * and the statistics are one object whose sums agree.
 */
#include "support.h"

/* Receives count envelopes as JSON and puts the texts, ts replaced by T, together. */
static void expect(uint64_t receiver, size_t envelopes, const char *want) {
    char *text, got[2048];
    size_t len, count;
    OK(hermes_recv_json(receiver, envelopes, PATIENCE_MS, &text, &len, &count));
    while (count < envelopes) { /* the others are still on their way */
        sleep_ms(20);
        char *more;
        size_t n;
        OK(hermes_recv_json(receiver, envelopes - count, PATIENCE_MS, &more, NULL, &n));
        count += n;
        text = (char *)realloc(text, len + strlen(more) + 1);
        memcpy(text + len - 1, ",", 1);
        strcpy(text + len, more + 1);
        len = strlen(text);
        hermes_free(more);
    }
    CHECK(strlen(text) == len);
    size_t to = 0;
    for (const char *from = text; *from != '\0' && to < sizeof got - 1;) {
        char *end = (char *)from;
        if (from > text && from[-1] == ',' && strtod(from, &end) > 1.6e9 && end[0] == ']') {
            got[to++] = 'T';
            from = end;
        } else {
            got[to++] = *from++;
        }
    }
    got[to] = '\0';
    if (strcmp(got, want) != 0) {
        fprintf(stderr, "got:  %s\nwant: %s\n", got, want);
        abort();
    }
    hermes_free(text);
}

static void one_envelope(struct cluster *c) {
    OK(publish(c->publisher, "t", "{\"a\":[1,2.50,NaN,-Infinity,true,null]}"));
    expect(c->receiver, 1, "[[\"t\",\"p\",{\"a\":[1,2.50,NaN,-Infinity,true,null]},T]]");
}

static void several_envelopes(struct cluster *c) {
    for (int i = 0; i < 3; i++) OK(publish(c->publisher, "t", "7"));
    expect(c->receiver, 3, "[[\"t\",\"p\",7,T],[\"t\",\"p\",7,T],[\"t\",\"p\",7,T]]");
}

static void no_more_than_max(struct cluster *c) {
    for (int i = 0; i < 3; i++) OK(publish(c->publisher, "t", "8"));
    expect(c->receiver, 2, "[[\"t\",\"p\",8,T],[\"t\",\"p\",8,T]]");
    expect(c->receiver, 1, "[[\"t\",\"p\",8,T]]");
}

/* Quotation marks, control characters, and characters beyond ASCII. */
static void texts_come_back_as_they_went(struct cluster *c) {
    const char topic[] = "a\"b\\c\n\t\x01\xC3\xA9\xF0\x9F\x98\x80";
    hermes_envelope *e;
    size_t len;
    OK(hermes_publish(c->publisher, topic, sizeof topic - 1, "o\0\"", 3, "\"\xE2\x82\xAC\"", 5));
    OK(hermes_recv(c->receiver, PATIENCE_MS, &e));
    CHECK(strcmp(hermes_envelope_topic(e, &len), topic) == 0 && len == sizeof topic - 1);
    CHECK(memcmp(hermes_envelope_origin(e, &len), "o\0\"", 4) == 0 && len == 3);
    CHECK(strcmp(hermes_envelope_data(e, NULL), "\"\xE2\x82\xAC\"") == 0);
    hermes_envelope_free(e);
}

static void origins(struct cluster *c) {
    OK(hermes_publish(c->publisher, "t", 1, "other", 5, "1", 1));
    OK(hermes_publish(c->publisher, "t", 1, "", 0, "2", 1));
    OK(hermes_publish(c->publisher, "t", 1, NULL, 0, "3", 1));
    OK(hermes_publish(c->publisher, NULL, 0, NULL, 0, "4", 1));
    expect(c->receiver, 4,
           "[[\"t\",\"other\",1,T],[\"t\",\"\",2,T],[\"t\",\"p\",3,T],[\"\",\"p\",4,T]]");
}

static void a_batch_goes_in_order(struct cluster *c) {
    const char json[] = " [ [\"a\",null,1] , [\"b\\n\", \"o\", {\"x\": "
                        "[2]}],[\"\\u00e9\",\"\\ud83d\\ude00\",NaN]] ";
    size_t count = 0;
    hermes_envelope *e;
    OK(hermes_publish_batch(c->publisher, json, sizeof json - 1, &count));
    CHECK(count == 3);
    const char *topics[] = {"a", "b\n", "\xC3\xA9"};
    const char *origins[] = {"p", "o", "\xF0\x9F\x98\x80"};
    const char *data[] = {"1", "{\"x\": [2]}", "NaN"};
    for (int i = 0; i < 3; i++) {
        OK(hermes_recv(c->receiver, PATIENCE_MS, &e));
        CHECK(strcmp(hermes_envelope_topic(e, NULL), topics[i]) == 0);
        CHECK(strcmp(hermes_envelope_origin(e, NULL), origins[i]) == 0);
        CHECK(strcmp(hermes_envelope_data(e, NULL), data[i]) == 0);
        hermes_envelope_free(e);
    }
    OK(hermes_publish_batch(c->publisher, "[]", 2, &count));
    CHECK(count == 0);
    OK(hermes_publish_batch(c->publisher, "[[\"t\",null,1]]", 14, NULL));
    expect(c->receiver, 1, "[[\"t\",\"p\",1,T]]");
}

/* To C such topics and origins are their JSON text, and a time of text is its number. */
static void topics_that_are_no_strings_are_their_text(struct cluster *c) {
    const char json[] = "[[null,null,1,null],[[\"a\",1],{\"k\":2},2,null],[5,true,3,null]]";
    const char *topics[] = {"null", "[\"a\",1]", "5"};
    const char *origins[] = {"null", "{\"k\":2}", "true"};
    hermes_envelope *e;
    OK(hermes_publish_batch(c->publisher, json, sizeof json - 1, NULL));
    for (int i = 0; i < 3; i++) {
        OK(hermes_recv(c->receiver, PATIENCE_MS, &e));
        CHECK(strcmp(hermes_envelope_topic(e, NULL), topics[i]) == 0);
        CHECK(strcmp(hermes_envelope_origin(e, NULL), origins[i]) == 0);
        hermes_envelope_free(e);
    }
    char row[128];
    snprintf(row, sizeof row, "[\"t\", \"o\", 1, \"%ld.5\"]",
             (long)time(NULL) + 1000); /* never too old */
    double ts = strtod(row + sizeof "[\"t\", \"o\", 1, \"" - 1, NULL);
    OK(hermes_publish_try(c->publisher, row));
    OK(hermes_recv(c->receiver, PATIENCE_MS, &e));
    CHECK(hermes_envelope_ts(e) == ts);
    hermes_envelope_free(e);
}

/* Larger than the room that the library has ready for an envelope. */
static void big_data(struct cluster *c) {
    enum { SIZE = 3000000 };
    char *data = (char *)malloc(SIZE + 1);
    hermes_envelope *e;
    size_t len;
    memset(data, 'x', SIZE);
    data[0] = data[SIZE - 1] = '"';
    data[SIZE] = '\0';
    for (size_t size = 1900; size <= SIZE; size = size < 2100 ? size + 1 : size * 3) {
        data[SIZE - size] = '"';
        OK(hermes_publish(c->publisher, "t", 1, NULL, 0, data + SIZE - size, size));
        OK(hermes_recv(c->receiver, PATIENCE_MS, &e));
        CHECK(memcmp(hermes_envelope_data(e, &len), data + SIZE - size, size + 1) == 0);
        CHECK(len == size);
        hermes_envelope_free(e);
        data[SIZE - size] = 'x';
    }
    free(data);
}

static void sums_agree(struct cluster *c) {
    char *json;
    size_t len;
    OK(hermes_stats(c->publisher, &json, &len));
    CHECK(strlen(json) == len && json[0] == '{' && json[len - 1] == '}');
    CHECK(counter(json, "accepted") == accounted(json, "sent"));
    CHECK(counter(json, "accepted") > 10);
    hermes_free(json);
    OK(hermes_stats(c->receiver, &json, NULL));
    CHECK(counter(json, "arrived") == accounted(json, "delivered"));
    CHECK(counter(json, "lost") == 0);
    hermes_free(json);
    OK(hermes_stats(c->office, &json, &len));
    CHECK(counter(json, "in_messages") == counter(json, "out_messages"));
    hermes_free(json);
}

static void events_tell_what_happened(struct cluster *c) {
    char *json;
    size_t len;
    int started = 0;
    while (hermes_next_event(c->receiver, 0, &json, &len) == HERMES_OK) {
        CHECK(strlen(json) == len && json[0] == '{');
        CHECK(strstr(json, "\"ts\":") && strstr(json, "\"level\":") && strstr(json, "\"text\":"));
        started += strstr(json, "\"kind\":\"started\"") != NULL;
        hermes_free(json);
    }
    CHECK(started == 1);
    FAILS(HERMES_ETIMEOUT, "hermes_next_event", hermes_next_event(c->receiver, 0, &json, &len));
    CHECK(json == NULL && len == 0);
}

int main(void) {
    struct cluster c;
    start_cluster(&c);
    one_envelope(&c);
    several_envelopes(&c);
    no_more_than_max(&c);
    texts_come_back_as_they_went(&c);
    origins(&c);
    a_batch_goes_in_order(&c);
    topics_that_are_no_strings_are_their_text(&c);
    big_data(&c);
    sums_agree(&c);
    events_tell_what_happened(&c);
    close_cluster(&c);
    return 0;
}
