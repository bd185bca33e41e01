/* SPDX-License-Identifier: MIT
 *
 * The functions of hermes.h that need Go. Each passes the fork gate, zeroes its outputs, so
 * that they are zero after any failure, and calls its namesake among the Go exports
 * (export_*.go), which checks the arguments. Functions that publish or receive try first
 * whether the call can be spared (fast/). A call that waits does so here, outside of Go.
 *
 * No locks: there is no state here.
 */
#include "exports.h"

#include "fast/handoff.h"
#include "fast/prefetch.h"
#include "fast/staging.h"

#include "_cgo_export.h"

#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* Each returns from the function that uses it. */
#define ENTER()                                                                                    \
    do {                                                                                           \
        int closed_gate = capi_enter(__func__);                                                    \
        if (__builtin_expect(closed_gate != HERMES_OK, 0)) return closed_gate;                     \
    } while (0)

#define NEED(argument)                                                                             \
    do {                                                                                           \
        if (__builtin_expect((argument) == NULL, 0))                                               \
            return capi_refuse(HERMES_EINVAL, "%s: %s is NULL", __func__, #argument);              \
    } while (0)

#define OUTPUT(pointer)                                                                            \
    do {                                                                                           \
        if ((pointer) != NULL) *(pointer) = 0;                                                     \
    } while (0)

/* A function without outputs. */
#define FORWARD(name, parameters, arguments)                                                       \
    int hermes_##name parameters {                                                                 \
        ENTER();                                                                                   \
        return hermesgo_##name arguments;                                                          \
    }

/* ---- Objects --------------------------------------------------------------- */

int hermes_publisher_new(const char *address, const char *name, uint64_t *publisher) {
    OUTPUT(publisher);
    ENTER();
    return hermesgo_publisher_new(address, name, publisher);
}

int hermes_receiver_new(const char *address, const char *name, uint64_t *receiver) {
    OUTPUT(receiver);
    ENTER();
    return hermesgo_receiver_new(address, name, receiver);
}

int hermes_postoffice_new(const char *in, const char *out, const char *debug,
                          uint64_t *postoffice) {
    OUTPUT(postoffice);
    ENTER();
    return hermesgo_postoffice_new(in, out, debug, postoffice);
}

int hermes_node_new(const char *name, uint64_t receiver, uint64_t publisher, uint64_t *node) {
    OUTPUT(node);
    ENTER();
    return hermesgo_node_new(name, receiver, publisher, node);
}

int hermes_get(uint64_t handle, const char *key, char *buf, size_t cap) {
    if (cap > 0) OUTPUT(buf);
    ENTER();
    return hermesgo_get(handle, key, buf, cap);
}

int hermes_stats(uint64_t handle, char **json, size_t *len) {
    OUTPUT(json);
    OUTPUT(len);
    ENTER();
    return hermesgo_stats(handle, json, len);
}

int hermes_next_event(uint64_t handle, int32_t timeout_ms, char **json, size_t *len) {
    OUTPUT(json);
    OUTPUT(len);
    ENTER();
    return hermesgo_next_event(handle, timeout_ms, json, len);
}

FORWARD(set, (uint64_t handle, const char *key, const char *value), (handle, key, value))
FORWARD(start, (uint64_t handle), (handle))
FORWARD(stop, (uint64_t handle, int32_t timeout_ms), (handle, timeout_ms))
FORWARD(stop_begin, (uint64_t handle, int32_t timeout_ms), (handle, timeout_ms))
FORWARD(close, (uint64_t handle), (handle))
FORWARD(wait, (uint64_t handle, int32_t timeout_ms), (handle, timeout_ms))
FORWARD(wait_ready, (uint64_t handle, int32_t timeout_ms), (handle, timeout_ms))
FORWARD(fd, (uint64_t handle), (handle))
FORWARD(pipe, (uint64_t handle), (handle))
FORWARD(node_run, (uint64_t node), (node))
FORWARD(receiver_subscribe, (uint64_t receiver, const char *topic, size_t topic_len),
        (receiver, topic, topic_len))
FORWARD(receiver_unsubscribe, (uint64_t receiver, const char *topic, size_t topic_len),
        (receiver, topic, topic_len))
FORWARD(receiver_accept, (uint64_t receiver, const char *origin, size_t origin_len),
        (receiver, origin, origin_len))

/* ---- Publishing ------------------------------------------------------------ */

int hermes_publish(uint64_t publisher, const char *topic, size_t topic_len, const char *origin,
                   size_t origin_len, const char *data, size_t data_len) {
    ENTER();
    if (fast_stage(publisher, topic, topic_len, origin, origin_len, data, data_len))
        return HERMES_OK;
    return hermesgo_publish(publisher, topic, topic_len, origin, origin_len, data, data_len);
}

FORWARD(publish_traced,
        (uint64_t publisher, const char *topic, size_t topic_len, const char *origin,
         size_t origin_len, const char *data, size_t data_len, const char *traceparent),
        (publisher, topic, topic_len, origin, origin_len, data, data_len, traceparent))

int hermes_publish_try(uint64_t publisher, const char *json) {
    ENTER();
    size_t len = json != NULL ? strlen(json) : 0;
    if (fast_stage_entry(publisher, json, len)) return HERMES_OK;
    return hermesgo_publish_try(publisher, json, len);
}

