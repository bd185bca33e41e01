// Made of include/hermes.h by .ci/rust_sys.py (make format). Do not edit.

use core::ffi::{c_char, c_int, c_void};
use core::marker::{PhantomData, PhantomPinned};

/// An opaque type of the library.
#[repr(C)]
pub struct hermes_envelope {
    _data: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// An opaque type of the library.
#[repr(C)]
pub struct hermes_batch {
    _data: [u8; 0],
    _marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// What this was made for.
pub const HERMES_ABI_VERSION: c_int = 2;
/// `HERMES_OK` of hermes.h.
pub const HERMES_OK: c_int = 0;
/// An argument is NULL or out of range.
pub const HERMES_EINVAL: c_int = -1;
/// No such object, closed, or of another kind.
pub const HERMES_EBADHANDLE: c_int = -2;
/// Not started, or started already.
pub const HERMES_ESTATE: c_int = -3;
/// Not an address, or one that cannot be served.
pub const HERMES_EADDRESS: c_int = -4;
/// Another socket is bound to the address.
pub const HERMES_EADDRINUSE: c_int = -5;
/// No such option, or not a value of it.
pub const HERMES_EOPTION: c_int = -6;
/// Text that is not UTF-8.
pub const HERMES_EUTF8: c_int = -7;
/// Data that is not one JSON value.
pub const HERMES_EJSON: c_int = -8;
/// The queue had no room in time; counted as dropped.
pub const HERMES_EFULL: c_int = -9;
/// Nothing happened in time.
pub const HERMES_ETIMEOUT: c_int = -10;
/// The object has stopped, and nothing is left to take.
pub const HERMES_ESTOPPED: c_int = -11;
/// This process was forked after the library's first use.
pub const HERMES_EFORKED: c_int = -12;
/// A fault inside the library; the object has failed.
pub const HERMES_EINTERNAL: c_int = -13;
/// Out of memory, or a limit keeps the library from starting.
pub const HERMES_ENOMEM: c_int = -14;
/// The caller's buffer is too small.
pub const HERMES_ERANGE: c_int = -15;
/// An envelope above the limit "message.bytes".
pub const HERMES_ETOOBIG: c_int = -16;
/// Not for this kind of object.
pub const HERMES_ENOTSUP: c_int = -17;
/// The operating system refused; the text says what.
pub const HERMES_EIO: c_int = -18;
/// Refused by the peer: the key is not known, or has no rights.
pub const HERMES_EACCES: c_int = -19;
/// The peer has not proved that it is the one expected.
pub const HERMES_EAUTH: c_int = -20;
/// `HERMES_FOREVER` of hermes.h.
pub const HERMES_FOREVER: c_int = -1;

extern "C" {
    /// The library's version, such as "2.0.0".
    pub fn hermes_version_string() -> *const c_char;
    /// The HERMES_ABI_VERSION of the library: it serves programs with this one and all before.
    pub fn hermes_abi_version() -> c_int;
    /// A short English text for a code: static, never NULL, for unknown codes too.
    pub fn hermes_strerror(code: c_int) -> *const c_char;
    /// Copies the text of the calling thread's last failed call into buf, always NUL-terminated, cut to cap bytes.
    pub fn hermes_last_error(buf: *mut c_char, cap: usize) -> usize;
    /// A publisher that connects to address, the post office's incoming side.
    pub fn hermes_publisher_new(address: *const c_char, name: *const c_char, publisher: *mut u64) -> c_int;
    /// A receiver that connects to address, the post office's outgoing side.
    pub fn hermes_receiver_new(address: *const c_char, name: *const c_char, receiver: *mut u64) -> c_int;
    /// A post office: binds in for publishers and out for receivers, and relays between them without changing frames.
    pub fn hermes_postoffice_new(in_: *const c_char, out: *const c_char, debug: *const c_char, postoffice: *mut u64) -> c_int;
    /// A node: a name for a receiver, a publisher, or both.
    pub fn hermes_node_new(name: *const c_char, receiver: u64, publisher: u64, node: *mut u64) -> c_int;
    /// Sets an option; docs/configuration.md lists all of them.
    pub fn hermes_set(handle: u64, key: *const c_char, value: *const c_char) -> c_int;
    /// Copies the value of an option into buf, NUL-terminated.
    pub fn hermes_get(handle: u64, key: *const c_char, buf: *mut c_char, cap: usize) -> c_int;
    /// Starts any object: binds, or begins to connect, and returns.
    pub fn hermes_start(handle: u64) -> c_int;
    /// Stops any object, and waits until it has stopped.
    pub fn hermes_stop(handle: u64, timeout_ms: i32) -> c_int;
    /// Begins to stop any object as hermes_stop() does, and returns at once: for event loops.
    pub fn hermes_stop_begin(handle: u64, timeout_ms: i32) -> c_int;
    /// Stops the object if need be (flushing for at most its option "linger", 1 s unless set), frees it, and wakes every thread that waits in a call on it: with HERMES_ESTOPPED, except hermes_wait(), which returns HERMES_OK, and hermes_publish(), which returns HERMES_ESTATE.
    pub fn hermes_close(handle: u64) -> c_int;
    /// Waits until the object is not running: stopped, failed, or never started.
    pub fn hermes_wait(handle: u64, timeout_ms: i32) -> c_int;
    /// Waits until the object can do its work: for a publisher, connected and a subscription seen; for a receiver, connected; for a post office, bound; for a node, its receiver and its publisher.
    pub fn hermes_wait_ready(handle: u64, timeout_ms: i32) -> c_int;
    /// The object's counters as one JSON object; docs/guide.md explains each.
    pub fn hermes_stats(handle: u64, json: *mut *mut c_char, len: *mut usize) -> c_int;
    /// Takes the oldest event of the object: a connection that was made or lost, malformed input, a stop and its reason.
    pub fn hermes_next_event(handle: u64, timeout_ms: i32, json: *mut *mut c_char, len: *mut usize) -> c_int;
    /// A file descriptor for poll, epoll, and any event loop.
    pub fn hermes_fd(handle: u64) -> c_int;
    /// A socket for event loops that read, and close, what they wait for.
    pub fn hermes_pipe(handle: u64) -> c_int;
    /// Queues one envelope and returns; does not wait for the network.
    pub fn hermes_publish(publisher: u64, topic: *const c_char, topic_len: usize, origin: *const c_char, origin_len: usize, data: *const c_char, data_len: usize) -> c_int;
    /// hermes_publish() with a trace context of W3C, which receivers see as hermes_envelope_traceparent(), and programs of 1.x as white space.
    pub fn hermes_publish_traced(publisher: u64, topic: *const c_char, topic_len: usize, origin: *const c_char, origin_len: usize, data: *const c_char, data_len: usize, traceparent: *const c_char) -> c_int;
    /// Queues many envelopes in one call, in order.
    pub fn hermes_publish_batch(publisher: u64, json: *const c_char, len: usize, count: *mut usize) -> c_int;
    /// Queues one envelope and never waits: for event loops, and for languages in which a call with many arguments is slow.
    pub fn hermes_publish_try(publisher: u64, json: *const c_char) -> c_int;
    /// Queues several envelopes and never waits: for Python, which writes numbers and strings in the format of its module marshal several times as fast as JSON.
    pub fn hermes_publish_marshal(publisher: u64, values: *const c_char, len: i32, count: *mut usize) -> c_int;
    /// Follows the topics that begin with topic, before or after the start.
    pub fn hermes_receiver_subscribe(receiver: u64, topic: *const c_char, topic_len: usize) -> c_int;
    /// Undoes one hermes_receiver_subscribe().
    pub fn hermes_receiver_unsubscribe(receiver: u64, topic: *const c_char, topic_len: usize) -> c_int;
    /// Accepts envelopes of this origin.
    pub fn hermes_receiver_accept(receiver: u64, origin: *const c_char, origin_len: usize) -> c_int;
    /// Takes the oldest envelope.
    pub fn hermes_recv(receiver: u64, timeout_ms: i32, envelope: *mut *mut hermes_envelope) -> c_int;
    /// Frees an envelope of hermes_recv() or hermes_node_recv().
    pub fn hermes_envelope_free(envelope: *mut hermes_envelope);
    /// The topic, the origin, or the data (one JSON value) of an envelope: UTF-8, valid until the envelope is freed, with a NUL behind it.
    pub fn hermes_envelope_topic(envelope: *const hermes_envelope, len: *mut usize) -> *const c_char;
    /// As hermes_envelope_topic().
    pub fn hermes_envelope_origin(envelope: *const hermes_envelope, len: *mut usize) -> *const c_char;
    /// As hermes_envelope_topic().
    pub fn hermes_envelope_data(envelope: *const hermes_envelope, len: *mut usize) -> *const c_char;
    /// When the sender sent the envelope, by the sender's clock, in seconds since the Unix epoch; when it arrived, if the sender gives no time.
    pub fn hermes_envelope_ts(envelope: *const hermes_envelope) -> f64;
    /// When it arrived, by this machine's clock, in seconds since the epoch.
    pub fn hermes_envelope_received(envelope: *const hermes_envelope) -> f64;
    /// How many envelopes of the same topic and origin are missing right before this one; always 0 if the sender does not number them.
    pub fn hermes_envelope_lost(envelope: *const hermes_envelope) -> u64;
    /// The trace context that hermes_publish_traced() was given, NUL-terminated, valid until the envelope is freed; NULL if it has none, and for NULL.
    pub fn hermes_envelope_traceparent(envelope: *const hermes_envelope) -> *const c_char;
    /// Takes up to max envelopes: waits for the first one only.
    pub fn hermes_recv_batch(receiver: u64, max: usize, timeout_ms: i32, batch: *mut *mut hermes_batch) -> c_int;
    /// How many envelopes are in the batch; 0 for NULL.
    pub fn hermes_batch_size(batch: *const hermes_batch) -> usize;
    /// Envelope index of the batch, owned by the batch; NULL beyond the end, and for a NULL batch.
    pub fn hermes_batch_at(batch: *const hermes_batch, index: usize) -> *const hermes_envelope;
    /// The memory of a batch, for languages in which calls are slow: hermes_batch_size() as 64 bits, then 10 fields of 64 bits for each envelope: where its topic, its origin and its data are, in bytes from the first field, each followed by the length; hermes_envelope_ts() and _received() as doubles; _lost(); a number whose bit 1 (2) says that hermes_envelope_traceparent(), 55 characters, follows the NUL behind the data.
    pub fn hermes_batch_memory(batch: *const hermes_batch, len: *mut usize) -> *const c_void;
    /// Frees a batch and its envelopes.
    pub fn hermes_batch_free(batch: *mut hermes_batch);
    /// Takes up to max envelopes as one JSON text, for languages that parse faster than they call: [[topic, origin, data, ts], ...], each as it was on the wire, where topic and origin need not be strings nor ts a number, and a trace context is white space in front of ts (docs/wire.md).
    pub fn hermes_recv_json(receiver: u64, max: usize, timeout_ms: i32, text: *mut *mut c_char, len: *mut usize, count: *mut usize) -> c_int;
    /// hermes_recv_json() for Python, which reads the format of its module marshal several times as fast as JSON.
    pub fn hermes_recv_marshal(receiver: u64, max: usize, timeout_ms: i32, values: *mut *mut c_char, len: *mut usize) -> c_int;
    /// Frees what came from hermes_recv_json(), hermes_recv_marshal(), hermes_stats() or hermes_next_event().
    pub fn hermes_free(text: *mut c_void);
    /// Publishes under the topic "channel/name" with the node's name as the origin.
    pub fn hermes_node_publish(node: u64, channel: *const c_char, channel_len: usize, data: *const c_char, data_len: usize) -> c_int;
    /// As hermes_recv(); HERMES_ENOTSUP for a node without a receiver.
    pub fn hermes_node_recv(node: u64, timeout_ms: i32, envelope: *mut *mut hermes_envelope) -> c_int;
    /// The default loop of a node: publishes the data of each envelope that the node receives on channel "RAW", until the node stops.
    pub fn hermes_node_run(node: u64) -> c_int;
}
