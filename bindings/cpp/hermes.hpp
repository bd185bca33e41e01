// SPDX-License-Identifier: MIT
//
// hermes 2 for C++17: hermes.h with owners, exceptions and ranges. Header-only, and no more
// than the C calls it makes. hermes.h says what each call does; here is what C++ adds.
//
//   Owners      PostOffice, Publisher, Receiver, Node, Envelope and Batch can be moved, not
//               copied, and close or free in their destructor.
//   Errors      What fails throws hermes::error, with the code and the text that names the
//               culprit. The try_ functions say by their result that the time is up, or that
//               the queue is full.
//   Text        std::string_view for topics, origins and data; what an envelope shows is valid
//               as long as the envelope. Names, addresses, keys and values are std::string,
//               and one with a NUL inside, which C would cut there, is errc::invalid.
//   Time        Timeouts are std::chrono::milliseconds, negative ones without end
//               (hermes::forever); what is longer than 24 days is without end too.
//   Threads     As in C: any call from any thread, close() included, which wakes who waits.
//               Only moving from and destroying an object needs it to be nobody else's.
//   Records     With nlohmann/json at hand, structs travel as the arrays that a Message of
//               Python is: see the end. HERMES_NO_JSON leaves that out.
#ifndef HERMES_HPP
#define HERMES_HPP

#include <hermes.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hermes {

// ---- Errors ----------------------------------------------------------------

/// The codes of hermes.h. Codes are only ever added; one that this header does not know is
/// kept as it came.
enum class errc : int {
    ok = HERMES_OK,
    invalid = HERMES_EINVAL,
    bad_handle = HERMES_EBADHANDLE,
    state = HERMES_ESTATE,
    address = HERMES_EADDRESS,
    address_in_use = HERMES_EADDRINUSE,
    option = HERMES_EOPTION,
    utf8 = HERMES_EUTF8,
    json = HERMES_EJSON,
    full = HERMES_EFULL,
    timeout = HERMES_ETIMEOUT,
    stopped = HERMES_ESTOPPED,
    forked = HERMES_EFORKED,
    internal = HERMES_EINTERNAL,
    no_memory = HERMES_ENOMEM,
    range = HERMES_ERANGE,
    too_big = HERMES_ETOOBIG,
    not_supported = HERMES_ENOTSUP,
    io = HERMES_EIO,
};

/// A short English text for a code; for unknown codes too.
inline std::string_view describe(errc code) noexcept {
    return hermes_strerror(static_cast<int>(code));
}

/// A call that failed: what() names the culprit, code() is for programs.
class error : public std::runtime_error {
  public:
    error(errc code, const std::string &text) : std::runtime_error(text), code_(code) {}

    errc code() const noexcept {
        return code_;
    }

  private:
    errc code_;
};

namespace detail {

/// Throws what the calling thread's last call failed with.
[[noreturn]] inline void fail(int code) {
    std::string text(hermes_last_error(nullptr, 0) + 1, '\0');
    hermes_last_error(text.data(), text.size());
    text.pop_back();
    throw error(static_cast<errc>(code), text);
}

inline void check(int code) {
    if (code < 0) fail(code);
}

/// Whether it succeeded; false for this one failure, an exception for all others.
inline bool check_unless(int tolerated, int code) {
    if (code == tolerated) return false;
    check(code);
    return true;
}

/// A text for C, which ends with a NUL and so can have none inside.
inline const char *c_text(const char *what, const std::string &text) {
    const std::size_t nul = text.find('\0');
    if (nul != text.npos)
        throw error(errc::invalid, std::string("the ") + what + " \"" + text.substr(0, nul) +
                                       "\" has a NUL behind that, and text for C has none inside");
    return text.c_str();
}

/// Whole numbers, without bool and what is for characters.
template <class T>
inline constexpr bool is_count =
    std::is_integral_v<T> && !std::is_same_v<T, bool> && !std::is_same_v<T, char> &&
    !std::is_same_v<T, wchar_t> && !std::is_same_v<T, char16_t> && !std::is_same_v<T, char32_t>
#if defined(__cpp_char8_t)
    && !std::is_same_v<T, char8_t>
#endif
    ;

inline std::int32_t timeout_ms(std::chrono::milliseconds timeout) noexcept {
    if (timeout.count() < 0 || timeout.count() > std::numeric_limits<std::int32_t>::max())
        return HERMES_FOREVER;
    return static_cast<std::int32_t>(timeout.count());
}

struct free_text {
    void operator()(char *text) const noexcept {
        hermes_free(text);
    }
};
using owned_text = std::unique_ptr<char, free_text>;

} // namespace detail