int hermes_publish_marshal(uint64_t publisher, const char *values, int32_t len, size_t *count) {
    OUTPUT(count);
    ENTER();
    if (fast_stage_row(publisher, values, (size_t)len)) {
        if (count != NULL) *count = 1;
        return HERMES_OK;
    }
    return hermesgo_publish_marshal(publisher, values, len, count);
}

int hermes_publish_batch(uint64_t publisher, const char *json, size_t len, size_t *count) {
    OUTPUT(count);
    ENTER();
    return hermesgo_publish_batch(publisher, json, len, count);
}

FORWARD(node_publish,
        (uint64_t node, const char *channel, size_t channel_len, const char *data, size_t data_len),
        (node, channel, channel_len, data, data_len))

/* ---- Receiving ------------------------------------------------------------- */

/* Looks once for envelopes, and lets block hold what it takes. */
typedef int32_t look_function(uint64_t handle, size_t max, struct fast_wait *wait,
                              struct capi_block *block);

/* Looks in the prefetch buffer first, but with the reader lease: in Go, which ends the lease. */
static int32_t look_for_one(uint64_t receiver, size_t max, struct fast_wait *wait,
                            struct capi_block *block) {
    if (wait->fd < 0 && fast_prefetch_take(receiver, capi_copy_envelope, &block->start))
        return HERMES_OK;
    if (wait->may_pause && !wait->paused) {
        size_t size = fast_handoff_take(receiver, wait, block->start);
        if (size > 0) {
            block->size = size;
            return HERMES_OK;
        }
    }
    return hermesgo_recv(receiver, max, wait, block);
}

/* Looks until there is something, or the time is up, and sleeps in between. The code of a
 * receiver that was closed meanwhile is corrected: its handle was not bad. */
static int receive(const char *function, look_function *look, uint64_t handle, size_t max,
                   int32_t timeout_ms, struct capi_block *block) {
    struct fast_wait wait = fast_wait_begin(timeout_ms);
    wait.no_handoff = look != look_for_one;
    int code;
    while ((code = look(handle, max, &wait, block)) == FAST_PAUSE || code == FAST_AGAIN) {
        if (code == FAST_PAUSE) fast_wait_pause(&wait);
    }
    if (wait.fd >= 0) hermesgo_end_lease(wait.receiver);
    fast_waiter_release(wait.waiter);
    if (code == HERMES_EBADHANDLE && wait.paused)
        code = capi_refuse(HERMES_ESTOPPED, "%s: closed while this call waited", function);
    return code;
}

/* Receives one envelope. Go writes it to the room on the stack, so that it need not call back
 * into C for memory; C then allocates what is needed. Go allocates if the room is too small. */
static int recv_one(const char *function, look_function *look, uint64_t handle, int32_t timeout_ms,
                    hermes_envelope **envelope) {
    uint64_t room[FAST_HANDOFF_ROOM / sizeof(uint64_t)]; /* most envelopes fit */
    struct capi_block block = {.start = room, .size = sizeof room};
    int code = receive(function, look, handle, 1, timeout_ms, &block);
    if (code != HERMES_OK) return code;
    *envelope = block.start;
    if (block.start == room) {
        *envelope = malloc(block.size);
        if (*envelope != NULL)
            memcpy(*envelope, room, block.size);
        else
            hermesgo_undelivered(handle); /* it was taken, and is lost */
    }
    if (*envelope != NULL) return HERMES_OK;
    return capi_refuse(HERMES_ENOMEM, "%s: no memory for an envelope", function);
}

int hermes_recv(uint64_t receiver, int32_t timeout_ms, hermes_envelope **envelope) {
    OUTPUT(envelope);
    ENTER();
    NEED(envelope);
    return recv_one(__func__, look_for_one, receiver, timeout_ms, envelope);
}

int hermes_node_recv(uint64_t node, int32_t timeout_ms, hermes_envelope **envelope) {
    OUTPUT(envelope);
    ENTER();
    NEED(envelope);
    return recv_one(__func__, hermesgo_node_recv, node, timeout_ms, envelope);
}

int hermes_recv_batch(uint64_t receiver, size_t max, int32_t timeout_ms, hermes_batch **batch) {
    OUTPUT(batch);
    ENTER();
    NEED(batch);
    struct capi_block block = {0};
    int code = receive(__func__, hermesgo_recv_batch, receiver, max, timeout_ms, &block);
    if (code != HERMES_OK) return code;
    *batch = realloc(block.start, block.size); /* makes it smaller */
    if (*batch == NULL) *batch = block.start;
    return HERMES_OK;
}

int hermes_recv_json(uint64_t receiver, size_t max, int32_t timeout_ms, char **text, size_t *len,
                     size_t *count) {
    OUTPUT(text);
    OUTPUT(len);
    OUTPUT(count);
    ENTER();
    NEED(text);
    struct capi_block block = {0};
    int code = receive(__func__, hermesgo_recv_json, receiver, max, timeout_ms, &block);
    *text = block.start;
    if (len != NULL) *len = block.size;
    if (count != NULL) *count = block.count;
    return code;
}

int hermes_recv_marshal(uint64_t receiver, size_t max, int32_t timeout_ms, char **values,
                        size_t *len) {
    OUTPUT(values);
    OUTPUT(len);
    ENTER();
    NEED(values);
    NEED(len);
    struct capi_block block = {0};
    int code = receive(__func__, hermesgo_recv_marshal, receiver, max, timeout_ms, &block);
    *values = block.start;
    *len = block.size;
    return code;
}
