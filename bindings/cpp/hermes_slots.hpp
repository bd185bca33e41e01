// SPDX-License-Identifier: MIT
//
// Slots of the common types, written and read without a tree of JSON values in between: bool,
// integers, float, double, std::string, and std::optional and std::vector of these.
//
// Rules:
//   Writing    The text is the one that nlohmann/json writes for the same value; only of a few
//              doubles it knows no shortest text. Strings with anything but printable ASCII,
//              or with " or \, are left to it.
//   Reading    A function returns false for anything that is not certainly right. The whole
//              message is then read again with nlohmann/json, which knows all of JSON, and
//              reports what is wrong. So these functions throw nothing.
//   Threads    Free functions without shared state. There are no locks.
//
// The file in order: which types, writing, reading.
#ifndef HERMES_SLOTS_HPP
#define HERMES_SLOTS_HPP

#include <hermes_error.hpp>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace hermes {
namespace detail {

// ---- Which types -------------------------------------------------------------

template <class T> struct is_optional : std::false_type {};
template <class T> struct is_optional<std::optional<T>> : std::true_type {};
template <class T> struct is_vector : std::false_type {};
template <class T> struct is_vector<std::vector<T>> : std::true_type {};

/// Whether slots of this type are written and read here.
template <class T> constexpr bool is_plain() {
    if constexpr (is_optional<T>::value || is_vector<T>::value)
        return is_plain<typename T::value_type>();
    else
        return is_count<T> || std::is_same_v<T, bool> || std::is_same_v<T, float> ||
               std::is_same_v<T, double> || std::is_same_v<T, std::string>;
}

/// Whether a text stands in JSON between quotation marks as it is.
inline bool is_plain_text(std::string_view text) noexcept {
    for (const char c : text)
        if (c < ' ' || c > '~' || c == '"' || c == '\\') return false;
    return true;
}

// ---- Writing -----------------------------------------------------------------

template <class Integer> void write_integer(std::string &out, Integer value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    out.append(digits, end);
}

/// A decimal of at most six places, as times and prices are, whose double is @p value, has
/// fewer digits than any other text of it: neighbours of its size are further than 1e-6 apart.
/// Returns false if there is none.
inline bool write_six_places(std::string &out, double value) {
    const double magnitude = std::abs(value);
    if (!(magnitude < 4e9 && magnitude >= 1e-4)) return false;
    const auto millionths = static_cast<std::uint64_t>(magnitude * 1e6 + 0.5);
    if (static_cast<double>(millionths) / 1e6 != magnitude) return false;
    char text[24], *end = text + sizeof text, *at = end;
    std::uint64_t places = millionths % 1000000, whole = millionths / 1000000;
    int left = 6;
    while (left > 1 && places % 10 == 0) places /= 10, left--;
    for (; left > 0; left--, places /= 10) *--at = static_cast<char>('0' + places % 10);
    *--at = '.';
    do *--at = static_cast<char>('0' + whole % 10);
    while ((whole /= 10) > 0);
    if (value < 0) *--at = '-';
    out.append(at, end);
    return true;
}

/// Returns false if this library of C++ cannot write one.
inline bool write_double(std::string &out, double value) {
    if (!std::isfinite(value)) {
        out += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        return true;
    }
    if (write_six_places(out, value)) return true;
#if defined(__cpp_lib_to_chars)
    const double magnitude = std::abs(value);
    const bool fixed = magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e15);
    char text[48];
    const auto format = fixed ? std::chars_format::fixed : std::chars_format::scientific;
    char *const end = std::to_chars(text, text + sizeof text, value, format).ptr;
    out.append(text, end);
    if (fixed && std::memchr(text, '.', static_cast<std::size_t>(end - text)) == nullptr)
        out += ".0";
    return true;
#else
    return false;
#endif
}

/// Appends the JSON of a value; returns false, and may have appended a part, if it cannot.
template <class T> bool write_plain(std::string &out, const T &value) {
    if constexpr (std::is_same_v<T, bool>) {
        out += value ? "true" : "false";
    } else if constexpr (is_count<T>) {
        char digits[24];
        out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
    } else if constexpr (std::is_floating_point_v<T>) {
        return write_double(out, static_cast<double>(value));
    } else if constexpr (is_optional<T>::value) {
        if (value) return write_plain(out, *value);
        out += "null";
    } else if constexpr (is_vector<T>::value) {
        out += '[';
        for (std::size_t i = 0; i < value.size(); i++) {
            if (i > 0) out += ',';
            if (!write_plain<typename T::value_type>(out, value[i])) return false;
        }
        out += ']';
    } else {
        if (!is_plain_text(value)) return false;
        out.append(1, '"').append(value).append(1, '"');
    }
    return true;
}

// ---- Reading -----------------------------------------------------------------

/// A position in a text, and its end.
struct Cursor {
    const char *at, *end;