// ---- Version and time --------------------------------------------------------

/// The version of the library that runs, such as "2.0.0".
inline std::string_view version() noexcept {
    return hermes_version_string();
}

/// The HERMES_ABI_VERSION that the library was built with: at least that of the header that a
/// program was compiled with, or some function is missing.
inline int abi_version() noexcept {
    return hermes_abi_version();
}

inline constexpr std::chrono::milliseconds forever{HERMES_FOREVER};

/// A moment as it is on the wire: seconds since the Unix epoch, with fractions.
using time_point =
    std::chrono::time_point<std::chrono::system_clock, std::chrono::duration<double>>;

inline time_point now() {
    return std::chrono::system_clock::now();
}

// ---- Envelopes ---------------------------------------------------------------

/// A look at an envelope that an Envelope or a Batch owns, and valid as long as that.
class EnvelopeView {
  public:
    EnvelopeView() = default;
    explicit EnvelopeView(const hermes_envelope *envelope) noexcept : raw_(envelope) {}

    std::string_view topic() const noexcept {
        return text(hermes_envelope_topic);
    }
    std::string_view origin() const noexcept {
        return text(hermes_envelope_origin);
    }
    /// One JSON value. A NUL follows, so data().data() serves parsers that want one.
    std::string_view data() const noexcept {
        return text(hermes_envelope_data);
    }
    /// When the sender handed it to its socket, by the sender's clock.
    time_point ts() const noexcept {
        return time_point(std::chrono::duration<double>(hermes_envelope_ts(raw_)));
    }
    /// When it arrived, by this machine's clock.
    time_point received() const noexcept {
        return time_point(std::chrono::duration<double>(hermes_envelope_received(raw_)));
    }
    /// How many envelopes of the same topic and sender went missing right before it.
    std::uint64_t lost() const noexcept {
        return hermes_envelope_lost(raw_);
    }

    /// Whether there is an envelope at all.
    explicit operator bool() const noexcept {
        return raw_ != nullptr;
    }
    const hermes_envelope *get() const noexcept {
        return raw_;
    }

  protected:
    const hermes_envelope *raw_ = nullptr;

  private:
    std::string_view text(const char *(*part)(const hermes_envelope *, std::size_t *)) const {
        std::size_t length = 0;
        const char *start = part(raw_, &length);
        return {start, length};
    }
};

/// One received envelope. An empty one, which tests false, is what a try_recv gives that
/// found nothing.
class Envelope : public EnvelopeView {
  public:
    Envelope() = default;
    /// Takes over what hermes_recv() gave.
    explicit Envelope(hermes_envelope *envelope) noexcept : EnvelopeView(envelope) {}
    Envelope(Envelope &&other) noexcept : EnvelopeView(other) {
        other.raw_ = nullptr;
    }
    Envelope &operator=(Envelope &&other) noexcept {
        Envelope taken(std::move(other));
        std::swap(raw_, taken.raw_);
        return *this;
    }
    Envelope(const Envelope &) = delete;
    Envelope &operator=(const Envelope &) = delete;
    ~Envelope() {
        if (raw_ != nullptr) hermes_envelope_free(const_cast<hermes_envelope *>(raw_));
    }
};

/// Several received envelopes, in order: a sized random access range of EnvelopeView.
class Batch {
  public:
    class iterator {
      public:
        using iterator_concept = std::random_access_iterator_tag;
        using iterator_category = std::input_iterator_tag; // for it refers to no stored object
        using value_type = EnvelopeView;
        using difference_type = std::ptrdiff_t;
        using reference = EnvelopeView;
        using pointer = void;

        iterator() = default;
        iterator(const hermes_batch *batch, difference_type index) noexcept
            : batch_(batch), index_(index) {}

