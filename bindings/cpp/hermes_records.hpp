// SPDX-License-Identifier: MIT
//
// Structs as messages, for programs that have nlohmann/json. hermes.hpp includes this file when
// nlohmann/json is installed, unless HERMES_NO_JSON is defined.
//
// A Python Message is sent as a JSON array: its dtype (the class name), its ts, then its slots
// in order. A struct with the same dtype and slots reads and writes the same array:
//
//   struct Tick {
//       std::string symbol;
//       double price = 0;
//       static constexpr std::string_view dtype = "Tick";
//       static constexpr auto slots() {
//           return std::make_tuple(&Tick::symbol, &Tick::price);
//       }
//   };
//
//   hermes::publish(publisher, "ticks/BTCUSD", Tick{"BTCUSD", 42000});
//   if (auto tick = hermes::message_in<Tick>(envelope)) use(tick->value, tick->ts);
//
// Rules:
//   Types      A slot may be of any type that nlohmann/json converts, or std::optional of one,
//              at any depth of containers and tuples. An empty optional is null (None in Python).
//   Numbers    A number must fit its type, at any depth. Out of range, negative for an unsigned
//              type, a fraction for an integer or a bool for a number is errc::json. A type with
//              a from_json of its own does its own checks.
//   NaN        NaN and the infinities, which hermes carries although JSON has none, are
//              floating-point numbers in both directions.
//   Threads    Free functions without shared state: any thread may call them. There are no locks.
//
//   Speed      Slots of the common types are written and read without a tree of JSON values in
//              between: see hermes_slots.hpp.
//
// The file in order: non-finite numbers (marked text for nlohmann's parser), range checks,
// std::optional, then the public functions to_data, message_of, message_in, json_in, publish.
#ifndef HERMES_RECORDS_HPP
#define HERMES_RECORDS_HPP

#include <hermes.hpp>
#include <hermes_slots.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace hermes {

/// A struct with the timestamp of the message, as set by its sender.
template <class Record> struct Message {
    Record value{};
    time_point ts = now();
};

namespace detail {

// ---- Numbers that are not finite ---------------------------------------------

// Python's literals for non-finite numbers. nlohmann's parser rejects them, so before parsing
// they become strings with a prefix, the mark; after parsing, marked strings become numbers.
inline constexpr std::string_view not_finite[] = {"NaN", "Infinity", "-Infinity"};
inline constexpr std::string_view mark = "\\u0000hermes ";
inline constexpr std::string_view mark_read{"\0hermes ", 8};

/// The text with each such literal replaced by a marked string; empty if it contains none.
inline std::string marked(std::string_view text) {
    std::string out;
    std::size_t copied = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (text[i] == '"') in_string = !in_string;
        if (in_string && text[i] == '\\') i++;
        if (in_string || (text[i] != 'N' && text[i] != 'I' && text[i] != '-')) continue;
        for (std::string_view word : not_finite) {
            if (text.compare(i, word.size(), word) != 0) continue;
            out.append(text.substr(copied, i - copied));
            out.append("\"").append(mark).append(word).append("\"");
            copied = i + word.size();
            i = copied - 1;
            break;
        }
    }
    return copied == 0 ? out : out.append(text.substr(copied));
}

/// Turns marked strings back into numbers, at any depth.
inline void unmark(nlohmann::json &value) {
    if (value.is_structured()) {
        for (nlohmann::json &inner : value) unmark(inner);
        return;
    }
    if (!value.is_string()) return;
    std::string_view text = value.get_ref<const std::string &>();
    if (text.substr(0, mark_read.size()) != mark_read) return;
    text.remove_prefix(mark_read.size());
    using limits = std::numeric_limits<double>;
    if (text == not_finite[0])
        value = limits::quiet_NaN();
    else if (text == not_finite[1])
        value = limits::infinity();
    else if (text == not_finite[2])
        value = -limits::infinity();
}