    bool is(char c) const noexcept {
        return at < end && *at == c;
    }
    bool take(char c) noexcept {
        const bool found = is(c);
        at += found;
        return found;
    }
    bool take(std::string_view word) noexcept {
        const bool found =
            std::string_view(at, static_cast<std::size_t>(end - at)).substr(0, word.size()) == word;
        if (found) at += word.size();
        return found;
    }
    void skip_space() noexcept {
        while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n')) at++;
    }
    /// The same before and after a character that must be there.
    bool punctuation(char c) noexcept {
        skip_space();
        const bool found = take(c);
        skip_space();
        return found;
    }
    bool is_digit() const noexcept {
        return at < end && *at >= '0' && *at <= '9';
    }
    /// Appends digits to a number; false if there are none.
    bool digits(std::uint64_t &number) noexcept {
        const char *from = at;
        for (; is_digit(); at++) number = number * 10 + static_cast<std::uint64_t>(*at - '0');
        return at > from;
    }
    /// The same for what is in front of a point, where a zero stands alone.
    bool whole(std::uint64_t &number) noexcept {
        const char *from = at;
        return digits(number) && (*from != '0' || at == from + 1);
    }
};

inline constexpr std::ptrdiff_t digits_that_fit = 19; // into 64 bits, whichever they are

/// A number without fraction and exponent, that fits.
template <class Integer> bool read_integer(Cursor &c, Integer &slot) {
    using limits = std::numeric_limits<Integer>;
    const bool negative = c.take('-');
    const char *from = c.at;
    std::uint64_t number = 0;
    if (!c.whole(number) || c.at - from > digits_that_fit) return false;
    if (c.is('.') || c.is('e') || c.is('E')) return false;
    if (negative) {
        if (!limits::is_signed || number > static_cast<std::uint64_t>(limits::max()) + 1)
            return false;
        slot = static_cast<Integer>(0 - number);
        return true;
    }
    if (number > static_cast<std::uint64_t>(limits::max())) return false;
    slot = static_cast<Integer>(number);
    return true;
}

/// The rest of a number that is not short; the cursor is in or behind its digits.
inline bool read_long_double(Cursor &c, const char *from, double &slot) {
#if defined(__cpp_lib_to_chars)
    if (c.take('e') || c.take('E')) {
        if (!c.take('-')) c.take('+');
        std::uint64_t exponent = 0;
        if (!c.digits(exponent)) return false;
    }
    const auto read = std::from_chars(from, c.at, slot);
    return read.ec == std::errc() && read.ptr == c.at;
#else
    static_cast<void>(c), static_cast<void>(from), static_cast<void>(slot);
    return false;
#endif
}

/// A finite number. Its value is exact: an integer below 2^53 divided by a power of ten that is a
/// double is rounded once, and all others are left to the standard library.
inline bool read_double(Cursor &c, double &slot) {
    static constexpr double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                        1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *from = c.at;
    const bool negative = c.take('-');
    const char *begin = c.at;
    std::uint64_t number = 0;
    if (!c.whole(number)) return false;
    std::ptrdiff_t places = 0, count = c.at - begin;
    if (c.take('.')) {
        begin = c.at;
        if (!c.digits(number)) return false;
        places = c.at - begin;
        count += places;
    }
    if (count > digits_that_fit || number > (std::uint64_t{1} << 53) || c.is('e') || c.is('E'))
        return read_long_double(c, from, slot);
    const double value = static_cast<double>(number) / powers[places];
    slot = negative ? -value : value;
    return true;
}

inline bool read_text(Cursor &c, std::string_view &text) {
    if (!c.take('"')) return false;
    const char *from = c.at;
    while (c.at < c.end && *c.at >= ' ' && *c.at <= '~' && *c.at != '"' && *c.at != '\\') c.at++;
    text = {from, static_cast<std::size_t>(c.at - from)};
    return c.take('"');
}

template <class T> bool read_plain(Cursor &c, T &slot) {
    if constexpr (std::is_same_v<T, bool>) {
        slot = c.is('t');
        return c.take(slot ? std::string_view("true") : std::string_view("false"));
    } else if constexpr (is_count<T>) {
        return read_integer(c, slot);
    } else if constexpr (std::is_floating_point_v<T>) {
        double value = 0;
        if (!read_double(c, value)) return false;
        if (std::abs(value) > static_cast<double>(std::numeric_limits<T>::max())) return false;
        slot = static_cast<T>(value);
        return true;
    } else if constexpr (is_optional<T>::value) {
        slot.reset();
        return c.is('n') ? c.take(std::string_view("null")) : read_plain(c, slot.emplace());
    } else if constexpr (is_vector<T>::value) {
        slot.clear();
        if (!c.take('[')) return false;
        for (c.skip_space(); !c.take(']');) {
            if (!slot.empty() && !c.punctuation(',')) return false;
            typename T::value_type inner{};
            if (!read_plain(c, inner)) return false;
            slot.push_back(std::move(inner));
            c.skip_space();
        }
        return true;
    } else {
        std::string_view text;
        if (!read_text(c, text)) return false;
        slot = text;
        return true;
    }
}

} // namespace detail
} // namespace hermes

#endif // HERMES_SLOTS_HPP
