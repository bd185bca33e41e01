/* SPDX-License-Identifier: MIT
 *
 * hermes 2: a pub/sub cluster library on the ZeroMQ protocol. C interface.
 *
 * A PUBLISHER sends ENVELOPES (topic, origin, data, time) to a POST OFFICE, which
 * forwards each to the RECEIVERS that have subscribed to a prefix of its topic. A post
 * office is a broker: a proxy between XSUB and XPUB, in the terms of ZeroMQ. A NODE is
 * a name with a receiver, a publisher, or both.
 *
 * A program makes an object (such as hermes_receiver_new()), sets its options with
 * hermes_set(), starts it with hermes_start(), calls hermes_publish() or hermes_recv(),
 * and closes it with hermes_close(). examples/c has two whole programs.
 *
 * Handles
 *   A handle, a uint64_t, names an object. It is never 0, below 2^53, never used twice in
 *   a process, and contains the kind of the object. A call with a handle that is wrong, of
 *   another kind, or closed fails with HERMES_EBADHANDLE.
 * Results
 *   A function that can fail returns HERMES_OK (0) or a negative HERMES_E... code;
 *   hermes_last_error() then returns a text that says what failed and why. Outputs come
 *   last and are zeroed on failure. An output pointer that is NULL is HERMES_EINVAL,
 *   unless its description says that it may be.
 * Text
 *   Names, addresses, option keys and values are NUL-terminated UTF-8. Topics, origins and
 *   data are a pointer and a length in bytes, need no NUL, and may be NULL if the length
 *   is 0; a NUL inside is part of them. A language whose strings may contain a NUL must
 *   refuse one in a NUL-terminated text, which C would cut there.
 * Ownership
 *   The library reads its inputs during the call only. The caller owns the outputs, and
 *   frees each with the function that is named beside it, from any thread.
 * Time
 *   A timeout is in milliseconds: HERMES_FOREVER (-1, or any negative value) waits without
 *   end, 0 polls. Timestamps are seconds since the Unix epoch.
 * Threads
 *   Any function may be called from any thread, at any time, with one exception: an
 *   envelope or a batch must not be read while another thread frees it. The library never
 *   calls back into the program.
 * fork
 *   A child forked after the first use gets HERMES_EFORKED. Fork before it, exec, or load a copy.
 * Limits
 *   One libhermes a process, never unloaded (dlclose does nothing). On Windows descriptors are
 *   SOCKETs, and a program that links the static library defines HERMES_STATIC.
 */
#ifndef HERMES_H
#define HERMES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32) && defined(HERMES_BUILD) && !defined(HERMES_STATIC)
#define HERMES_API __declspec(dllexport)
#elif defined(_WIN32) && !defined(HERMES_STATIC)
#define HERMES_API __declspec(dllimport)
#elif defined(__GNUC__) && !defined(_WIN32)
#define HERMES_API __attribute__((visibility("default")))
#else
#define HERMES_API
#endif

/* ---- Version ------------------------------------------------------------- */

#define HERMES_VERSION_MAJOR 2
#define HERMES_VERSION_MINOR 0
#define HERMES_VERSION_PATCH 0
#define HERMES_VERSION_STRING "2.0.0"

/* Grows with each addition to this header. What is in it does not change. */
#define HERMES_ABI_VERSION 2

/** The library's version, such as "2.0.0". Static; never fails. @since 2.0 */
HERMES_API const char *hermes_version_string(void);

/** The HERMES_ABI_VERSION of the library: it serves programs with this one and all before. @since 2.0 */
HERMES_API int hermes_abi_version(void);

/* ---- Errors -------------------------------------------------------------- */

