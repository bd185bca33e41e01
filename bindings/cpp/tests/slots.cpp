// SPDX-License-Identifier: MIT
//
// Slots that are written and read without nlohmann/json are what it would have made of them.
#include "support.hpp"

#include <climits>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>

using hermes::detail::Cursor;

template <class T> struct Only {
    T slot{};
    static constexpr std::string_view dtype = "Only";
    static constexpr auto slots() {
        return std::make_tuple(&Only::slot);
    }
};

// Whether a text is read as this type without nlohmann/json.
template <class T> static bool is_read(std::string_view text, T &value) {
    Cursor c{text.data(), text.data() + text.size()};
    return hermes::detail::read_plain(c, value) && c.at == c.end;
}

// Writes as nlohmann/json does, up to numbers for which it has no shortest text, and reads it back.
template <class T> static void there_and_back(const T &value) {
    std::string text;
    T back{};
    CHECK(hermes::detail::write_plain(text, value));
    CHECK(is_read(text, back) && back == value);
    if (const nlohmann::json json = hermes::detail::json_of(value); json.dump() != text)
        CHECK(nlohmann::json::parse(text) == json && text.size() <= json.dump().size());
    CHECK(nlohmann::json::parse(text).dump() ==
          nlohmann::json(hermes::detail::json_of(value)).dump());
}

static void numbers() {
    for (double value : {0.0,
                         -0.0,
                         1.0,
                         -1.0,
                         0.1,
                         42010.5,
                         1763800000.000042,
                         1763800000.25,
                         3e9,
                         4e9,
                         4.1e9,
                         1e-4,
                         9.9e-5,
                         1e15,
                         999999999999999.0,
                         1e16,
                         1e22,
                         1e23,
                         1e300,
                         5e-324,
                         1.7976931348623157e308,
                         9007199254740993.0,
                         123456.7890125,
                         1e-7})
        there_and_back(value), there_and_back(-value);
    std::mt19937_64 random(1);
    for (int i = 0; i < 20000; i++) {
        const std::uint64_t bits = random();
        double value;
        std::memcpy(&value, &bits, sizeof value);
        if (std::isfinite(value)) there_and_back(value);
        there_and_back(std::ldexp(static_cast<double>(bits >> 11), -static_cast<int>(bits % 60)));
        there_and_back(static_cast<double>(bits % 4000000000000000) / 1e6);
        there_and_back(static_cast<float>(bits % 100000) / 64);
        there_and_back(static_cast<std::int64_t>(bits) >> (bits % 64));
        there_and_back(bits >> (1 + bits % 63));
    }
    there_and_back<std::int64_t>(INT64_MIN), there_and_back<std::int64_t>(INT64_MAX);
    there_and_back<std::int8_t>(-128), there_and_back<std::uint64_t>(UINT64_MAX / 2);
}

static void the_others() {
    there_and_back(true), there_and_back(false);
    there_and_back(std::string("BTC/USD ~")), there_and_back(std::string());
    there_and_back(std::optional<double>()), there_and_back(std::optional<double>(2.5));
    there_and_back(std::vector<int>()), there_and_back(std::vector<bool>{true, false});
    there_and_back(std::vector<std::vector<std::string>>{{"a", "b"}, {}, {""}});
    there_and_back(std::vector<std::optional<int>>{{}, 1});
    there_and_back(std::optional<std::vector<double>>(std::vector<double>{0.5}));
}

// None of these is refused here: it is left to nlohmann/json, which refuses most of them.
template <class T> static void left(std::initializer_list<std::string_view> texts) {
    for (std::string_view text : texts) {
        T value{};
        CHECK(!is_read(text, value));
    }
}

static void what_is_left_to_others() {
    left<int>(
        {"", "-", "01", "1.0", "1e3", "2147483648", "-2147483649", "+1", "true", "\"1\"", "1 "});
    left<std::uint64_t>({"-1", "18446744073709551615", "99999999999999999999", "-0.0"});
    left<double>({"", "-", "01.5", ".5", "5.", "1e", "1e+", "NaN", "Infinity", "inf", "nan",
                  "0x1p3", "1e999", "--1", "1.5.5"});
    left<float>({"1e39", "-1e39"});
    left<bool>({"tru", "1", "True", "falsey"});
    left<std::string>(
        {"\"", "\"a", "a", "\"\\n\"", "\"\x7f\"", "\"\xe2\x82\xbf\"", "\"\x01\"", "null"});
    left<std::vector<int>>({"[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{}"});
    left<std::optional<int>>({"nul", "nulls", ""});
    std::string out;
    for (const char *text : {"\"", "\\", "\n", "₿", "\xff"})
        CHECK(!hermes::detail::write_plain(out, std::string(text)));
}

static void space_and_more_elements() {
    const auto read = [](std::string_view text) {
        return hermes::message_of<Only<std::vector<double>>>(text);
    };
    for (const char *text :
         {"[\"Only\",1,[1,2]]", " [ \"Only\" , 1 , [ 1 , 2 ] ] ",
          "[\"Only\", 1, [1, 2], {\"more\": []}]", "[\"\\u004fnly\", 1, [1, 2e0]]"})
        CHECK(read(text) && read(text)->value.slot == (std::vector<double>{1, 2}));
    CHECK(!read("[\"Other\", 1, [1, 2]]") && !read("[\"Onl\"]") && !read("[]"));
    for (const char *text : {"[\"Only\",1,[1,2]] 1", "[\"Only\",1,[1,2]", "[\"Only\" 1,[1,2]]",
                             "[\"Only\",1,[1,\"2\"]]", "[\"Only\",\"1\",[]]"})
        FAILS(hermes::errc::json, "", read(text));
}

int main() {
    numbers();
    the_others();
    what_is_left_to_others();
    space_and_more_elements();
}
