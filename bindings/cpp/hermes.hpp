// SPDX-License-Identifier: MIT
//
// hermes 2 for C++17: RAII owners, exceptions and ranges over hermes.h. Header-only; each
// function makes the C call of the same name, whose contract is in hermes.h.
//
//   Owners      PostOffice, Publisher, Receiver, Node, Envelope and Batch are move-only. Their
//               destructors close or free what they own.
//   Errors      A failed call throws hermes::error, with a code and a text that names the
//               object. The try_ functions return false or an empty object on a timeout or
//               a full queue.
//   Text        Topics, origins and data are std::string_view. Views into an envelope are valid
//               as long as the envelope. Names, addresses, option keys and values are
//               std::string; one that contains a NUL is rejected with errc::invalid.
//   Time        Timeouts are std::chrono::milliseconds. A negative timeout (hermes::forever),
//               or one of more than 24 days, never expires.
//   Threads     Any thread may make any call at any time. close() wakes the calls that wait on
//               the component. There are no locks here: while an object is moved from, assigned
//               or destroyed, no other thread may use it.
//   Messages    With nlohmann/json installed, structs are sent and received as Python's
//               Message arrays: see hermes_records.hpp. Define HERMES_NO_JSON to turn that off.
//
//   File                    Contents
//   hermes_error.hpp        errc, error, version, time
//   hermes_envelope.hpp     EnvelopeView, Envelope, Batch
//   hermes_component.hpp    Component: options, life cycle, counters, events
//   hermes.hpp              PostOffice, Publisher, Receiver, Node
//   hermes_records.hpp      structs as messages
//   hermes_slots.hpp        how their slots are written and read
#ifndef HERMES_HPP
#define HERMES_HPP

#include <hermes.h>

#include <hermes_component.hpp>
#include <hermes_envelope.hpp>
#include <hermes_error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>

namespace hermes {

/// A broker (XSUB/XPUB proxy) between publishers and receivers of any ZeroMQ implementation.
class PostOffice : public Component {
  public:
    /// Where @p debug is not empty, a copy of every envelope is published at that address.
    PostOffice(const std::string &in, const std::string &out, const std::string &debug = {}) {
        const char *copy = debug.empty() ? nullptr : detail::c_text("address", debug);
        detail::check(hermes_postoffice_new(detail::c_text("address", in),
                                            detail::c_text("address", out), copy, &handle_));
    }
    /// The bound addresses, with the ports that the system chose.
    std::string in() const {
        return get("endpoint.in");
    }
    std::string out() const {
        return get("endpoint.out");
    }
};

/// Sends envelopes to a post office.
class Publisher : public Component {
  public:
    Publisher(const std::string &address, const std::string &name) {
        detail::check(hermes_publisher_new(detail::c_text("address", address),
                                           detail::c_text("name", name), &handle_));
    }

    /// Queues one envelope. @p data is one JSON value; an empty @p origin stands for the
    /// publisher's name. If the queue is full, waits for room for at most the option
    /// "queue.block", then throws errc::full.
    void publish(std::string_view topic, std::string_view data, std::string_view origin = {}) {
        detail::check(queue(topic, data, named(origin)));
    }
    /// Like publish(); returns false instead of throwing errc::full.
    bool try_publish(std::string_view topic, std::string_view data, std::string_view origin = {}) {
        return detail::check_unless(HERMES_EFULL, queue(topic, data, named(origin)));
    }
    /// Queues one envelope with exactly this @p origin. An empty one is sent as it is.
    void publish_of(std::string_view origin, std::string_view topic, std::string_view data) {
        detail::check(queue(topic, data, origin.empty() ? std::string_view("", 0) : origin));
    }
    /// Like publish(), with a trace context in the form of W3C, which receivers see as
    /// traceparent() if it is sampled.
    void publish_traced(std::string_view topic, std::string_view data,
                        const std::string &traceparent, std::string_view origin = {}) {
        origin = named(origin);
        detail::check(hermes_publish_traced(handle_, topic.data(), topic.size(), origin.data(),
                                            origin.size(), data.data(), data.size(),
                                            detail::c_text("traceparent", traceparent)));
    }
    /// Queues a JSON array of [topic, origin or null, data] in one call; returns their number.
    /// If the queue fills up midway, throws errc::full and sets @p queued to the number queued.
    std::size_t publish_batch(std::string_view json, std::size_t *queued = nullptr) {
        std::size_t count = 0;
        const int code = hermes_publish_batch(handle_, json.data(), json.size(), &count);
        if (queued != nullptr) *queued = count;
        detail::check(code);
        return count;
    }
    /// Queues the envelope of a JSON array [topic, origin or null, data]. Never waits: returns
    /// false if the queue is full. fd() polls readable once there is room again.
    bool publish_try(const std::string &json) {
        return detail::check_unless(HERMES_ETIMEOUT,
                                    hermes_publish_try(handle_, detail::c_text("JSON", json)));
    }