/* Codes are added, and never changed. */
#define HERMES_OK 0
#define HERMES_EINVAL (-1)     /* an argument is NULL or out of range */
#define HERMES_EBADHANDLE (-2) /* no such object, closed, or of another kind */
#define HERMES_ESTATE (-3)     /* not started, or started already */
#define HERMES_EADDRESS (-4)   /* not an address, or one that cannot be served */
#define HERMES_EADDRINUSE (-5) /* another socket is bound to the address */
#define HERMES_EOPTION (-6)    /* no such option, or not a value of it */
#define HERMES_EUTF8 (-7)      /* text that is not UTF-8 */
#define HERMES_EJSON (-8)      /* data that is not one JSON value */
#define HERMES_EFULL (-9)      /* the queue had no room in time; counted as dropped */
#define HERMES_ETIMEOUT (-10)  /* nothing happened in time */
#define HERMES_ESTOPPED (-11)  /* the object has stopped, and nothing is left to take */
#define HERMES_EFORKED (-12)   /* this process was forked after the library's first use */
#define HERMES_EINTERNAL (-13) /* a fault inside the library; the object has failed */
#define HERMES_ENOMEM (-14)    /* out of memory, or a limit keeps the library from starting */
#define HERMES_ERANGE (-15)    /* the caller's buffer is too small */
#define HERMES_ETOOBIG (-16)   /* an envelope above the limit "message.bytes" */
#define HERMES_ENOTSUP (-17)   /* not for this kind of object */
#define HERMES_EIO (-18)       /* the operating system refused; the text says what */
#define HERMES_EACCES (-19)    /* refused by the peer: the key is not known, or has no rights */
#define HERMES_EAUTH (-20)     /* the peer has not proved that it is the one expected */

/** A short English text for a code: static, never NULL, for unknown codes too. @since 2.0 */
HERMES_API const char *hermes_strerror(int code);

/**
 * Copies the text of the calling thread's last failed call into @p buf, always
 * NUL-terminated, cut to @p cap bytes. Successful calls do not change it.
 * @param buf  may be NULL when @p cap is 0.
 * @return the full length without the NUL; 0 when nothing has failed yet. @since 2.0
 */
HERMES_API size_t hermes_last_error(char *buf, size_t cap);

/* ---- Objects ------------------------------------------------------------- */

#define HERMES_FOREVER (-1)

/**
 * A publisher that connects to @p address, the post office's incoming side.
 * Several addresses are separated by commas: it connects to all of them, and sends each
 * envelope to each. An address that begins with '@' is bound instead. Nothing happens on the
 * network before hermes_start().
 * @param address  such as "tcp://127.0.0.1:6000" or "ipc:///run/hermes.in".
 * @param name     its name, not empty: the origin of what it publishes, unless a call
 *                 gives another one.
 * @param publisher  receives the handle; close it with hermes_close().
 * @return HERMES_OK, _EINVAL, _EUTF8, _EADDRESS. @since 2.0
 */
HERMES_API int hermes_publisher_new(const char *address, const char *name, uint64_t *publisher);

/**
 * A receiver that connects to @p address, the post office's outgoing side.
 * Several addresses are those of post offices that forward the same envelopes: it
 * receives each envelope once. Without hermes_receiver_subscribe() it follows every topic.
 * Parameters and results as hermes_publisher_new(). @since 2.0
 */
HERMES_API int hermes_receiver_new(const char *address, const char *name, uint64_t *receiver);

/**
 * A post office: binds @p in for publishers and @p out for receivers, and relays
 * between them without changing frames. Any ZeroMQ PUB or SUB socket may connect.
 * @param debug  an address at which a copy of everything relayed is published, or NULL.
 * @param postoffice  receives the handle; close it with hermes_close().
 * @return HERMES_OK, _EINVAL, _EUTF8, _EADDRESS; hermes_start() finds those in use. @since 2.0
 */
HERMES_API int hermes_postoffice_new(const char *in, const char *out, const char *debug,
                                     uint64_t *postoffice);

/**
 * A node: a name for a receiver, a publisher, or both. Starting and stopping it
 * starts and stops them. They remain the caller's to close.
 * @param receiver,publisher  handles, or 0 for none.
 * @param node  receives the handle; close it with hermes_close().
 * @return HERMES_OK, _EINVAL, _EUTF8, _EBADHANDLE. @since 2.0
 */
