// SPDX-License-Identifier: MIT
//
// A struct travels as the array that Python's Message is, and comes back.
#include "support.hpp"

#ifndef HERMES_HAS_JSON
#error "nlohmann/json is not there: install nlohmann-json3-dev"
#endif

#include <cmath>
#include <map>
#include <optional>
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
}

int main() {
    as_text();
    what_is_no_tick();
    not_finite();
    over_the_wire();
}
