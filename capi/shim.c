/* SPDX-License-Identifier: MIT
 *
 * The functions of hermes.h that need the Go side. Each does here what is cheaper
 * or safer in C (the fork gate, NULL and length checks, zeroing of outputs) and
 * leaves the rest to its namesake among the Go exports.
 */
#include "shim.h"

#include "pocket.h"
#include "tray.h"

#include "_cgo_export.h"

#include <stdlib.h>
#include <string.h>

/* What is defined here is declared in a header, and as it is declared there. */
#pragma GCC diagnostic error "-Wmissing-prototypes"

/* Room on the stack for an envelope to be received into. Most fit, and are then
 * allocated at their exact size without a step from Go back into C. */
enum { ENVELOPE_ROOM = 2048 };

/* ---- Checks: each leaves the function that uses it ------------------------- */

#define ENTER()                                                                                    \
    do {                                                                                           \
        int closed_gate = shim_enter(__func__);                                                    \
        if (__builtin_expect(closed_gate != HERMES_OK, 0)) return closed_gate;                     \
    } while (0)

#define NEED(argument)                                                                             \
    do {                                                                                           \
        if (__builtin_expect((argument) == NULL, 0))                                               \
            return shim_refuse(HERMES_EINVAL, "%s: %s is NULL", __func__, #argument);              \
    } while (0)

/* Longer than any memory, and short enough that a few of them can be added up. */
#define TOO_LONG (PTRDIFF_MAX / 4)

/* Text of a length: NULL only where it is empty, and no longer than memory. */
#define NEED_TEXT(argument)                                                                        \
    do {                                                                                           \
        if (__builtin_expect((argument) == NULL && argument##_len != 0, 0))                        \
            return shim_refuse(HERMES_EINVAL, "%s: %s is NULL, but %s_len is %zu", __func__,       \
                               #argument, #argument, argument##_len);                              \
        NEED_LENGTH(argument, argument##_len);                                                     \
    } while (0)

#define NEED_LENGTH(argument, length)                                                              \
    do {                                                                                           \
        if (__builtin_expect(                                                                      \
                (length) > TOO_LONG || (length) > UINTPTR_MAX - (uintptr_t)(argument), 0))         \
            return shim_refuse(HERMES_EINVAL, "%s: %s is %zu, more than memory can hold",          \
                               __func__, #length, (size_t)(length));                               \
    } while (0)

/* An output: zeroed first, so that it is zero after any failure. */
#define OUTPUT(pointer)                                                                            \
    do {                                                                                           \
        if ((pointer) != NULL) *(pointer) = 0;                                                     \
    } while (0)

#ifdef SHIM_COUNT_SHORTCUTS
static uint64_t shortcuts[SHIM_SHORTCUTS];

void shim_shortcut(int which) {
    __atomic_add_fetch(&shortcuts[which], 1, __ATOMIC_RELAXED);
}

uint64_t shim_shortcuts_taken(int which) {
    return __atomic_load_n(&shortcuts[which], __ATOMIC_RELAXED);
}
#endif

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

int hermes_start(uint64_t handle) {
    ENTER();
    return hermesgo_start(handle);
}

int hermes_stop(uint64_t handle, int32_t timeout_ms) {
    ENTER();
    return hermesgo_stop(handle, timeout_ms);
}

int hermes_stop_begin(uint64_t handle, int32_t timeout_ms) {
    ENTER();
    return hermesgo_stop_begin(handle, timeout_ms);
}

int hermes_close(uint64_t handle) {
    ENTER();
    return hermesgo_close(handle);
}

int hermes_wait(uint64_t handle, int32_t timeout_ms) {
    ENTER();
    return hermesgo_wait(handle, timeout_ms);
}

int hermes_wait_ready(uint64_t handle, int32_t timeout_ms) {
    ENTER();
    return hermesgo_wait_ready(handle, timeout_ms);
}

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

int hermes_fd(uint64_t handle) {
    ENTER();
    return hermesgo_fd(handle);
}

int hermes_pipe(uint64_t handle) {
    ENTER();
    return hermesgo_pipe(handle);
}

/* ---- Publishing ------------------------------------------------------------ */

int hermes_publish(uint64_t publisher, const char *topic, size_t topic_len, const char *origin,
                   size_t origin_len, const char *data, size_t data_len) {
    ENTER();
    NEED_TEXT(topic);
    NEED_TEXT(origin);
    NEED_TEXT(data);
    if (shim_pocket_put(publisher, topic, topic_len, origin, origin_len, data, data_len)) {
        shim_shortcut(SHIM_PUBLISH_SHORTCUT);
        return HERMES_OK;
    }
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
    if (shim_pocket_put_entry(publisher, json, len)) {
        shim_shortcut(SHIM_TRY_SHORTCUT);
        return HERMES_OK;
    }
    return hermesgo_publish_try(publisher, json, len);
}

int hermes_publish_marshal(uint64_t publisher, const char *values, int32_t len, size_t *count) {
    OUTPUT(count);
    ENTER();
    NEED(values);
    if (len < 0) return shim_refuse(HERMES_EINVAL, "%s: len is %d", __func__, (int)len);
    if (shim_pocket_put_values(publisher, values, (size_t)len)) {
        shim_shortcut(SHIM_MARSHAL_SHORTCUT);
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

int hermes_node_run(uint64_t node) {
    ENTER();
    return hermesgo_node_run(node);
}

/* ---- Receiving ------------------------------------------------------------- */

int hermes_receiver_subscribe(uint64_t receiver, const char *topic, size_t topic_len) {
    ENTER();
    NEED_TEXT(topic);
    return hermesgo_receiver_subscribe(receiver, topic, topic_len);
}

int hermes_receiver_unsubscribe(uint64_t receiver, const char *topic, size_t topic_len) {
    ENTER();
    NEED_TEXT(topic);
    return hermesgo_receiver_unsubscribe(receiver, topic, topic_len);
}

int hermes_receiver_accept(uint64_t receiver, const char *origin, size_t origin_len) {
    ENTER();
    NEED_TEXT(origin);
    return hermesgo_receiver_accept(receiver, origin, origin_len);
}

/* Makes an envelope of what Go has written: into the room on the stack, or into an
 * allocation of its own where that was too small. Without memory the envelope is lost, and
 * counted as dropped. */
static int keep_envelope(const char *function, uint64_t handle, const void *room,
                         struct shim_block block, hermes_envelope **envelope) {
    if (block.start != room) {
        *envelope = block.start;
        return HERMES_OK;
    }
    *envelope = malloc(block.size);
    if (*envelope == NULL) {
        hermesgo_undelivered(handle);
        return shim_refuse(HERMES_ENOMEM, "%s: no memory for an envelope of %llu bytes", function,
                           (unsigned long long)block.size);
    }
    memcpy(*envelope, room, block.size);
    return HERMES_OK;
}

int hermes_recv(uint64_t receiver, int32_t timeout_ms, hermes_envelope **envelope) {
    OUTPUT(envelope);
    ENTER();
    NEED(envelope);
    uint64_t room[ENVELOPE_ROOM / sizeof(uint64_t)];
    struct shim_block block = {room, sizeof room};
    struct shim_wait wait = shim_wait_begin(timeout_ms);
    int code;
    do {
        /* Who has the connection on loan asks Go first, and so gives it back. */
        code = wait.fd < 0 ? shim_tray_take(receiver, __func__, envelope) : SHIM_NO_TRAY;
        if (code == SHIM_NO_TRAY) code = hermesgo_recv(receiver, &wait, &block);
    } while (shim_wait_again(&wait, __func__, &code));
    if (code == HERMES_OK && *envelope != NULL) shim_shortcut(SHIM_RECV_SHORTCUT);
    if (code == HERMES_OK && *envelope == NULL)
        code = keep_envelope(__func__, receiver, room, block, envelope);
    return code;
}

int hermes_node_recv(uint64_t node, int32_t timeout_ms, hermes_envelope **envelope) {
    OUTPUT(envelope);
    ENTER();
    NEED(envelope);
    uint64_t room[ENVELOPE_ROOM / sizeof(uint64_t)];
    struct shim_block block = {room, sizeof room};
    struct shim_wait wait = shim_wait_begin(timeout_ms);
    int code;
    do code = hermesgo_node_recv(node, &wait, &block);
    while (shim_wait_again(&wait, __func__, &code));
    return code == HERMES_OK ? keep_envelope(__func__, node, room, block, envelope) : code;
}

int hermes_recv_batch(uint64_t receiver, size_t max, int32_t timeout_ms, hermes_batch **batch) {
    OUTPUT(batch);
    ENTER();
    NEED(batch);
    struct shim_block block = {NULL, 0};
    struct shim_wait wait = shim_wait_begin(timeout_ms);
    int code;
    do code = hermesgo_recv_batch(receiver, max, &wait, &block);
    while (shim_wait_again(&wait, __func__, &code));
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
    struct shim_wait wait = shim_wait_begin(timeout_ms);
    int code;
    do code = hermesgo_recv_json(receiver, max, &wait, text, len, count);
    while (shim_wait_again(&wait, __func__, &code));
    return code;
}

int hermes_recv_marshal(uint64_t receiver, size_t max, int32_t timeout_ms, char **values,
                        size_t *len) {
    OUTPUT(values);
    OUTPUT(len);
    ENTER();
    NEED(values);
    NEED(len);
    struct shim_wait wait = shim_wait_begin(timeout_ms);
    int code;
    do code = hermesgo_recv_marshal(receiver, max, &wait, values, len);
    while (shim_wait_again(&wait, __func__, &code));
    return code;
}
