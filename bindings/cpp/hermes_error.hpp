// SPDX-License-Identifier: MIT
//
// Part of hermes.hpp: error codes, the exception that failed calls throw, versions and time,
// and what the other headers need to call C. Include <hermes.hpp>, not this.
#ifndef HERMES_ERROR_HPP
#define HERMES_ERROR_HPP

#include <hermes.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace hermes {

/// The error codes of hermes.h. An error keeps a code that this header does not know, as newer
/// libraries may return.
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
    access_denied = HERMES_EACCES,
    not_authenticated = HERMES_EAUTH,
};

/// A short English text for a code, unknown codes included.
inline std::string_view describe(errc code) noexcept {
    return hermes_strerror(static_cast<int>(code));
}

/// Thrown by failed calls. what() names the object and the cause; code() is for programs.
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

/// Throws the error of the calling thread's last failed call.
[[noreturn]] inline void fail(int code) {
    std::string text(hermes_last_error(nullptr, 0) + 1, '\0');
    hermes_last_error(text.data(), text.size());
    text.pop_back();
    throw error(static_cast<errc>(code), text);
}

inline void check(int code) {
    if (code < 0) fail(code);
}

/// True on success, false for the code @p tolerated; throws for other failures.
inline bool check_unless(int tolerated, int code) {
    if (code == tolerated) return false;
    check(code);
    return true;
}

/// A C string; throws errc::invalid if @p text contains a NUL, where C would cut it off.
inline const char *c_text(const char *what, const std::string &text) {
    const std::size_t nul = text.find('\0');
    if (nul != text.npos)
        throw error(errc::invalid, std::string("the ") + what + " \"" + text.substr(0, nul) +
                                       "\" has a NUL behind that, and text for C has none inside");
    return text.c_str();
}

/// The same for the value of an option. The error does not show it: it may be a secret key.
inline const char *c_value(const std::string &key, const std::string &value) {
    if (value.find('\0') != value.npos)
        throw error(errc::invalid, "the value of option \"" + key.substr(0, key.find('\0')) +
                                       "\" has a NUL, and text for C has none inside");
    return value.c_str();
}

/// Integers, without bool and the character types.
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

/// The version of the loaded library, such as "2.0.0".
inline std::string_view version() noexcept {
    return hermes_version_string();
}

/// The HERMES_ABI_VERSION of the loaded library. If it is lower than that of the header, the
/// library lacks functions that the header declares.
inline int abi_version() noexcept {
    return hermes_abi_version();
}

inline constexpr std::chrono::milliseconds forever{HERMES_FOREVER};

/// A point in time as on the wire: seconds since the Unix epoch, as a double.
using time_point =
    std::chrono::time_point<std::chrono::system_clock, std::chrono::duration<double>>;

inline time_point now() {
    return std::chrono::system_clock::now();
}

} // namespace hermes

#endif // HERMES_ERROR_HPP
