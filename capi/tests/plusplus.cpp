// SPDX-License-Identifier: MIT
//
// The header serves C++ as it is: handles in a class of five lines, texts as
// string views, exceptions of the caller's own.
#include "hermes.h"

#include <stdexcept>
#include <string>
#include <string_view>

namespace {

void check(int code) {
    if (code >= 0) return;
    std::string text(hermes_last_error(nullptr, 0) + 1, '\0');
    hermes_last_error(&text[0], text.size());
    throw std::runtime_error(text);
}

struct handle {
    uint64_t value = 0;
    handle() = default;
    handle(const handle &) = delete;
    handle &operator=(const handle &) = delete;
    ~handle() {
        hermes_close(value);
    }
};

std::string get(const handle &h, const char *key) {
    char value[256];
    check(hermes_get(h.value, key, value, sizeof value));
    return value;
}

void exchange() {
    handle office, receiver, publisher;
    check(hermes_postoffice_new("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", nullptr, &office.value));
    check(hermes_start(office.value));
    check(hermes_receiver_new(get(office, "endpoint.out").c_str(), "r", &receiver.value));
    check(hermes_start(receiver.value));
    check(hermes_wait_ready(receiver.value, 60000));
    check(hermes_publisher_new(get(office, "endpoint.in").c_str(), "p", &publisher.value));
    check(hermes_start(publisher.value));

    std::string_view topic = "t", data = "[1, 2]";
    check(hermes_publish(publisher.value, topic.data(), topic.size(), nullptr, 0, data.data(),
                         data.size()));
    hermes_envelope *envelope = nullptr;
    check(hermes_recv(receiver.value, 60000, &envelope));
    std::size_t len = 0;
    const char *text = hermes_envelope_data(envelope, &len);
    bool same = std::string_view(text, len) == data;
    hermes_envelope_free(envelope);
    if (!same) throw std::runtime_error("the data changed on its way");
}

} // namespace

int main() {
    exchange();
    try {
        check(hermes_start(0));
    } catch (const std::runtime_error &e) {
        return std::string_view(e.what()).find("hermes_start") == 0 ? 0 : 1;
    }
    return 1;
}