        EnvelopeView operator*() const noexcept {
            return (*this)[0];
        }
        EnvelopeView operator[](difference_type n) const noexcept {
            return EnvelopeView(hermes_batch_at(batch_, static_cast<std::size_t>(index_ + n)));
        }
        iterator &operator++() noexcept {
            return *this += 1;
        }
        iterator operator++(int) noexcept {
            iterator before = *this;
            ++*this;
            return before;
        }
        iterator &operator--() noexcept {
            return *this -= 1;
        }
        iterator operator--(int) noexcept {
            iterator before = *this;
            --*this;
            return before;
        }
        iterator &operator+=(difference_type n) noexcept {
            index_ += n;
            return *this;
        }
        iterator &operator-=(difference_type n) noexcept {
            index_ -= n;
            return *this;
        }
        friend iterator operator+(iterator i, difference_type n) noexcept {
            return i += n;
        }
        friend iterator operator+(difference_type n, iterator i) noexcept {
            return i += n;
        }
        friend iterator operator-(iterator i, difference_type n) noexcept {
            return i -= n;
        }
        friend difference_type operator-(const iterator &a, const iterator &b) noexcept {
            return a.index_ - b.index_;
        }
        friend bool operator==(const iterator &a, const iterator &b) noexcept {
            return a.index_ == b.index_;
        }
        friend bool operator!=(const iterator &a, const iterator &b) noexcept {
            return a.index_ != b.index_;
        }
        friend bool operator<(const iterator &a, const iterator &b) noexcept {
            return a.index_ < b.index_;
        }
        friend bool operator>(const iterator &a, const iterator &b) noexcept {
            return a.index_ > b.index_;
        }
        friend bool operator<=(const iterator &a, const iterator &b) noexcept {
            return a.index_ <= b.index_;
        }
        friend bool operator>=(const iterator &a, const iterator &b) noexcept {
            return a.index_ >= b.index_;
        }

      private:
        const hermes_batch *batch_ = nullptr;
        difference_type index_ = 0;
    };
    using const_iterator = iterator;
    using value_type = EnvelopeView;

    Batch() = default;
    /// Takes over what hermes_recv_batch() gave.
    explicit Batch(hermes_batch *batch) noexcept : raw_(batch) {}

    std::size_t size() const noexcept {
        return hermes_batch_size(raw_.get());
    }
    bool empty() const noexcept {
        return size() == 0;
    }
    /// Envelope @p index; an empty view beyond the end.
    EnvelopeView operator[](std::size_t index) const noexcept {
        return EnvelopeView(hermes_batch_at(raw_.get(), index));
    }
    iterator begin() const noexcept {
        return {raw_.get(), 0};
    }
    iterator end() const noexcept {
        return {raw_.get(), static_cast<std::ptrdiff_t>(size())};
    }

  private:
    struct free_batch {
        void operator()(hermes_batch *batch) const noexcept {
            hermes_batch_free(batch);
        }
    };
    std::unique_ptr<hermes_batch, free_batch> raw_;
};

// ---- Objects -----------------------------------------------------------------

