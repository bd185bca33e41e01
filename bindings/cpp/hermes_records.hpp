// SPDX-License-Identifier: MIT
//
// Structs as messages: what hermes.hpp adds where nlohmann/json is there.
//
// A Message of Python travels as an array: its dtype (the name of the class), its ts, then its
// slots in order. A struct that names the same is one too:
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
// A slot may be whatever nlohmann/json converts. NaN and the infinities, which JSON does not
// have but hermes carries, survive in slots that are floating point, not deeper.
#ifndef HERMES_RECORDS_HPP
#define HERMES_RECORDS_HPP

#include <hermes.hpp>
#include <nlohmann/json.hpp>

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace hermes {

/// A record with the time that its maker gave it.
template <class Record> struct Message {
    Record value{};
    time_point ts = now();
};

namespace detail {

// Python's words for what is not finite, and how they are smuggled past a strict parser.
inline constexpr std::string_view not_finite[] = {"NaN", "Infinity", "-Infinity"};

/// The text with those words, where they are values, made strings.
inline std::string quoted_not_finite(std::string_view text) {
    std::string out;
    out.reserve(text.size() + 16);
    bool in_string = false;
    for (std::size_t i = 0; i < text.size();) {
        std::size_t word = 0;
        if (!in_string)
            for (std::string_view candidate : not_finite)
                if (text.compare(i, candidate.size(), candidate) == 0) word = candidate.size();
        if (word > 0) {
            out.append("\"").append(text.substr(i, word)).append("\"");
            i += word;
            continue;
        }
        if (text[i] == '"') in_string = !in_string;
        if (in_string && text[i] == '\\' && i + 1 < text.size()) out += text[i++];
        out += text[i++];
    }
    return out;
}

inline nlohmann::json parse(std::string_view text) {
    try {
        return nlohmann::json::parse(quoted_not_finite(text));
    } catch (const nlohmann::json::exception &e) {
        throw error(errc::json, e.what());
    }
}

template <class Number> std::string number_text(Number number) {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
    return nlohmann::json(number).dump();
}

template <class Slot> std::string slot_text(const Slot &slot) {
    if constexpr (std::is_floating_point_v<Slot>)
        return number_text(slot);
    else
        return nlohmann::json(slot).dump();
}

template <class Slot> void read_slot(const nlohmann::json &from, Slot &slot) {
    if constexpr (std::is_floating_point_v<Slot>) {
        using limits = std::numeric_limits<Slot>;
        if (from == not_finite[0])
            slot = limits::quiet_NaN();
        else if (from == not_finite[1])
            slot = limits::infinity();
        else if (from == not_finite[2])
            slot = -limits::infinity();
        else
            from.get_to(slot);
    } else {
        from.get_to(slot);
    }
}

template <class Record, class = void> struct is_record : std::false_type {};
template <class Record>
struct is_record<Record, std::void_t<decltype(Record::dtype), decltype(Record::slots())>>
    : std::true_type {};

} // namespace detail

/// The array, as JSON, that a message travels as.
template <class Record> std::string to_data(const Message<Record> &message) {
    static_assert(detail::is_record<Record>::value, "a record has dtype and slots()");
    try {
        std::string out = "[" + nlohmann::json(std::string(Record::dtype)).dump() + ", " +
                          detail::number_text(message.ts.time_since_epoch().count());
        std::apply(
            [&](auto... slot) { ((out += ", " + detail::slot_text(message.value.*slot)), ...); },
            Record::slots());
        return out + "]";
    } catch (const nlohmann::json::exception &e) {
        throw error(errc::json, e.what()); // a text that is not UTF-8
    }
}

/// Reads such an array; nothing where the data is something else, or of another dtype. Throws
/// errc::json where it says that it is one, and its slots do not fit.
template <class Record> std::optional<Message<Record>> message_of(std::string_view data) {
    static_assert(detail::is_record<Record>::value, "a record has dtype and slots()");
    constexpr std::size_t count = std::tuple_size_v<decltype(Record::slots())>;
    const std::size_t start = data.find_first_not_of(" \t\r\n");
    if (start == data.npos || data[start] != '[') return std::nullopt;
    const nlohmann::json array = detail::parse(data);
    if (array.empty() || array[0] != Record::dtype) return std::nullopt;
    const std::string name(Record::dtype);
    if (array.size() < count + 2) // more is what a newer sender may have added
        throw error(errc::json, name + ": " + std::to_string(array.size() - 1) +
                                    " values behind the dtype, not ts and " +
                                    std::to_string(count) + " slots");
    Message<Record> message;
    std::size_t at = 1;
    try {
        double ts = 0;
        detail::read_slot(array[at], ts);
        message.ts = time_point(std::chrono::duration<double>(ts));
        std::apply(
            [&](auto... slot) { (detail::read_slot(array[++at], message.value.*slot), ...); },
            Record::slots());
    } catch (const nlohmann::json::exception &e) {
        throw error(errc::json, name + ": element " + std::to_string(at) + ": " + e.what());
    }
    return message;
}

/// The message in an envelope, if it is one of this dtype.
template <class Record> std::optional<Message<Record>> message_in(const EnvelopeView &envelope) {
    return message_of<Record>(envelope.data());
}

/// The data of an envelope as a JSON value. What is not finite becomes a string.
inline nlohmann::json json_in(const EnvelopeView &envelope) {
    return detail::parse(envelope.data());
}

/// Publishes a message, a record with the time of now, or a JSON value.
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
        data = value.dump();
    } catch (const nlohmann::json::exception &e) {
        throw error(errc::json, e.what()); // a text that is not UTF-8
    }
    publisher.publish(topic, data);
}

} // namespace hermes

#endif // HERMES_RECORDS_HPP