HERMES_API int hermes_node_new(const char *name, uint64_t receiver, uint64_t publisher,
                               uint64_t *node);

/**
 * Sets an option; docs/configuration.md lists all of them. Durations are written as "250ms", "1s",
 * "1m30s", or a plain number of milliseconds; sizes in bytes as a plain number or with KiB, MiB,
 * GiB. Most can be set only before the start; the list says which can be set at any time.
 * @return HERMES_OK, _EBADHANDLE, _EINVAL, _EOPTION (the text names key and
 *         value), _ESTATE (too late for this one). @since 2.0
 */
HERMES_API int hermes_set(uint64_t handle, const char *key, const char *value);

/**
 * Copies the value of an option into @p buf, NUL-terminated. Besides the options
 * there are readable facts: "name", "address", "state" (new, running, stopped,
 * closed), "stop_reason", "stop_error" (what the last stop could not send, or empty),
 * and of an object that binds "endpoint" (with the port that the system chose); a post office
 * has "endpoint.in", "endpoint.out", "endpoint.debug".
 * @return HERMES_OK, _EBADHANDLE, _EINVAL, _EOPTION, _ERANGE (@p buf then holds
 *         the beginning). @since 2.0
 */
HERMES_API int hermes_get(uint64_t handle, const char *key, char *buf, size_t cap);

/**
 * Starts any object: binds, or begins to connect, and returns. An object that was stopped
 * may be started again.
 * @return HERMES_OK, _EBADHANDLE, _ESTATE, _EADDRESS, _EADDRINUSE, _EIO. @since 2.0
 */
HERMES_API int hermes_start(uint64_t handle);

/**
 * Stops any object, and waits until it has stopped. A publisher first sends what it has
 * queued, for at most @p timeout_ms. What it cannot send in that time it drops and counts,
 * and the result is HERMES_ETIMEOUT with the number in the text. A receiver keeps what it
 * has received for hermes_recv(). Stopping an object that is not running does nothing. If
 * another stop is under way, that takes no longer than this one allows.
 * @return HERMES_OK, _EBADHANDLE, _ETIMEOUT. @since 2.0
 */
HERMES_API int hermes_stop(uint64_t handle, int32_t timeout_ms);

/**
 * Begins to stop any object as hermes_stop() does, and returns at once: for event loops.
 * hermes_wait() waits until it has stopped; hermes_get() of "stop_error" then says what it
 * could not send.
 * @return HERMES_OK, _EBADHANDLE. @since 2.0
 */
HERMES_API int hermes_stop_begin(uint64_t handle, int32_t timeout_ms);

/**
 * Stops the object if need be (flushing for at most its option "linger", 1 s unless set), frees
 * it, and wakes every thread that waits in a call on it: with HERMES_ESTOPPED, except
 * hermes_wait(), which returns HERMES_OK, and hermes_publish(), which returns HERMES_ESTATE.
 * The handle is invalid from then on; closing it again does nothing and returns HERMES_OK.
 * @return HERMES_OK, or HERMES_EBADHANDLE for a value that never was a handle. @since 2.0
 */
HERMES_API int hermes_close(uint64_t handle);

/**
 * Waits until the object is not running: stopped, failed, or never started.
 * @return HERMES_OK, _EBADHANDLE, _ETIMEOUT; _EINTERNAL after a fault (in the text). @since 2.0
 */
HERMES_API int hermes_wait(uint64_t handle, int32_t timeout_ms);

/**
 * Waits until the object can do its work: for a publisher, connected and a subscription seen; for a
 * receiver, connected; for a post office, bound; for a node, its receiver and its publisher. After
 * HERMES_ETIMEOUT hermes_last_error() says what is missing. Where every address refuses the object,
 * or has not proved who it is, it does not wait; the object still tries to connect.
 * @return HERMES_OK, _EBADHANDLE, _ESTATE (not started), _ETIMEOUT, _ESTOPPED, _EACCES,
 *         _EAUTH. @since 2.0
 */