/// What all four kinds of objects can do. The destructor closes, which flushes a publisher
/// for at most its option "linger".
class Object {
  public:
    Object(Object &&other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
    Object &operator=(Object &&other) noexcept {
        Object taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    Object(const Object &) = delete;
    Object &operator=(const Object &) = delete;

    /// For calls of hermes.h; 0 once moved from.
    std::uint64_t handle() const noexcept {
        return handle_;
    }

    /// Sets an option of docs/configuration.md: to a text, a time, a whole number, or on and
    /// off. What is nothing of these (a fraction, a character, a pointer) does not compile.
    void set(const std::string &key, const std::string &value) {
        detail::check(
            hermes_set(handle_, detail::c_text("option", key), detail::c_text("value", value)));
    }
    void set(const std::string &key, const char *value) {
        detail::check(hermes_set(handle_, detail::c_text("option", key), value));
    }
    void set(const std::string &key, std::nullptr_t) = delete;
    template <class View, std::enable_if_t<std::is_same_v<View, std::string_view>, char> = 0>
    void set(const std::string &key, View value) {
        set(key, std::string(value));
    }
    void set(const std::string &key, std::chrono::milliseconds value) {
        set(key, std::to_string(value.count()) + "ms");
    }
    template <class Bool, std::enable_if_t<std::is_same_v<Bool, bool>, int> = 0>
    void set(const std::string &key, Bool value) {
        set(key, value ? "on" : "off");
    }
    template <class Integer, std::enable_if_t<detail::is_count<Integer>, long> = 0>
    void set(const std::string &key, Integer value) {
        set(key, std::to_string(value));
    }

    /// An option's value, or a fact: "name", "address", "state", "stop_reason", "endpoint".
    std::string get(const std::string &key) const {
        const char *wanted = detail::c_text("option", key);
        std::string value(256, '\0');
        int code;
        while ((code = hermes_get(handle_, wanted, value.data(), value.size())) == HERMES_ERANGE)
            value.resize(2 * value.size());
        detail::check(code);
        value.resize(value.find('\0'));
        return value;
    }

    void start() {
        detail::check(hermes_start(handle_));
    }
    /// Stops it, flushing for at most this long; throws errc::timeout where something had to
    /// be given up.
    void stop(std::chrono::milliseconds timeout = std::chrono::seconds(1)) {
        detail::check(hermes_stop(handle_, detail::timeout_ms(timeout)));
    }
    /// Begins to stop it so, and returns at once; wait() tells when it has stopped, and
    /// get("stop_error") then what had to be given up.
    void stop_begin(std::chrono::milliseconds timeout = std::chrono::seconds(1)) {
        detail::check(hermes_stop_begin(handle_, detail::timeout_ms(timeout)));
    }
    /// Closes it now, from whatever thread; all calls that wait in it end. Once is enough, and
    /// more do no harm.
    void close() {
        detail::check(hermes_close(handle_));
    }
    /// Waits until it does not run; false when the time is up.
    bool wait(std::chrono::milliseconds timeout = forever) {
        return detail::check_unless(HERMES_ETIMEOUT,
                                    hermes_wait(handle_, detail::timeout_ms(timeout)));
    }
    /// Waits until it can do its work; false when the time is up.
    bool wait_ready(std::chrono::milliseconds timeout = forever) {
        return detail::check_unless(HERMES_ETIMEOUT,
                                    hermes_wait_ready(handle_, detail::timeout_ms(timeout)));
    }

    /// The counters, as one JSON object.
    std::string stats() const {
        char *json;
        std::size_t length;
        detail::check(hermes_stats(handle_, &json, &length));
        detail::owned_text owner(json);
        return {json, length};
    }
    /// The oldest notice of what happened, as one JSON object; empty when the time is up.
    std::string next_event(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
        char *json;
        std::size_t length;
        const int code = hermes_next_event(handle_, detail::timeout_ms(timeout), &json, &length);
        if (!detail::check_unless(HERMES_ETIMEOUT, code)) return {};
        detail::owned_text owner(json);
        return {json, length};
    }

  protected:
    Object() = default;
    ~Object() {
        if (handle_ != 0) hermes_close(handle_);
    }
    std::uint64_t handle_ = 0;
};

/// Relays between publishers and receivers, whatever ZeroMQ program they run.
class PostOffice : public Object {
  public:
    /// With a @p debug that is not empty, an address at which a copy of everything is published.
    PostOffice(const std::string &in, const std::string &out, const std::string &debug = {}) {
        const char *copy = debug.empty() ? nullptr : detail::c_text("address", debug);
        detail::check(hermes_postoffice_new(detail::c_text("address", in),
                                            detail::c_text("address", out), copy, &handle_));
    }
    /// Where it is bound, with the port that the system chose.
    std::string in() const {
        return get("endpoint.in");
    }
    std::string out() const {
        return get("endpoint.out");
    }
};

/// Hands envelopes to a post office.
class Publisher : public Object {
  public:
    Publisher(const std::string &address, const std::string &name) {
        detail::check(hermes_publisher_new(detail::c_text("address", address),
                                           detail::c_text("name", name), &handle_));
    }

    /// Queues one envelope. @p data is one JSON value; an empty @p origin stands for the
    /// publisher's name. Where the queue is full it waits for room, at most the option
    /// "queue.block", and then throws errc::full.
    void publish(std::string_view topic, std::string_view data, std::string_view origin = {}) {
        detail::check(queue(topic, data, named(origin)));
    }
    /// The same; false where the queue has had no room in time.
    bool try_publish(std::string_view topic, std::string_view data, std::string_view origin = {}) {
        return detail::check_unless(HERMES_EFULL, queue(topic, data, named(origin)));
    }
    /// Queues one envelope of this very @p origin, which may be empty: a publisher without a name.
    void publish_of(std::string_view origin, std::string_view topic, std::string_view data) {
        detail::check(queue(topic, data, origin.empty() ? std::string_view("", 0) : origin));
    }
    /// Queues a JSON array of [topic, origin or null, data], in one call; returns how many.
    /// Where the queue is full in the middle it throws errc::full, and @p queued has the number.
    std::size_t publish_batch(std::string_view json, std::size_t *queued = nullptr) {
        std::size_t count = 0;
        const int code = hermes_publish_batch(handle_, json.data(), json.size(), &count);
        if (queued != nullptr) *queued = count;
        detail::check(code);
        return count;
    }
    /// Queues a JSON array [topic, origin or null, data], and never waits: false where there is
    /// no room now. fd() polls readable when it is worth another try.
    bool publish_try(const std::string &json) {
        return detail::check_unless(HERMES_ETIMEOUT,
                                    hermes_publish_try(handle_, detail::c_text("JSON", json)));
    }

    /// Polls readable unless publish_try() has found no room, or it has stopped. Only wait on it.
    int fd() const {
        const int descriptor = hermes_fd(handle_);
        detail::check(descriptor);
        return descriptor;
    }

  private:
    /// An origin for C, where NULL stands for the publisher's name and an empty text does not.
    static std::string_view named(std::string_view origin) noexcept {
        return origin.empty() ? std::string_view() : origin;
    }
    int queue(std::string_view topic, std::string_view data, std::string_view origin) {
        return hermes_publish(handle_, topic.data(), topic.size(), origin.data(), origin.size(),
                              data.data(), data.size());
    }
};

/// Takes what a post office sends. As a range it gives every envelope until it is stopped.
class Receiver : public Object {
  public:
    Receiver(const std::string &address, const std::string &name) {
        detail::check(hermes_receiver_new(detail::c_text("address", address),
                                          detail::c_text("name", name), &handle_));
    }
    /// One that follows these topics.
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
    /// Accepts envelopes of this origin; the first call turns away all others.
    void accept(std::string_view origin) {
        detail::check(hermes_receiver_accept(handle_, origin.data(), origin.size()));
    }

    /// The oldest envelope. Throws errc::timeout when the time is up, errc::stopped when it
    /// has stopped and nothing is left.
    Envelope recv(std::chrono::milliseconds timeout = forever) {
        hermes_envelope *envelope;
        detail::check(hermes_recv(handle_, detail::timeout_ms(timeout), &envelope));
        return Envelope(envelope);
    }
    /// The same; an empty envelope when the time is up.
    Envelope try_recv(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
        hermes_envelope *envelope;
        detail::check_unless(HERMES_ETIMEOUT,
                             hermes_recv(handle_, detail::timeout_ms(timeout), &envelope));
        return Envelope(envelope);
    }
    /// Up to @p max envelopes; waits for the first one only.
    Batch recv_batch(std::size_t max, std::chrono::milliseconds timeout = forever) {
        hermes_batch *batch;
        detail::check(hermes_recv_batch(handle_, max, detail::timeout_ms(timeout), &batch));
        return Batch(batch);
    }
    /// The same; an empty batch when the time is up.
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

    /// Polls readable while there is something to take, or it has stopped. Only wait on it.
    int fd() const {
        const int descriptor = hermes_fd(handle_);
        detail::check(descriptor);
        return descriptor;
    }

    /// Walks over every envelope that comes, waiting for each; ends when the receiver has
    /// stopped and nothing is left, or is closed, in the body of the loop too. It waits when it
    /// is looked at, not when it moves on: who takes three envelopes waits for three. One that
    /// was never started throws errc::state.
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
            fetch(); // so that one which was not looked at is passed over
            fetched_ = false;
            current_ = Envelope(); // freed before the wait
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

        /// Waits for the envelope that it stands at, once.
        void fetch() const {
            if (fetched_) return;
            hermes_envelope *envelope = nullptr;
            const int code = hermes_recv(receiver_, HERMES_FOREVER, &envelope);
            if (code != HERMES_EBADHANDLE || receiver_ == 0) // else it was closed meanwhile
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

/// A name for a receiver, a publisher, or both, which remain the caller's and must outlive it.
class Node : public Object {
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
    /// Publishes what it receives on the channel RAW until it is stopped.
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

// ---- Records -----------------------------------------------------------------

#if !defined(HERMES_NO_JSON) && defined(__has_include)
#if __has_include(<nlohmann/json.hpp>)
#define HERMES_HAS_JSON 1
#include "hermes_records.hpp"
#endif
#endif

#endif // HERMES_HPP