inline nlohmann::json parse(std::string_view text) {
    try {
        const std::string with_marks = marked(text);
        if (with_marks.empty()) return nlohmann::json::parse(text);
        nlohmann::json value = nlohmann::json::parse(with_marks);
        unmark(value);
        return value;
    } catch (const nlohmann::json::exception &e) {
        throw error(errc::json, e.what());
    }
}

inline bool is_finite(const nlohmann::json &value) {
    if (value.is_structured()) return std::all_of(value.begin(), value.end(), is_finite);
    return !value.is_number_float() || std::isfinite(value.get<double>());
}

/// The JSON text of a value, with Python's literals for non-finite numbers (dump() writes null).
inline std::string text_of(const nlohmann::json &value) {
    if (is_finite(value)) return value.dump();
    if (!value.is_structured()) {
        const double number = value.get<double>();
        return std::string(not_finite[std::isnan(number) ? 0 : number > 0 ? 1 : 2]);
    }
    std::string out(1, value.is_array() ? '[' : '{');
    for (auto at = value.begin(); at != value.end(); ++at) {
        if (at != value.begin()) out += ',';
        if (value.is_object()) out += nlohmann::json(at.key()).dump() + ':';
        out += text_of(*at);
    }
    return out += value.is_array() ? ']' : '}';
}

// ---- Numbers that do not fit ---------------------------------------------------

/// Throws errc::json for a value that a Number cannot hold exactly.
template <class Number> void check_number(const nlohmann::json &from) {
    using limits = std::numeric_limits<Number>;
    const auto refuse = [&](const char *why) {
        throw error(errc::json,
                    (from.is_structured() ? from.type_name() : text_of(from)) + " " + why);
    };
    if (!from.is_number()) refuse("is no number");
    if constexpr (std::is_floating_point_v<Number>) {
        const double value = from.get<double>();
        if (std::isfinite(value) && std::abs(value) > static_cast<double>(limits::max()))
            refuse("is out of range");
    } else if (from.is_number_float()) {
        const double value = from.get<double>();
        if (!std::isfinite(value)) refuse("is no integer");
        // The bounds are powers of two and so exact as doubles, unlike limits::max().
        const double end = std::ldexp(1.0, limits::digits);
        // nlohmann parses an integer beyond 64 bits as a double, and one just below the bound
        // rounds to it. A double at the 64-bit bound therefore counts as out of range.
        const double least = limits::is_signed ? -end : 0;
        if (value >= end || value < least || (limits::digits == 63 && value == least))
            refuse("is out of range");
        if (value != std::trunc(value)) refuse("is no integer");
    } else if (!from.is_number_unsigned() && from.get<std::int64_t>() < 0) {
        if (!limits::is_signed ||
            from.get<std::int64_t>() < static_cast<std::int64_t>(limits::min()))
            refuse("is out of range");
    } else if (from.get<std::uint64_t>() > static_cast<std::uint64_t>(limits::max())) {
        refuse("is out of range");
    }
}

template <class T, class = void> struct is_container : std::false_type {};
template <class T> struct is_container<T, std::void_t<typename T::value_type>> : std::true_type {};
template <class T, class = void> struct is_map : std::false_type {};
template <class T> struct is_map<T, std::void_t<typename T::mapped_type>> : std::true_type {};
template <class T, class = void> struct is_tuple : std::false_type {};
template <class T>
struct is_tuple<T, std::void_t<decltype(std::tuple_size<T>::value)>> // array too
    : std::true_type {};

template <class Tuple, std::size_t... Index>
void check_elements(const nlohmann::json &from, std::index_sequence<Index...>);

