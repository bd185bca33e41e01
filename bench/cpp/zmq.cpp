// SPDX-License-Identifier: MIT
//
// The contestant: cppzmq, with nlohmann/json for typed=1.
//
//   zmq-cpp publish  in=ADDRESS   [typed=1]
//   zmq-cpp receive  out=ADDRESS  [typed=1]
#include "../c/race.h"

#include <nlohmann/json.hpp>
#include <zmq.hpp>

#include <string>
#include <string_view>

struct Publisher {
    zmq::socket_t socket;
    std::string origin; // a JSON string
};

// A socket without high-water marks.
static zmq::socket_t new_socket(zmq::context_t &context, zmq::socket_type type) {
    zmq::socket_t socket(context, type);
    socket.set(zmq::sockopt::sndhwm, 0);
    socket.set(zmq::sockopt::rcvhwm, 0);
    socket.set(zmq::sockopt::linger, 1000);
    return socket;
}

static void send(Publisher &p, const tick *t, std::string_view data) {
    char now[24];
    const std::size_t now_len = now_text(now);
    p.socket.send(zmq::buffer(t->topic, t->topic_len), zmq::send_flags::sndmore);
    p.socket.send(zmq::buffer(p.origin), zmq::send_flags::sndmore);
    p.socket.send(zmq::buffer(data), zmq::send_flags::sndmore);
    p.socket.send(zmq::buffer(now, now_len));
}

static void send_text(void *self, const tick *t) {
    send(*static_cast<Publisher *>(self), t, {t->data, t->data_len});
}

static void send_values(void *self, const tick *t) {
    if (tick_is_probe(t)) return send_text(self, t);
    const values v = values_of(t->number);
    const nlohmann::json message = {"Tick", v.ts, SYMBOL, v.price, v.number};
    send(*static_cast<Publisher *>(self), t, message.dump());
}

static void publish(bool typed) {
    zmq::context_t context;
    Publisher p{new_socket(context, zmq::socket_type::xpub), {}};
    // Some room, and waiting where there is none: the fastest way that loses nothing.
    p.socket.set(zmq::sockopt::sndhwm, 100000);
    p.socket.set(zmq::sockopt::xpub_nodrop, true);
    p.origin = std::string("\"") + text_of("origin", "p000") + "\"";
    p.socket.connect(text_of("in", ""));
    zmq::message_t subscription;
    if (!p.socket.recv(subscription)) fail("no subscription");
    publish_all(typed ? send_values : send_text, &p);
    wait_for_end();
}

static bool take(check *c, const zmq::message_t frames[4], bool typed) {
    // What is between the quotation marks of JSON strings without escapes.
    const std::string_view topic = frames[0].to_string_view().substr(1, frames[0].size() - 2);
    const std::string_view origin = frames[1].to_string_view().substr(1, frames[1].size() - 2);
    const std::string_view data = frames[2].to_string_view();
    if (!typed)
        return check_take(c, topic.data(), topic.size(), origin.data(), origin.size(), data.data(),
                          data.size());
    const nlohmann::json message = nlohmann::json::parse(data);
    values v{};
    std::string symbol;
    const bool is_tick = message.at(0) == "Tick";
    if (is_tick) {
        v = {message.at(1).get<double>(), message.at(3).get<double>(),
             message.at(4).get<std::uint64_t>()};
        symbol = message.at(2).get<std::string>();
    }
    return check_values(c, topic.data(), topic.size(), origin.data(), origin.size(),
                        is_tick ? &v : nullptr, symbol.c_str());
}

static void receive(bool typed) {
    check *c = check_new();
    zmq::context_t context;
    zmq::socket_t socket = new_socket(context, zmq::socket_type::sub);
    socket.set(zmq::sockopt::rcvtimeo, SILENCE_MS);
    socket.set(zmq::sockopt::subscribe, "");
    socket.connect(text_of("out", ""));
    zmq::message_t frames[4];
    const auto all = [&] {
        for (zmq::message_t &frame : frames)
            if (!socket.recv(frame)) return false;
        return true;
    };
    while (all() && !take(c, frames, typed)) continue;
    check_print(c);
    wait_for_end();
}

int main(int argc, char **argv) {
    const std::string_view role = arguments(argc, argv);
    const bool typed = number_of("typed", 0) != 0;
    if (role == "publish")
        publish(typed);
    else if (role == "receive")
        receive(typed);
    else
        fail("no role");
}
