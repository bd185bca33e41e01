// SPDX-License-Identifier: MIT
//
// A struct travels as the array that Python's Message is, and comes back.
#include "support.hpp"

#ifndef HERMES_HAS_JSON
#error "nlohmann/json is not there: install nlohmann-json3-dev"
#endif

#include <array>
#include <climits>
#include <cmath>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <unordered_map>
#include <vector>

using namespace std::chrono_literals;

struct Tick {
    std::string symbol;
    double price = 0;
    std::int64_t volume = 0;
    std::vector<int> sizes;
    std::map<std::string, bool> flags;
    static constexpr std::string_view dtype = "Tick";
    static constexpr auto slots() {
        return std::make_tuple(&Tick::symbol, &Tick::price, &Tick::volume, &Tick::sizes,
                               &Tick::flags);
    }
};

struct Bare {
    static constexpr const char *dtype = "Outer.Bare";
    static constexpr auto slots() {
        return std::make_tuple();
    }
};

static void as_text() {
    hermes::Message<Tick> tick;
    tick.value = {"B\"TC ₿", 42000.5, INT64_MAX, {1, 2}, {{"live", true}}};
    tick.ts = hermes::time_point(1763800000.25s);
    const std::string text = hermes::to_data(tick);
    CHECK(text == "[\"Tick\", 1763800000.25, \"B\\\"TC ₿\", 42000.5, 9223372036854775807, [1,2], "
                  "{\"live\":true}]");
    auto back = hermes::message_of<Tick>(text);
    CHECK(back && back->ts == tick.ts && back->value.symbol == tick.value.symbol);
    CHECK(back->value.price == 42000.5 && back->value.volume == INT64_MAX);
    CHECK(back->value.sizes == tick.value.sizes && back->value.flags == tick.value.flags);

    CHECK(hermes::to_data(hermes::Message<Bare>{{}, hermes::time_point(1s)}) ==
          "[\"Outer.Bare\", 1.0]");
    CHECK(hermes::message_of<Bare>("[\"Outer.Bare\", 1, \"added later\"]")->ts ==
          hermes::time_point(1s));
}

static void what_is_no_tick() {
    for (const char *text :
         {"1", "null", "{}", "[]", "\"Tick\"", "[1, 2]", "[\"Tock\", 1, 2]", "[[\"Tick\"], 1]"})
        CHECK(!hermes::message_of<Tick>(text));
    FAILS(hermes::errc::json, "Tick: 2 values", hermes::message_of<Tick>("[\"Tick\", 1, \"S\"]"));
    FAILS(hermes::errc::json, "Tick: element 3",
          hermes::message_of<Tick>("[\"Tick\", 1, \"S\", \"dear\", 1, [], {}]"));
    FAILS(hermes::errc::json, "", hermes::message_of<Tick>("[\"Tick\", 1"));
    Tick bad;
    bad.symbol = "\xff";
    FAILS(hermes::errc::json, "", hermes::to_data(hermes::Message<Tick>{bad}));
}

// A slot of each kind, alone in its record.
template <class T> struct Only {
    T slot{};
    static constexpr std::string_view dtype = "Only";
    static constexpr auto slots() {
        return std::make_tuple(&Only::slot);
    }
};

template <class T> static T taken(const std::string &json) {
    return hermes::message_of<Only<T>>("[\"Only\", 1, " + json + "]")->value.slot;
}

template <class T> static void refused(std::initializer_list<const char *> texts) {
    for (const std::string json : texts) {
        FAILS(hermes::errc::json, "Only: element 2", taken<T>(json));
        FAILS(hermes::errc::json, "Only: element 2", taken<std::vector<T>>("[0, " + json + "]"));
        FAILS(hermes::errc::json, "Only: element 2",
              (taken<std::map<std::string, std::vector<T>>>("{\"a\": [" + json + "]}")));
        FAILS(hermes::errc::json, "Only: element 2",
              (taken<std::map<int, T>>("[[1, " + json + "]]")));
        FAILS(hermes::errc::json, "Only: element 2",
              (taken<std::pair<std::string, T>>("[\"a\", " + json + "]")));
        FAILS(hermes::errc::json, "Only: element 2", (taken<std::array<T, 1>>("[" + json + "]")));
    }
}

enum class Side : std::uint8_t { buy = 1 };