/// Throws errc::json if a number in a value does not fit its place in a Slot. Other mismatches
/// are left to the conversion.
template <class Slot> void check_numbers(const nlohmann::json &from) {
    if constexpr (std::is_same_v<Slot, bool> || std::is_same_v<Slot, std::string> ||
                  nlohmann::detail::is_basic_json<Slot>::value) {
        return;
    } else if constexpr (std::is_arithmetic_v<Slot>) {
        check_number<Slot>(from);
    } else if constexpr (std::is_enum_v<Slot>) {
        if (from.is_number()) check_number<std::underlying_type_t<Slot>>(from);
    } else if constexpr (is_optional<Slot>::value) {
        if (!from.is_null()) check_numbers<typename Slot::value_type>(from);
    } else if constexpr (std::is_array_v<Slot>) {
        if (from.is_array())
            for (const nlohmann::json &value : from)
                check_numbers<std::remove_extent_t<Slot>>(value);
    } else if constexpr (is_tuple<Slot>::value) {
        check_elements<Slot>(from, std::make_index_sequence<std::tuple_size_v<Slot>>());
    } else if constexpr (is_map<Slot>::value) {
        if (from.is_object()) // keys are strings, in the map too
            for (const nlohmann::json &value : from)
                check_numbers<typename Slot::mapped_type>(value);
        else if (from.is_array()) // of pairs, if the key of the map is not a string
            for (const nlohmann::json &pair : from)
                check_numbers<std::pair<typename Slot::key_type, typename Slot::mapped_type>>(pair);
    } else if constexpr (is_container<Slot>::value) {
        if (from.is_array())
            for (const nlohmann::json &value : from)
                check_numbers<typename Slot::value_type>(value);
    }
}

template <class Tuple, std::size_t... Index>
void check_elements(const nlohmann::json &from, std::index_sequence<Index...>) {
    if (from.is_array() && from.size() >= sizeof...(Index))
        (check_numbers<std::tuple_element_t<Index, Tuple>>(from[Index]), ...);
}

// ---- Optional values -----------------------------------------------------------

// Only the newest versions of nlohmann/json convert std::optional, and not in every build. A
// specialisation of its adl_serializer would collide with one in the program. So types that
// contain an optional are taken apart here, and nlohmann/json converts the rest.

template <class T> constexpr bool holds_optional();
template <class Tuple, std::size_t... Index>
constexpr bool any_holds_optional(std::index_sequence<Index...>) {
    return (holds_optional<std::tuple_element_t<Index, Tuple>>() || ...);
}

/// Whether T is or contains a std::optional, at any depth of containers and tuples.
template <class T> constexpr bool holds_optional() {
    if constexpr (is_optional<T>::value)
        return true;
    else if constexpr (nlohmann::detail::is_basic_json<T>::value || std::is_same_v<T, std::string>)
        return false;
    else if constexpr (std::is_array_v<T>)
        return holds_optional<std::remove_extent_t<T>>();
    else if constexpr (is_tuple<T>::value)
        return any_holds_optional<T>(std::make_index_sequence<std::tuple_size_v<T>>());
    else if constexpr (is_map<T>::value) // a key in JSON is never null
        return holds_optional<typename T::mapped_type>();
    else if constexpr (is_container<T>::value)
        return !std::is_same_v<T, typename T::value_type> &&
               holds_optional<typename T::value_type>();
    else
        return false;
}

/// Whether nlohmann/json writes such a map as an object; otherwise as an array of pairs.
template <class T> constexpr bool is_object() {
    if constexpr (is_map<T>::value)
        return std::is_constructible_v<nlohmann::json::string_t, typename T::key_type>;
    else
        return false;
}

/// A value as JSON.
template <class T> nlohmann::json json_of(const T &value) {
    if constexpr (!holds_optional<T>()) {
        return value;
    } else if constexpr (is_optional<T>::value) {
        return value ? json_of(*value) : nlohmann::json();
    } else if constexpr (is_object<T>()) {
        nlohmann::json object = nlohmann::json::object();
        for (const auto &[key, inner] : value)
            object[nlohmann::json::string_t(key)] = json_of(inner);
        return object;
    } else {
        nlohmann::json array = nlohmann::json::array();
        if constexpr (is_tuple<T>::value)
            std::apply([&](const auto &...inner) { (array.push_back(json_of(inner)), ...); },
                       value);
        else
            for (const auto &inner : value) array.push_back(json_of(inner));
        return array;
    }
}

