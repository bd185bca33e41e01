/* SPDX-License-Identifier: MIT
 *
 * What the contestants in C have in common: arguments, the clock, the ticks that are
 * sent, the checks on what arrives, and the talk with the referee over stdin and
 * stdout (see bench/README.md).
 */
#ifndef RACE_H
#define RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Arguments: PROGRAM ROLE key=value ... -------------------------------- */

/* To be called first. Gives the role. */
const char *arguments(int argc, char **argv);
/* The value of key; otherwise the given one. */
const char *text_of(const char *key, const char *otherwise);
int64_t number_of(const char *key, int64_t otherwise);

/* Ends the program with a message on stderr. */
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- Time ---------------------------------------------------------------- */

int64_t monotonic_ns(void);
int64_t wall_ns(void);
void sleep_ms(int ms);

/* Evenly spaced sending; rate is per second, and 0 is as fast as it goes. */
struct pace {
    int64_t start, rate;
    uint64_t every; /* how many are sent between two looks at the clock */
};
void pace_begin(struct pace *p, int64_t rate);
void pace_wait(const struct pace *p, uint64_t number);

/* ---- Ticks --------------------------------------------------------------- */

/* Everything about a tick follows from its number, so that the other side can tell
 * what must arrive. The data is
 *     ["Tick",1763800000.000042,"BTCUSD",42010.50,1000000042]
 * or, with payload=SIZE, a string of that many bytes that begins with the number. With
 * timed=1 the second element is the time of sending, in nanoseconds. */
struct tick {
    char topic[40]; /* a JSON string */
    size_t topic_len;
    char *data;
    size_t data_len;

    uint64_t topics; /* below: how the next one is made */
    size_t payload;
    bool timed;
    uint64_t number, topic_number; /* of this one */
};
void tick_init(struct tick *t);
void tick_make(struct tick *t, uint64_t number);
/* A tick that only says that the way is open. */
void tick_probe(struct tick *t, uint64_t number);
bool tick_is_probe(const struct tick *t);

/* What a tick says, for programs that send values and not texts. */
struct values {
    double ts, price;
    uint64_t number;
};
#define SYMBOL "BTCUSD"
struct values values_of(uint64_t number);
/* "1763800000.123456" for now, without a NUL; gives the length. */
size_t now_text(char *buf);

/* ---- Checking what arrives ------------------------------------------------ */

struct check; /* one receiver's */
struct check *check_new(void);
/* One envelope; topic and origin without quotation marks. True when all are there. */
bool check_take(struct check *c, const char *topic, size_t topic_len, const char *origin,
                size_t origin_len, const char *data, size_t data_len);
/* The same for one that was decoded; NULL stands for a probe. */
bool check_values(struct check *c, const char *topic, size_t topic_len, const char *origin,
                  size_t origin_len, const struct values *tick, const char *symbol);
/* For subscribers that time out: how long they wait in silence, in milliseconds. */
#define SILENCE_MS 20000
/* Prints the result. */
void check_print(struct check *c);

/* ---- The referee ---------------------------------------------------------- */

/* Waits at most ms for the word to start. */
bool told_to_go(int ms);
/* Waits until the referee has closed our stdin: it has taken its readings. */
void wait_for_end(void);
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Publishing ----------------------------------------------------------- */

/* Sends probes until the referee starts it, then count ticks at the rate asked for, and prints
 * when it began. */
typedef void send_function(void *self, const struct tick *t);
void publish_all(send_function *send, void *self);

/* Times single calls of send and prints the distribution, in nanoseconds. */
void time_calls(send_function *send, void *self);

#ifdef __cplusplus
}
#endif

#endif