    /// A descriptor that polls readable, except after publish_try() found no room. Poll it only;
    /// do not read or close it.
    int fd() const {
        const int descriptor = hermes_fd(handle_);
        detail::check(descriptor);
        return descriptor;
    }

  private:
    /// For C a NULL origin stands for the publisher's name; an empty string is an empty origin.
    static std::string_view named(std::string_view origin) noexcept {
        return origin.empty() ? std::string_view() : origin;
    }
    int queue(std::string_view topic, std::string_view data, std::string_view origin) {
        return hermes_publish(handle_, topic.data(), topic.size(), origin.data(), origin.size(),
                              data.data(), data.size());
    }
};

/// Receives envelopes from a post office. As a range it yields envelopes until it is stopped.
class Receiver : public Component {
  public:
    Receiver(const std::string &address, const std::string &name) {
        detail::check(hermes_receiver_new(detail::c_text("address", address),
                                          detail::c_text("name", name), &handle_));
    }
    /// Subscribes to these topic prefixes at once.
    Receiver(const std::string &address, const std::string &name,
             std::initializer_list<std::string_view> topics)
        : Receiver(address, name) {
        for (std::string_view topic : topics) subscribe(topic);
    }

    void subscribe(std::string_view topic) {
        detail::check(hermes_receiver_subscribe(handle_, topic.data(), topic.size()));
    }
    void unsubscribe(std::string_view topic) {
        detail::check(hermes_receiver_unsubscribe(handle_, topic.data(), topic.size()));
    }
    /// Accepts envelopes of this origin. After the first call, other origins are rejected.
    void accept(std::string_view origin) {
        detail::check(hermes_receiver_accept(handle_, origin.data(), origin.size()));
    }

    /// The oldest envelope. Throws errc::timeout when the timeout expires, errc::stopped when
    /// the receiver has stopped and its queue is empty.
    Envelope recv(std::chrono::milliseconds timeout = forever) {
        hermes_envelope *envelope;
        detail::check(hermes_recv(handle_, detail::timeout_ms(timeout), &envelope));
        return Envelope(envelope);
    }
    /// Like recv(); returns an empty envelope when the timeout expires.
    Envelope try_recv(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
        hermes_envelope *envelope;
        detail::check_unless(HERMES_ETIMEOUT,
                             hermes_recv(handle_, detail::timeout_ms(timeout), &envelope));
        return Envelope(envelope);
    }
    /// Up to @p max envelopes. Waits for the first one only.
    Batch recv_batch(std::size_t max, std::chrono::milliseconds timeout = forever) {
        hermes_batch *batch;
        detail::check(hermes_recv_batch(handle_, max, detail::timeout_ms(timeout), &batch));
        return Batch(batch);
    }
    /// Like recv_batch(); returns an empty batch when the timeout expires.
    Batch try_recv_batch(std::size_t max,
                         std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
        hermes_batch *batch;
        detail::check_unless(HERMES_ETIMEOUT,
                             hermes_recv_batch(handle_, max, detail::timeout_ms(timeout), &batch));
        return Batch(batch);
    }
    /// Up to @p max envelopes as one JSON text, [[topic, origin, data, ts], ...].
    std::string recv_json(std::size_t max, std::chrono::milliseconds timeout = forever) {
        char *json;
        std::size_t length;
        detail::check(
            hermes_recv_json(handle_, max, detail::timeout_ms(timeout), &json, &length, nullptr));
        detail::owned_text owner(json);
        return {json, length};
    }