template <class T> void read_value(const nlohmann::json &from, T &value);
template <class Tuple, std::size_t... Index>
void read_elements(const nlohmann::json &from, Tuple &tuple, std::index_sequence<Index...>) {
    (read_value(from.at(Index), std::get<Index>(tuple)), ...);
}

/// Throws nlohmann/json's own exception if a value is not of the type Kind.
template <class Kind> void need(const nlohmann::json &from) {
    static_cast<void>(from.get_ref<const Kind &>());
}

/// Converts JSON to a value. Throws the exceptions of nlohmann/json.
template <class T> void read_value(const nlohmann::json &from, T &value) {
    using json = nlohmann::json;
    if constexpr (!holds_optional<T>()) {
        from.get_to(value);
    } else if constexpr (is_optional<T>::value) {
        value.reset();
        if (!from.is_null()) read_value(from, value.emplace());
    } else if constexpr (std::is_array_v<T>) {
        std::size_t at = 0;
        for (auto &inner : value) read_value(from.at(at++), inner);
    } else if constexpr (is_tuple<T>::value) {
        read_elements(from, value, std::make_index_sequence<std::tuple_size_v<T>>());
    } else if constexpr (is_object<T>()) {
        need<json::object_t>(from);
        T read;
        for (auto at = from.begin(); at != from.end(); ++at) {
            typename T::mapped_type inner{};
            read_value(*at, inner);
            read.emplace(at.key(), std::move(inner));
        }
        value = std::move(read);
    } else if constexpr (is_map<T>::value) {
        need<json::array_t>(from);
        T read;
        for (const json &pair : from) {
            typename T::mapped_type inner{};
            read_value(pair.at(1), inner);
            read.emplace(pair.at(0).get<typename T::key_type>(), std::move(inner));
        }
        value = std::move(read);
    } else {
        need<json::array_t>(from);
        T read;
        for (const json &element : from) {
            typename T::value_type inner{};
            read_value(element, inner);
            read.insert(read.end(), std::move(inner));
        }
        value = std::move(read);
    }
}

template <class Slot> void read_slot(const nlohmann::json &from, Slot &slot) {
    check_numbers<Slot>(from);
    read_value(from, slot);
}

template <class Record, class = void> struct is_record : std::false_type {};
template <class Record>
struct is_record<Record, std::void_t<decltype(Record::dtype), decltype(Record::slots())>>
    : std::true_type {};

// ---- Messages ------------------------------------------------------------------

template <class Slot> void write_slot(std::string &out, const Slot &slot) {
    if constexpr (is_plain<Slot>()) {
        const std::size_t before = out.size();
        if (write_plain(out, slot)) return;
        out.resize(before);
    }
    out += text_of(json_of(slot));
}

/// What reading a message without a tree has found.
enum class found { message, another_dtype, unknown };

template <class Record, class... Slot>
found read_plain_message(std::string_view data, Message<Record> &message, Slot... slots) {
    Cursor c{data.data(), data.data() + data.size()};
    std::string_view dtype;
    double ts = 0;
    if (!c.punctuation('[') || !read_text(c, dtype)) return found::unknown;
    if (dtype != std::string_view(Record::dtype)) return found::another_dtype;
    const bool whole = c.punctuation(',') && read_double(c, ts) &&
                       ((c.punctuation(',') && read_plain(c, message.value.*slots)) && ...) &&
                       c.punctuation(']') && c.at == c.end;
    message.ts = time_point(std::chrono::duration<double>(ts));
    return whole ? found::message : found::unknown;
}

template <class Record, class... Slot>
found read_message(std::string_view data, Message<Record> &message, Slot Record::*...slots) {
    if constexpr ((is_plain<Slot>() && ...))
        return read_plain_message(data, message, slots...);
    else
        return found::unknown;
}