HERMES_API int hermes_wait_ready(uint64_t handle, int32_t timeout_ms);

/**
 * The object's counters as one JSON object; docs/guide.md explains each. They are taken at
 * one instant, so that the sums agree exactly. "problem" says what is wrong with the
 * connections, if nothing comes or goes because of them; otherwise it is empty.
 * @param json  receives the text, NUL-terminated; free with hermes_free().
 * @param len   receives its length; may be NULL.
 * @return HERMES_OK, _EBADHANDLE, _EINVAL, _ENOMEM. @since 2.0
 */
HERMES_API int hermes_stats(uint64_t handle, char **json, size_t *len);

/**
 * Takes the oldest event of the object: a connection that was made or lost, malformed
 * input, a stop and its reason. An event is one JSON object with "ts", "kind", "level"
 * (info, warning, error) and "text", and more by kind. An object keeps the newest 256 events
 * and counts those that it dropped ("events_dropped").
 * @param json  receives the text; free with hermes_free().
 * @param len   receives its length; may be NULL.
 * @return HERMES_OK, _EBADHANDLE, _EINVAL, _ETIMEOUT, _ENOMEM, _ESTOPPED (not
 *         running, and no event left). @since 2.0
 */
HERMES_API int hermes_next_event(uint64_t handle, int32_t timeout_ms, char **json, size_t *len);

/**
 * A file descriptor for poll, epoll, and any event loop. That of a receiver (or of a node's
 * receiver) polls readable as long as there is an envelope to take, or it has stopped. That of
 * a publisher polls readable unless its queue is full: an attempt that finds no room makes it
 * unreadable until there is some, or until the publisher stops. Level-triggered. Only wait on
 * it: do not read, write or close it. It belongs to the object and ends with hermes_close().
 * @return the descriptor, or HERMES_EBADHANDLE, _ENOTSUP, _EIO. @since 2.0
 */
HERMES_API int hermes_fd(uint64_t handle);

/**
 * A socket for event loops that read, and close, what they wait for. One byte comes when
 * there may be something to take from a receiver, and when it has stopped. The program then
 * takes with a timeout of 0 until the result is HERMES_ETIMEOUT: only after that does another
 * byte come. For other objects none comes. What the program writes is ignored. An object has
 * at most one such socket.
 *
 * The descriptor belongs to the caller. When the caller closes it, or the thread or process
 * that owns it ends, the library closes the object as hermes_close() does. If hermes_close()
 * comes first, the caller reads the end of the stream.
 * @return the descriptor, close-on-exec and non-blocking; or HERMES_EBADHANDLE, _ESTATE (the
 *         object has one already), _EIO. @since 2.0
 */
HERMES_API int hermes_pipe(uint64_t handle);

/* ---- Publishing ---------------------------------------------------------- */

/**
 * Queues one envelope and returns; does not wait for the network. When the queue
 * is full the option "queue.full" says what happens; unless set, it waits for room,
 * at most the option "queue.block" (1 s).
 * @param topic   text, UTF-8.
 * @param origin  text, UTF-8; NULL stands for the publisher's name. With a pointer that is
 *                not NULL and a length of 0 the origin is empty.
 * @param data    one JSON value, UTF-8; NaN, Infinity and -Infinity are accepted,
 *                as Python writes them.
 * @return HERMES_OK, _EBADHANDLE, _EINVAL, _EUTF8, _EJSON, _ESTATE, _EFULL, _ETOOBIG. @since 2.0 */
HERMES_API int hermes_publish(uint64_t publisher, const char *topic, size_t topic_len,
                              const char *origin, size_t origin_len, const char *data,
                              size_t data_len);

/**
 * hermes_publish() with a trace context of W3C, which receivers see as hermes_envelope_traceparent(),
 * and programs of 1.x as white space. It travels only if it is sampled: if its last bit is set.
 * @param traceparent  NUL-terminated: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".
 * @return as hermes_publish(); HERMES_EINVAL if it is not one of version 00. @since 2.0 */