    /// A descriptor that polls readable while envelopes are queued, or once the receiver has
    /// stopped. Poll it only; do not read or close it.
    int fd() const {
        const int descriptor = hermes_fd(handle_);
        detail::check(descriptor);
        return descriptor;
    }

    /// An input range over received envelopes. It ends when the receiver has stopped and its
    /// queue is empty, or when it is closed, also by the loop's own body. The iterator waits
    /// when it is dereferenced or compared, not when it is incremented, so that taking three
    /// envelopes waits for exactly three. A receiver that was never started throws errc::state.
    struct sentinel {};
    class iterator {
      public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = Envelope;
        using difference_type = std::ptrdiff_t;

        explicit iterator(std::uint64_t receiver) noexcept : receiver_(receiver) {}
        const Envelope &operator*() const {
            fetch();
            return current_;
        }
        const Envelope *operator->() const {
            fetch();
            return &current_;
        }
        iterator &operator++() {
            fetch(); // an envelope that was not dereferenced is skipped
            fetched_ = false;
            current_ = Envelope(); // freed before the next wait
            return *this;
        }
        void operator++(int) {
            ++*this;
        }
        friend bool operator==(const iterator &i, sentinel) {
            i.fetch();
            return !i.current_;
        }
        friend bool operator!=(const iterator &i, sentinel end) {
            return !(i == end);
        }
#if __cplusplus < 202002L
        friend bool operator==(sentinel end, const iterator &i) {
            return i == end;
        }
        friend bool operator!=(sentinel end, const iterator &i) {
            return !(i == end);
        }
#endif

      private:
        std::uint64_t receiver_;
        mutable Envelope current_;
        mutable bool fetched_ = false;

        /// Waits for the current envelope, once.
        void fetch() const {
            if (fetched_) return;
            hermes_envelope *envelope = nullptr;
            const int code = hermes_recv(receiver_, HERMES_FOREVER, &envelope);
            if (code != HERMES_EBADHANDLE || receiver_ == 0) // otherwise it was closed meanwhile
                detail::check_unless(HERMES_ESTOPPED, code);
            current_ = Envelope(envelope);
            fetched_ = true;
        }
    };
    iterator begin() noexcept {
        return iterator(handle_);
    }
    sentinel end() noexcept {
        return {};
    }
};

/// A name for a receiver, a publisher, or both. The caller owns both; they must outlive the node.
class Node : public Component {
  public:
    Node(const std::string &name, Receiver &receiver, Publisher &publisher)
        : Node(name, receiver.handle(), publisher.handle()) {}
    Node(const std::string &name, Receiver &receiver) : Node(name, receiver.handle(), 0) {}
    Node(const std::string &name, Publisher &publisher) : Node(name, 0, publisher.handle()) {}

    /// Publishes under the topic "channel/name" with the node's name as the origin.
    void publish(std::string_view channel, std::string_view data) {
        detail::check(
            hermes_node_publish(handle_, channel.data(), channel.size(), data.data(), data.size()));
    }
    Envelope recv(std::chrono::milliseconds timeout = forever) {
        hermes_envelope *envelope;
        detail::check(hermes_node_recv(handle_, detail::timeout_ms(timeout), &envelope));
        return Envelope(envelope);
    }
    Envelope try_recv(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
        hermes_envelope *envelope;
        detail::check_unless(HERMES_ETIMEOUT,
                             hermes_node_recv(handle_, detail::timeout_ms(timeout), &envelope));
        return Envelope(envelope);
    }
    /// Publishes what it receives on the channel RAW, until it is stopped.
    void run() {
        detail::check(hermes_node_run(handle_));
    }
    int fd() const {
        const int descriptor = hermes_fd(handle_);
        detail::check(descriptor);
        return descriptor;
    }

  private:
    Node(const std::string &name, std::uint64_t receiver, std::uint64_t publisher) {
        detail::check(hermes_node_new(detail::c_text("name", name), receiver, publisher, &handle_));
    }
};

} // namespace hermes

// ---- Structs as messages -----------------------------------------------------

#if !defined(HERMES_NO_JSON) && defined(__has_include)
#if __has_include(<nlohmann/json.hpp>)
#define HERMES_HAS_JSON 1
#include "hermes_records.hpp"
#endif
#endif

#endif // HERMES_HPP
