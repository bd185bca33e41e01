/* SPDX-License-Identifier: MIT
 *
 * The functions of hermes.h that need Go. Each does here what is cheaper or safer in C: it
 * passes the fork gate, checks for NULL and for lengths, and zeroes its outputs. The rest
 * is done by its namesake among the Go exports (export_*.go). Functions that publish or
 * receive try first whether the call can be spared (fast/).
 *
 * No locks: there is no state here.
 */
#include "exports.h"

#include "fast/prefetch.h"
#include "fast/staging.h"

#include "_cgo_export.h"

#include <stdlib.h>
#include <string.h>

#pragma GCC diagnostic error "-Wmissing-prototypes"

/* Bytes of room on the stack for an envelope. Most fit, so that Go need not call back into
 * C for memory; C then allocates their exact size. */
enum { ENVELOPE_ROOM = 2048 };

/* ---- Checks: each returns from the function that uses it ------------------- */

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

/* Longer than any memory, and short enough that a few lengths can be added up. */
#define TOO_LONG (PTRDIFF_MAX / 4)

/* Text of a length: NULL only where it is empty, and no longer than memory. */
#define NEED_TEXT(argument)                                                                        \
    do {                                                                                           \
        if (__builtin_expect((argument) == NULL && argument##_len != 0, 0))                        \
            return capi_refuse(HERMES_EINVAL, "%s: %s is NULL, but %s_len is %zu", __func__,       \
                               #argument, #argument, argument##_len);                              \
        NEED_LENGTH(argument, argument##_len);                                                     \
    } while (0)

#define NEED_LENGTH(argument, length)                                                              \
    do {                                                                                           \
        if (__builtin_expect(                                                                      \
                (length) > TOO_LONG || (length) > UINTPTR_MAX - (uintptr_t)(argument), 0))         \
            return capi_refuse(HERMES_EINVAL, "%s: %s is %zu, more than memory can hold",          \
                               __func__, #length, (size_t)(length));                               \
    } while (0)

/* An output: zeroed first, so that it is zero after any failure. */
#define OUTPUT(pointer)                                                                            \
    do {                                                                                           \
        if ((pointer) != NULL) *(pointer) = 0;                                                     \
    } while (0)

/* ---- Objects --------------------------------------------------------------- */

int hermes_publisher_new(const char *address, const char *name, uint64_t *publisher) {
    OUTPUT(publisher);
    ENTER();
    NEED(address);
    NEED(name);
    NEED(publisher);
    return hermesgo_publisher_new(address, name, publisher);
}

int hermes_receiver_new(const char *address, const char *name, uint64_t *receiver) {
    OUTPUT(receiver);
    ENTER();
    NEED(address);
    NEED(name);
    NEED(receiver);
    return hermesgo_receiver_new(address, name, receiver);
}

int hermes_postoffice_new(const char *in, const char *out, const char *debug,
                          uint64_t *postoffice) {
    OUTPUT(postoffice);
    ENTER();
    NEED(in);
    NEED(out);
    NEED(postoffice);
    return hermesgo_postoffice_new(in, out, debug, postoffice);
}

int hermes_node_new(const char *name, uint64_t receiver, uint64_t publisher, uint64_t *node) {
    OUTPUT(node);
    ENTER();
    NEED(name);
    NEED(node);
    return hermesgo_node_new(name, receiver, publisher, node);
}

int hermes_set(uint64_t handle, const char *key, const char *value) {
    ENTER();
    NEED(key);
    NEED(value);
    return hermesgo_set(handle, key, value);
}

int hermes_get(uint64_t handle, const char *key, char *buf, size_t cap) {
    if (buf != NULL && cap > 0) buf[0] = '\0';
    ENTER();
    NEED(key);
    NEED(buf);
    return hermesgo_get(handle, key, buf, cap);
}

#define OF_HANDLE(name)                                                                            \
    int hermes_##name(uint64_t handle) {                                                           \
        ENTER();                                                                                   \
        return hermesgo_##name(handle);                                                            \
    }
#define OF_HANDLE_AND_TIME(name)                                                                   \
    int hermes_##name(uint64_t handle, int32_t timeout_ms) {                                       \
        ENTER();                                                                                   \
        return hermesgo_##name(handle, timeout_ms);                                                \
    }
OF_HANDLE(start)
OF_HANDLE_AND_TIME(stop)
OF_HANDLE_AND_TIME(stop_begin)
OF_HANDLE(close)
OF_HANDLE_AND_TIME(wait)
OF_HANDLE_AND_TIME(wait_ready)
OF_HANDLE(fd)
OF_HANDLE(pipe)
OF_HANDLE(node_run)

int hermes_stats(uint64_t handle, char **json, size_t *len) {
    OUTPUT(json);
    OUTPUT(len);
    ENTER();
    NEED(json);
    return hermesgo_stats(handle, json, len);
}

int hermes_next_event(uint64_t handle, int32_t timeout_ms, char **json, size_t *len) {
    OUTPUT(json);
    OUTPUT(len);
    ENTER();
    NEED(json);
    return hermesgo_next_event(handle, timeout_ms, json, len);
}

/* ---- Publishing ------------------------------------------------------------ */

int hermes_publish(uint64_t publisher, const char *topic, size_t topic_len, const char *origin,
                   size_t origin_len, const char *data, size_t data_len) {
    ENTER();
    NEED_TEXT(topic);
    NEED_TEXT(origin);
    NEED_TEXT(data);
    if (fast_stage(publisher, topic, topic_len, origin, origin_len, data, data_len))
        return HERMES_OK;
    return hermesgo_publish(publisher, topic, topic_len, origin, origin_len, data, data_len);
}

int hermes_publish_batch(uint64_t publisher, const char *json, size_t len, size_t *count) {
    OUTPUT(count);
    ENTER();
    NEED(json);
    NEED_LENGTH(json, len);
    return hermesgo_publish_batch(publisher, json, len, count);
}

int hermes_publish_try(uint64_t publisher, const char *json) {
    ENTER();
    NEED(json);
    size_t len = strlen(json);
    if (fast_stage_entry(publisher, json, len)) return HERMES_OK;
    return hermesgo_publish_try(publisher, json, len);
}

int hermes_publish_marshal(uint64_t publisher, const char *values, int32_t len, size_t *count) {
    OUTPUT(count);
    ENTER();
    NEED(values);
    if (len < 0) return capi_refuse(HERMES_EINVAL, "%s: len is %d", __func__, (int)len);
    if (fast_stage_row(publisher, values, (size_t)len)) {
        if (count != NULL) *count = 1;
        return HERMES_OK;
    }
    return hermesgo_publish_marshal(publisher, values, (size_t)len, count);
}

int hermes_node_publish(uint64_t node, const char *channel, size_t channel_len, const char *data,
                        size_t data_len) {
    ENTER();
    NEED_TEXT(channel);
    NEED_TEXT(data);
    return hermesgo_node_publish(node, channel, channel_len, data, data_len);
}

/* ---- Receiving ------------------------------------------------------------- */

#define OF_RECEIVER_AND_TEXT(name, text)                                                           \
    int hermes_receiver_##name(uint64_t receiver, const char *text, size_t text##_len) {           \
        ENTER();                                                                                   \
        NEED_TEXT(text);                                                                           \
        return hermesgo_receiver_##name(receiver, text, text##_len);                               \
    }
OF_RECEIVER_AND_TEXT(subscribe, topic)
OF_RECEIVER_AND_TEXT(unsubscribe, topic)
OF_RECEIVER_AND_TEXT(accept, origin)

/* Whether to call Go again, after a wait if it asks for one. Otherwise it ends the wait, and
 * corrects the code of a receiver that was closed meanwhile: its handle was not bad. */
static int call_again(struct fast_wait *wait, const char *function, int *code) {
    if (*code == FAST_AGAIN) return 1;
    if (*code == FAST_PAUSE) {
        fast_wait_pause(wait);
        return 1;
    }
    if (wait->fd >= 0) hermesgo_end_lease(wait->receiver);
    fast_waiter_release(wait->waiter);
    if (*code == HERMES_EBADHANDLE && wait->paused)
        *code = capi_refuse(HERMES_ESTOPPED, "%s: closed while this call waited", function);
    return 0;
}

/* One of the Go exports that look for one envelope. */
typedef int32_t look_function(uint64_t handle, struct fast_wait *wait, struct capi_block *block);

/* Waits for one envelope. Go writes it into the room on the stack, or into an allocation if
 * that is too small. A call with the reader lease looks in Go only, which ends the lease. */
static int recv_one(const char *function, look_function *look, uint64_t handle, int32_t timeout_ms,
                    hermes_envelope **envelope) {
    uint64_t room[ENVELOPE_ROOM / sizeof(uint64_t)];
    struct capi_block block = {room, sizeof room};
    struct fast_wait wait = fast_wait_begin(timeout_ms);
    int code, prefetched;
    do {
        prefetched = look == hermesgo_recv && wait.fd < 0 &&
                     fast_prefetch_take(handle, capi_copy_envelope, (void **)envelope);
        code = prefetched ? HERMES_OK : look(handle, &wait, &block);
    } while (call_again(&wait, function, &code));
    if (code != HERMES_OK) return code;
    if (!prefetched) *envelope = block.start != room ? block.start : malloc(block.size);
    if (*envelope == NULL) {
        if (!prefetched) hermesgo_undelivered(handle); /* it was taken, and is lost */
        return capi_refuse(HERMES_ENOMEM, "%s: no memory for an envelope", function);
    }
    if (block.start == room && !prefetched) memcpy(*envelope, room, block.size);
    return HERMES_OK;
}

int hermes_recv(uint64_t receiver, int32_t timeout_ms, hermes_envelope **envelope) {
    OUTPUT(envelope);
    ENTER();
    NEED(envelope);
    return recv_one(__func__, hermesgo_recv, receiver, timeout_ms, envelope);
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
    struct capi_block block = {NULL, 0};
    struct fast_wait wait = fast_wait_begin(timeout_ms);
    int code;
    do code = hermesgo_recv_batch(receiver, max, &wait, &block);
    while (call_again(&wait, __func__, &code));
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
    struct fast_wait wait = fast_wait_begin(timeout_ms);
    int code;
    do code = hermesgo_recv_json(receiver, max, &wait, text, len, count);
    while (call_again(&wait, __func__, &code));
    return code;
}

int hermes_recv_marshal(uint64_t receiver, size_t max, int32_t timeout_ms, char **values,
                        size_t *len) {
    OUTPUT(values);
    OUTPUT(len);
    ENTER();
    NEED(values);
    NEED(len);
    struct fast_wait wait = fast_wait_begin(timeout_ms);
    int code;
    do code = hermesgo_recv_marshal(receiver, max, &wait, values, len);
    while (call_again(&wait, __func__, &code));
    return code;
}
