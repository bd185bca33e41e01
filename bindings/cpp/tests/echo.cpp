// SPDX-License-Identifier: MIT
//
// Publishes again what it receives: echo IN OUT NAME FROM TO. The topic FROMrest becomes
// TOrest; the rest "end" is the last.
#include <hermes.hpp>

#include <cstdio>

int main(int argc, char **argv) try {
    if (argc != 6) return 2;
    const std::string_view from = argv[4], to = argv[5];
    hermes::Receiver receiver(argv[2], argv[3], {from});
    hermes::Publisher publisher(argv[1], argv[3]);
    receiver.set("on_slow", "ignore");
    receiver.start();
    publisher.start();
    for (const hermes::Envelope &e : receiver) {
        const std::string_view rest = e.topic().substr(from.size());
        publisher.publish(std::string(to).append(rest), e.data());
        if (rest == "end") break;
    }
    publisher.stop(std::chrono::minutes(1));
} catch (const hermes::error &e) {
    std::fprintf(stderr, "echo: %s\n", e.what());
    return 1;
}