static void numbers_that_do_not_fit() {
    refused<std::uint8_t>({"256", "-1", "1.5", "1e300", "-0.5", "NaN", "Infinity", "true", "\"1\"",
                           "null", "99999999999999999999"});
    refused<std::int8_t>({"128", "-129", "0.1"});
    refused<int>({"2147483648", "-2147483649", "1e300", "-1e300", "3.0000001"});
    refused<std::int64_t>({"9223372036854775808", "9223372036854775808.0", "-9223372036854775809",
                           "1e19", "-1e19", "-Infinity"});
    refused<std::uint64_t>({"18446744073709551616", "-1", "-1.0"});
    refused<float>({"1e300", "-1e300", "true", "\"NaN\""});
    refused<double>({"false", "\"NaN\"", "\"Infinity\"", "null"});
    refused<Side>({"256", "-1", "1.5"});

    CHECK(taken<std::uint8_t>("255") == 255 && taken<std::uint8_t>("7.0") == 7);
    CHECK(taken<std::int8_t>("-128") == -128 && taken<int>("-2147483648") == INT_MIN);
    CHECK(taken<std::int64_t>("-9223372036854775808") == INT64_MIN);
    CHECK(taken<std::int64_t>("1e18") == 1000000000000000000);
    CHECK(taken<std::uint64_t>("18446744073709551615") == UINT64_MAX);
    CHECK(taken<float>("1e30") == 1e30f && taken<double>("1e300") == 1e300);
    CHECK(taken<double>("123456789012345678901234567890") > 1e29);
    CHECK(taken<Side>("1") == Side::buy && taken<bool>("true"));
    CHECK((taken<std::map<int, int>>("[[1, 2]]").at(1) == 2));
}

static void not_finite_where_it_is_nested() {
    using Prices = std::map<std::string, std::vector<double>>;
    const Prices prices = taken<Prices>("{\"a\": [NaN, -Infinity, 1], \"NaN\": []}");
    CHECK(std::isnan(prices.at("a")[0]) && prices.at("a")[1] == -INFINITY);
    const std::string text = hermes::to_data(hermes::Message<Only<Prices>>{{prices}});
    CHECK(text.find("{\"NaN\":[],\"a\":[NaN,-Infinity,1.0]}") != text.npos);
    FAILS(hermes::errc::json, "Only: element 2", taken<std::string>("NaN"));
    CHECK(taken<std::string>("\"NaN\"") == "NaN");
}

static void not_finite() {
    Tick tick{"NaN \"Infinity\" -Infinity \\", NAN, 0, {}, {}};
    CHECK(hermes::to_data(hermes::Message<Tick>{tick}).find(", NaN, ") != std::string::npos);
    auto back = hermes::message_of<Tick>(hermes::to_data(hermes::Message<Tick>{tick}));
    CHECK(std::isnan(back->value.price) && back->value.symbol == tick.symbol);
    for (double price : {double{INFINITY}, double{-INFINITY}, 0.1}) {
        tick.price = price;
        back = hermes::message_of<Tick>(hermes::to_data(hermes::Message<Tick>{tick}));
        CHECK(back->value.price == price && back->value.symbol == tick.symbol);
    }
}

// What a slot of this kind travels as, and that the same comes back.
template <class T> static std::string there_and_back(const T &slot) {
    const std::string text =
        hermes::to_data(hermes::Message<Only<T>>{{slot}, hermes::time_point(1s)});
    const std::string begin = "[\"Only\", 1.0, ";
    CHECK(text.substr(0, begin.size()) == begin && text.back() == ']');
    const std::string json = text.substr(begin.size(), text.size() - begin.size() - 1);
    CHECK(taken<T>(json) == slot);
    return json;
}

struct Quote {
    std::optional<double> bid, ask;
    std::string venue;
    std::optional<std::string> note;
    static constexpr std::string_view dtype = "Quote";
    static constexpr auto slots() {
        return std::make_tuple(&Quote::bid, &Quote::ask, &Quote::venue, &Quote::note);
    }
};

static void optional_alone() {
    using std::optional;
    const Quote half{1.5, {}, "X", {}};
    const std::string text = hermes::to_data(hermes::Message<Quote>{half, hermes::time_point(1s)});
    CHECK(text == "[\"Quote\", 1.0, 1.5, null, \"X\", null]");
    const auto back = hermes::message_of<Quote>(text);
    CHECK(back->value.bid == 1.5 && !back->value.ask && !back->value.note);

    CHECK(there_and_back(optional<bool>(false)) == "false");
    CHECK(there_and_back(optional<bool>()) == "null");
    CHECK(there_and_back(optional<int>(0)) == "0");
    CHECK(there_and_back(optional<std::string>("")) == "\"\"");
    CHECK(there_and_back(optional<Side>(Side::buy)) == "1");
    CHECK(there_and_back(optional<std::vector<int>>(std::in_place)) == "[]");
    CHECK(there_and_back(optional<optional<int>>(3)) == "3");
    CHECK(there_and_back(optional<double>(INFINITY)) == "Infinity");
    CHECK(taken<optional<nlohmann::json>>("{\"a\": 1}")->at("a") == 1);
    CHECK(std::isnan(*taken<optional<double>>("NaN")));
    refused<optional<int>>({"1.5", "4294967296", "-3000000000", "1e300", "true", "\"1\"", "[]"});
    refused<optional<unsigned>>({"-1", "4294967296", "{}"});
    refused<optional<std::string>>({"1", "[\"a\"]"});
}

