// SPDX-License-Identifier: MIT
//
// Part of hermes.hpp: Component, the base class of PostOffice, Publisher, Receiver and Node.
// Include <hermes.hpp>, not this.
#ifndef HERMES_COMPONENT_HPP
#define HERMES_COMPONENT_HPP

#include <hermes_error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace hermes {

/// What PostOffice, Publisher, Receiver and Node have in common. The destructor closes the
/// component; a publisher first sends what is queued, for at most its option "linger".
class Component {
  public:
    Component(Component &&other) noexcept : handle_(std::exchange(other.handle_, 0)) {}
    Component &operator=(Component &&other) noexcept {
        Component taken(std::move(other));
        std::swap(handle_, taken.handle_);
        return *this;
    }
    Component(const Component &) = delete;
    Component &operator=(const Component &) = delete;

    /// The handle for calls of hermes.h; 0 once moved from.
    std::uint64_t handle() const noexcept {
        return handle_;
    }

    /// Sets an option of docs/configuration.md to a string, a duration, an integer or a bool.
    /// Other types (a floating-point number, a character, a pointer) do not compile.
    void set(const std::string &key, const std::string &value) {
        detail::check(
            hermes_set(handle_, detail::c_text("option", key), detail::c_value(key, value)));
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

    /// The value of an option, or of a read-only key: "name", "address", "state",
    /// "stop_reason", "endpoint".
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

    /// Binds or begins to connect, and returns.
    void start() {
        detail::check(hermes_start(handle_));
    }
    /// Stops the component. A publisher first sends what is queued, for at most @p timeout;
    /// throws errc::timeout if envelopes were dropped.
    void stop(std::chrono::milliseconds timeout = std::chrono::seconds(1)) {
        detail::check(hermes_stop(handle_, detail::timeout_ms(timeout)));
    }
    /// Begins to stop as stop() does, and returns at once. wait() returns when it has stopped;
    /// get("stop_error") then says what was dropped.
    void stop_begin(std::chrono::milliseconds timeout = std::chrono::seconds(1)) {
        detail::check(hermes_stop_begin(handle_, detail::timeout_ms(timeout)));
    }
    /// A socket for event loops that read and close what they wait for; the caller owns it. One
    /// byte arrives when envelopes may be queued. Closing the socket closes the component. See
    /// hermes_pipe().
    int pipe() const {
        const int descriptor = hermes_pipe(handle_);
        detail::check(descriptor);
        return descriptor;
    }
    /// Closes the component, from any thread; calls that wait on it return. Idempotent.
    void close() {
        detail::check(hermes_close(handle_));
    }
    /// Waits until the component is not running; false when the timeout expires.
    bool wait(std::chrono::milliseconds timeout = forever) {
        return detail::check_unless(HERMES_ETIMEOUT,
                                    hermes_wait(handle_, detail::timeout_ms(timeout)));
    }
    /// Waits until it is ready: a publisher has a subscriber, a receiver is connected, a post
    /// office is bound. False when the timeout expires.
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
    /// The oldest event, as one JSON object; empty when the timeout expires.
    std::string next_event(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) {
        char *json;
        std::size_t length;
        const int code = hermes_next_event(handle_, detail::timeout_ms(timeout), &json, &length);
        if (!detail::check_unless(HERMES_ETIMEOUT, code)) return {};
        detail::owned_text owner(json);
        return {json, length};
    }

  protected:
    Component() = default;
    ~Component() {
        if (handle_ != 0) hermes_close(handle_);
    }
    std::uint64_t handle_ = 0;
};

} // namespace hermes

#endif // HERMES_COMPONENT_HPP