HERMES_API int hermes_publish_traced(uint64_t publisher, const char *topic, size_t topic_len,
                                     const char *origin, size_t origin_len, const char *data,
                                     size_t data_len, const char *traceparent);

/**
 * Queues many envelopes in one call, in order.
 * @param json   a JSON array of [topic, origin, data]; origin may be null for the
 *               publisher's name. An element may also be [topic, origin, data, ts]:
 *               then the origin goes out as it is, null included, and so does ts in
 *               place of the time of sending, unless it is null; and [topic, origin, data, ts,
 *               traceparent], as hermes_publish_traced(). Topic and origin may be
 *               any JSON value (docs/wire.md); nearly all are strings. A ts is a number,
 *               in seconds since the Unix epoch, or another value that receivers accept as
 *               a time; any other is HERMES_EINVAL, unless the option "times" is "any". The
 *               whole text is checked first: if anything in it is wrong, nothing is queued.
 * @param count  receives how many were queued, on failure too (HERMES_EFULL in the
 *               middle); may be NULL.
 * @return as hermes_publish(). @since 2.0 */
HERMES_API int hermes_publish_batch(uint64_t publisher, const char *json, size_t len,
                                    size_t *count);

/**
 * Queues one envelope and never waits: for event loops, and for languages in which a
 * call with many arguments is slow.
 * @param json  NUL-terminated: a JSON array, as an element of hermes_publish_batch().
 * @return as hermes_publish(), but HERMES_ETIMEOUT if there is no room: then nothing is queued and
 *         nothing is counted. Try again when hermes_fd() of the publisher is readable. @since 2.0 */
HERMES_API int hermes_publish_try(uint64_t publisher, const char *json);

/**
 * Queues several envelopes and never waits: for Python, which writes numbers and strings
 * in the format of its module marshal several times as fast as JSON.
 * @param values  what marshal.dumps(rows, 2) gives for a list of tuples (topic, origin,
 *                data). They go out as json.dumps() would write them. Data may be None,
 *                booleans, integers of 64 bits, floats, strings without lone surrogates,
 *                lists, tuples, and dicts whose keys are strings, 1,024 deep.
 * @param len     in bytes.
 * @param count   receives how many were queued before the first one that was not; may be NULL.
 * @return HERMES_OK if all were queued. Otherwise as hermes_publish_try() for the first one
 *         that was not: HERMES_ETIMEOUT if there is no room, HERMES_EJSON for values that are
 *         none of the above. @since 2.0 */
HERMES_API int hermes_publish_marshal(uint64_t publisher, const char *values, int32_t len,
                                      size_t *count);

/* ---- Receiving ----------------------------------------------------------- */

/** One received envelope: opaque, immutable. */
typedef struct hermes_envelope hermes_envelope;

/** Several received envelopes, in order: opaque, immutable. */
typedef struct hermes_batch hermes_batch;

/**
 * Follows the topics that begin with @p topic, before or after the start. The
 * first subscription replaces "every topic"; an empty one asks for it again.
 * Subscriptions are counted. A topic that begins with a quotation mark is taken
 * as a raw prefix of the first frame on the wire (docs/wire.md). A JSON value that is not a
 * string, or the beginning of an array or object, also follows topics that are such values.
 * @return HERMES_OK, _EBADHANDLE, _EINVAL, _EUTF8. @since 2.0 */
HERMES_API int hermes_receiver_subscribe(uint64_t receiver, const char *topic, size_t topic_len);

/** Undoes one hermes_receiver_subscribe(). After the last one nothing is
 * received. @return HERMES_OK, _EBADHANDLE, _EINVAL (not subscribed), _EUTF8. @since 2.0 */
HERMES_API int hermes_receiver_unsubscribe(uint64_t receiver, const char *topic, size_t topic_len);

/** Accepts envelopes of this origin. From the first call on, envelopes of origins that are
 * not accepted are dropped and counted. Before or after the start. @return HERMES_OK, _EBADHANDLE,
 * _EINVAL, _EUTF8. @since 2.0 */