/// Reads a message with nlohmann/json, which takes all that is JSON, and throws errc::json with
/// what is wrong. Returns false for another dtype, and for what is no message.
template <class Record> bool read_any_message(std::string_view data, Message<Record> &message) {
    constexpr std::size_t count = std::tuple_size_v<decltype(Record::slots())>;
    const std::size_t start = data.find_first_not_of(" \t\r\n");
    if (start == data.npos || data[start] != '[') return false;
    const nlohmann::json array = parse(data);
    if (array.empty() || array[0] != Record::dtype) return false;
    const std::string name(Record::dtype);
    if (array.size() < count + 2) // a newer sender may have appended slots
        throw error(errc::json, name + ": " + std::to_string(array.size() - 1) +
                                    " values behind the dtype, not ts and " +
                                    std::to_string(count) + " slots");
    std::size_t at = 1;
    try {
        double ts = 0;
        read_slot(array[at], ts);
        message.ts = time_point(std::chrono::duration<double>(ts));
        std::apply([&](auto... slot) { (read_slot(array[++at], message.value.*slot), ...); },
                   Record::slots());
    } catch (const nlohmann::json::exception &e) {
        throw error(errc::json, name + ": element " + std::to_string(at) + ": " + e.what());
    } catch (const error &e) { // a number
        throw error(e.code(), name + ": element " + std::to_string(at) + ": " + e.what());
    }
    return true;
}

} // namespace detail

/// The JSON array that a message is sent as. Throws errc::json for strings that are not UTF-8.
template <class Record> std::string to_data(const Message<Record> &message) {
    static_assert(detail::is_record<Record>::value, "a record has dtype and slots()");
    try {
        std::string out;
        out.reserve(120);
        out += '[';
        detail::write_slot(out, std::string(Record::dtype));
        out += ", ";
        detail::write_slot(out, message.ts.time_since_epoch().count());
        std::apply(
            [&](auto... slot) {
                ((out += ", ", detail::write_slot(out, message.value.*slot)), ...);
            },
            Record::slots());
        out += ']';
        return out;
    } catch (const nlohmann::json::exception &e) {
        throw error(errc::json, e.what()); // a string that is not UTF-8
    }
}

/// Reads such an array; empty if the data is something else, or has another dtype. Throws
/// errc::json if the dtype matches and a slot does not fit; the text names the element.
template <class Record> std::optional<Message<Record>> message_of(std::string_view data) {
    static_assert(detail::is_record<Record>::value, "a record has dtype and slots()");
    // Filled in place: gcc 12 warns when a slot that is an empty std::optional is moved.
    std::optional<Message<Record>> result(std::in_place);
    const auto found =
        std::apply([&](auto... slots) { return detail::read_message(data, *result, slots...); },
                   Record::slots());
    if (found == detail::found::another_dtype) {
        result.reset();
    } else if (found == detail::found::unknown) {
        result.emplace();
        if (!detail::read_any_message(data, *result)) result.reset();
    }
    return result;
}

/// The message in an envelope; empty if it is not one of this dtype.
template <class Record> std::optional<Message<Record>> message_in(const EnvelopeView &envelope) {
    return message_of<Record>(envelope.data());
}

/// The data of an envelope as a JSON value, NaN and the infinities included. Throws errc::json
/// for what nlohmann/json cannot hold (an unpaired surrogate, 1e999); data() has the text.
inline nlohmann::json json_in(const EnvelopeView &envelope) {
    return detail::parse(envelope.data());
}

/// Publishes a message, a struct with the current time, or a JSON value. NaN and the infinities
/// are written as Python writes them.
template <class Record>
void publish(Publisher &publisher, std::string_view topic, const Message<Record> &message) {
    publisher.publish(topic, to_data(message));
}
template <class Record, class = std::enable_if_t<detail::is_record<Record>::value>>
void publish(Publisher &publisher, std::string_view topic, const Record &record) {
    publish(publisher, topic, Message<Record>{record});
}
inline void publish(Publisher &publisher, std::string_view topic, const nlohmann::json &value) {
    std::string data;
    try {
        data = detail::text_of(value);
    } catch (const nlohmann::json::exception &e) {
        throw error(errc::json, e.what()); // a string that is not UTF-8
    }
    publisher.publish(topic, data);
}

} // namespace hermes

#endif // HERMES_RECORDS_HPP
