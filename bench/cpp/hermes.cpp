// SPDX-License-Identifier: MIT
//
// The contestant: hermes.hpp, as a program in C++ uses it.
//
//   hermes-cpp publish  in=ADDRESS   [typed=1]
//   hermes-cpp receive  out=ADDRESS  [typed=1]
#include "../c/race.h"

#include <hermes.hpp>

#include <cstring>
#include <string>
#include <string_view>

// A tick as a struct; its time is that of the message.
struct Tick {
    std::string symbol;
    double price = 0;
    std::uint64_t number = 0;
    static constexpr std::string_view dtype = "Tick";
    static constexpr auto slots() {
        return std::make_tuple(&Tick::symbol, &Tick::price, &Tick::number);
    }
};

static std::string_view topic_of(const tick *t) {
    return {t->topic + 1, t->topic_len - 2};
}

static void send_text(void *self, const tick *t) {
    static_cast<hermes::Publisher *>(self)->publish(topic_of(t), {t->data, t->data_len});
}

static void send_values(void *self, const tick *t) {
    if (tick_is_probe(t)) return send_text(self, t);
    const values v = values_of(t->number);
    hermes::Message<Tick> message{{SYMBOL, v.price, v.number},
                                  hermes::time_point(std::chrono::duration<double>(v.ts))};
    hermes::publish(*static_cast<hermes::Publisher *>(self), topic_of(t), message);
}

static void publish(bool typed) {
    hermes::Publisher publisher(text_of("in", ""), text_of("origin", "p000"));
    // Where the queue is full, wait rather than give up: nothing may be lost here.
    publisher.set("queue.block", "1m");
    publisher.start();
    publish_all(typed ? send_values : send_text, &publisher);
    wait_for_end();
}

static bool take(check *c, hermes::EnvelopeView e, bool typed) {
    const std::string_view topic = e.topic(), origin = e.origin(), data = e.data();
    if (!typed)
        return check_take(c, topic.data(), topic.size(), origin.data(), origin.size(), data.data(),
                          data.size());
    const auto message = hermes::message_in<Tick>(e);
    values v{};
    if (message)
        v = {message->ts.time_since_epoch().count(), message->value.price, message->value.number};
    return check_values(c, topic.data(), topic.size(), origin.data(), origin.size(),
                        message ? &v : nullptr, message ? message->value.symbol.c_str() : "");
}

static void receive(bool typed) {
    check *c = check_new();
    hermes::Receiver receiver(text_of("out", ""), "receiver");
    // As without high-water marks: nothing may be lost here, however fast it comes.
    receiver.set("on_slow", "ignore");
    receiver.start();
    for (bool over = false; !over;) {
        const hermes::Batch batch =
            receiver.recv_batch(1024, std::chrono::milliseconds(SILENCE_MS));
        for (hermes::EnvelopeView e : batch)
            if ((over = take(c, e, typed))) break;
    }
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