HERMES_API int hermes_receiver_accept(uint64_t receiver, const char *origin, size_t origin_len);

/**
 * Takes the oldest envelope. If nothing came in time (HERMES_ETIMEOUT), hermes_last_error()
 * says why, as far as that is known: there is no connection, and the reason for that, or
 * nothing came that the receiver subscribes to.
 *
 * A loop ends at HERMES_ESTOPPED. If another thread, or the body of the loop, may close the
 * receiver, it ends at HERMES_EBADHANDLE too: hermes_close() wakes a call that waits with the
 * former, and a later call has an invalid handle.
 * @param envelope  receives it; free with hermes_envelope_free().
 * @return HERMES_OK, _EBADHANDLE, _EINVAL, _ESTATE (never started), _ETIMEOUT, _ESTOPPED (stopped
 *         and nothing left), _ENOMEM (what was taken is counted as dropped_overflow). @since 2.0 */
HERMES_API int hermes_recv(uint64_t receiver, int32_t timeout_ms, hermes_envelope **envelope);

/** Frees an envelope of hermes_recv() or hermes_node_recv(). NULL is harmless, and
 * so is an envelope of hermes_batch_at(), which its batch owns. @since 2.0 */
HERMES_API void hermes_envelope_free(hermes_envelope *envelope);

/**
 * The topic, the origin, or the data (one JSON value) of an envelope: UTF-8, valid
 * until the envelope is freed, with a NUL behind it. A topic or origin that is not a string
 * on the wire, which only Python programs send, is its JSON text. Data are the text that was
 * sent: they may contain NaN, Infinity and -Infinity, integers of any size and halves of
 * surrogate pairs ("\ud800"), as Python writes them. A parser that does not know these fails
 * for this envelope only.
 * @param len  receives the length without that NUL; may be NULL.
 * @return the text; NULL for a NULL envelope. @since 2.0 */
HERMES_API const char *hermes_envelope_topic(const hermes_envelope *envelope, size_t *len);
/** As hermes_envelope_topic(). @since 2.0 */
HERMES_API const char *hermes_envelope_origin(const hermes_envelope *envelope, size_t *len);
/** As hermes_envelope_topic(). @since 2.0 */
HERMES_API const char *hermes_envelope_data(const hermes_envelope *envelope, size_t *len);

/** When the sender sent the envelope, by the sender's clock, in seconds since the Unix epoch;
 * when it arrived, if the sender gives no time. 0 for NULL. @since 2.0 */
HERMES_API double hermes_envelope_ts(const hermes_envelope *envelope);

/** When it arrived, by this machine's clock, in seconds since the epoch. 0 for NULL. @since 2.0 */
HERMES_API double hermes_envelope_received(const hermes_envelope *envelope);

/** How many envelopes of the same topic and origin are missing right before this one; always
 * 0 if the sender does not number them. 0 for NULL. @since 2.0 */
HERMES_API uint64_t hermes_envelope_lost(const hermes_envelope *envelope);

/** The trace context that hermes_publish_traced() was given, NUL-terminated, valid until the envelope
 * is freed; NULL if it has none, and for NULL. @since 2.0 */
HERMES_API const char *hermes_envelope_traceparent(const hermes_envelope *envelope);

/**
 * Takes up to @p max envelopes: waits for the first one only. Of big ones it
 * takes about as many as fill a mebibyte, and leaves the others for the next call.
 * @param max    at least 1.
 * @param batch  receives them; free with hermes_batch_free().
 * @return as hermes_recv(). @since 2.0 */
HERMES_API int hermes_recv_batch(uint64_t receiver, size_t max, int32_t timeout_ms,
                                 hermes_batch **batch);

/** How many envelopes are in the batch; 0 for NULL. @since 2.0 */
HERMES_API size_t hermes_batch_size(const hermes_batch *batch);