static void optional_in_containers() {
    using Maybe = std::optional<int>;
    CHECK(there_and_back(std::vector<Maybe>{1, {}, 3}) == "[1,null,3]");
    CHECK(there_and_back(std::set<Maybe>{{}, 3}) == "[null,3]");
    CHECK(there_and_back(std::list<std::vector<Maybe>>{{{}}, {}}) == "[[null],[]]");
    CHECK(there_and_back(std::array<Maybe, 2>{1, {}}) == "[1,null]");
    CHECK(there_and_back(std::pair<std::string, Maybe>{"a", {}}) == "[\"a\",null]");
    CHECK(there_and_back(std::tuple<Maybe, std::string, Maybe>{{}, "a", 2}) == "[null,\"a\",2]");
    CHECK(there_and_back(std::map<std::string, Maybe>{{"a", {}}, {"b", 2}}) ==
          "{\"a\":null,\"b\":2}");
    CHECK(there_and_back(std::map<int, Maybe>{{1, {}}, {2, 2}}) == "[[1,null],[2,2]]");
    CHECK(there_and_back(std::map<std::string, std::vector<Maybe>>{{"a", {{}, 2}}}) ==
          "{\"a\":[null,2]}");
    CHECK(there_and_back(std::unordered_map<std::string, Maybe>{{"a", 1}}) == "{\"a\":1}");
    using Deep = std::optional<std::map<std::string, std::vector<std::optional<double>>>>;
    CHECK(there_and_back(Deep({{"a", {0.5, {}}}})) == "{\"a\":[0.5,null]}");
    CHECK(there_and_back(Deep()) == "null");
    FAILS(hermes::errc::json, "Only: element 2", taken<std::vector<Maybe>>("1"));
    FAILS(hermes::errc::json, "Only: element 2", taken<std::vector<Maybe>>("{\"a\": 1}"));
    FAILS(hermes::errc::json, "Only: element 2", taken<std::vector<Maybe>>("null"));
    FAILS(hermes::errc::json, "Only: element 2", (taken<std::map<int, Maybe>>("[[1]]")));
    FAILS(hermes::errc::json, "Only: element 2", (taken<std::map<int, Maybe>>("[1]")));
    FAILS(hermes::errc::json, "Only: element 2", (taken<std::map<std::string, Maybe>>("[]")));
    FAILS(hermes::errc::json, "Only: element 2", (taken<std::array<Maybe, 2>>("[1]")));
    FAILS(hermes::errc::json, "Only: element 2", (taken<std::pair<int, Maybe>>("{}")));
}

static void over_the_wire() {
    Cluster c;
    Tick tick{"ETH", 3000, 1, {7}, {}};
    hermes::publish(c.publisher, "ticks", tick);
    hermes::publish(c.publisher, "json", nlohmann::json{{"a", {1, 2}}});
    hermes::Envelope e = c.receiver.recv(patience);
    auto back = hermes::message_in<Tick>(e);
    CHECK(back && back->value.sizes == tick.sizes);
    CHECK(back->ts <= e.received() + 1s && back->ts > e.received() - patience);
    e = c.receiver.recv(patience);
    CHECK(!hermes::message_in<Tick>(e) && hermes::json_in(e)["a"][1] == 2);

    // As Python sends them: each concerns its own envelope, whose text stays.
    const std::string deep = std::string(500, '[') + std::string(500, ']');
    for (const std::string text : {"{\"a\": [NaN, \"Infinity\", -Infinity]}", "\"\\ud800\"",
                                   "1e999", deep.c_str(), "[\"Tick\", 1, 2]"})
        c.publisher.publish("t", text);
    e = c.receiver.recv(patience);
    const nlohmann::json json = hermes::json_in(e);
    CHECK(std::isnan(json["a"][0].get<double>()) && json["a"][1] == "Infinity");
    hermes::publish(c.publisher, "back", json);
    for (const char *text : {"\"\\ud800\"", "1e999"}) {
        e = c.receiver.recv(patience);
        FAILS(hermes::errc::json, "", hermes::json_in(e));
        CHECK(e.data() == text);
    }
    e = c.receiver.recv(patience);
    CHECK(hermes::json_in(e).dump() == deep);
    e = c.receiver.recv(patience);
    FAILS(hermes::errc::json, "Tick: 2 values", hermes::message_in<Tick>(e));
    CHECK(c.receiver.recv(patience).data() == "{\"a\":[NaN,\"Infinity\",-Infinity]}");
}

int main() {
    as_text();
    what_is_no_tick();
    not_finite();
    numbers_that_do_not_fit();
    not_finite_where_it_is_nested();
    optional_alone();
    optional_in_containers();
    over_the_wire();
}