/** Envelope @p index of the batch, owned by the batch; NULL beyond the end, and for
 * a NULL batch. @since 2.0 */
HERMES_API const hermes_envelope *hermes_batch_at(const hermes_batch *batch, size_t index);

/** The memory of a batch, for languages in which calls are slow: hermes_batch_size() as 64 bits, then
 * 10 fields of 64 bits for each envelope: where its topic, its origin and its data are, in bytes from
 * the first field, each followed by the length; hermes_envelope_ts() and _received() as doubles;
 * _lost(); a number whose bit 1 (2) says that hermes_envelope_traceparent(), 55 characters, follows the
 * NUL behind the data. @param len  receives its size in bytes; may be NULL. @return the memory,
 * valid until the batch is freed; NULL for a NULL batch. @since 2.0 */
HERMES_API const void *hermes_batch_memory(const hermes_batch *batch, size_t *len);

/** Frees a batch and its envelopes. NULL is harmless. @since 2.0 */
HERMES_API void hermes_batch_free(hermes_batch *batch);

/**
 * Takes up to @p max envelopes as one JSON text, for languages that parse faster
 * than they call: [[topic, origin, data, ts], ...], each as it was on the wire, where
 * topic and origin need not be strings nor ts a number, and a trace context is white space in front of
 * ts (docs/wire.md). Waits for the first
 * one only, and leaves big ones for the next call as hermes_recv_batch() does. If the option
 * "json.lost" is on, an envelope that comes after a gap has a fifth element: the number that
 * hermes_envelope_lost() returns.
 * @param text   receives the text, NUL-terminated; free with hermes_free().
 * @param len    receives its length; may be NULL.
 * @param count  receives the number of envelopes; may be NULL.
 * @return as hermes_recv(). @since 2.0 */
HERMES_API int hermes_recv_json(uint64_t receiver, size_t max, int32_t timeout_ms, char **text,
                                size_t *len, size_t *count);

/**
 * hermes_recv_json() for Python, which reads the format of its module marshal several times
 * as fast as JSON.
 * @param values  receives what marshal.loads() makes a tuple of: the topics, the origins, the data
 *                and the times of all envelopes, four lists; a list of pairs (index, bytes) of
 *                envelopes that only Python's json can read, as the JSON text of [topic, origin,
 *                data, ts], for which some of the four lists have None, and of those with a
 *                trace context; and a list of pairs (index,
 *                what hermes_envelope_lost() returns) if that is not 0. Free with hermes_free().
 * @param len     receives their size in bytes.
 * @return as hermes_recv(). @since 2.0 */
HERMES_API int hermes_recv_marshal(uint64_t receiver, size_t max, int32_t timeout_ms, char **values,
                                   size_t *len);

/** Frees what came from hermes_recv_json(), hermes_recv_marshal(), hermes_stats() or
 * hermes_next_event(). NULL is harmless. @since 2.0 */
HERMES_API void hermes_free(void *text);

/* ---- Nodes --------------------------------------------------------------- */

/**
 * Publishes under the topic "channel/name" with the node's name as the origin.
 * @return as hermes_publish(); HERMES_ENOTSUP for a node without a publisher. @since 2.0
 */
HERMES_API int hermes_node_publish(uint64_t node, const char *channel, size_t channel_len,
                                   const char *data, size_t data_len);

/** As hermes_recv(); HERMES_ENOTSUP for a node without a receiver. @since 2.0 */
HERMES_API int hermes_node_recv(uint64_t node, int32_t timeout_ms, hermes_envelope **envelope);

/**
 * The default loop of a node: publishes the data of each envelope that the node receives on
 * channel "RAW", until the node stops. Blocks the calling thread.
 * @return HERMES_OK when the node has stopped; _EBADHANDLE, _ESTATE (not started),
 *         _ENOTSUP (no receiver, or no publisher), _EINTERNAL. @since 2.0
 */
HERMES_API int hermes_node_run(uint64_t node);

#ifdef __cplusplus
}
#endif

#endif /* HERMES_H */
