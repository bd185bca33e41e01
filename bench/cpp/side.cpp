// SPDX-License-Identifier: MIT
//
// The other side of `make bench-cpp`: what side.c does, in C++.
#include <hermes.hpp>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

constexpr std::string_view topic = "ticks/BTCUSD";
constexpr std::string_view data = "[\"Tick\", 1763800000.25, \"BTCUSD\", 42000]";

static double processor_ns() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

static std::size_t bytes; // of what came, so that it is looked at

static void look(const hermes::EnvelopeView &e) {
    bytes += e.topic().size() + e.data().size();
}

static double publish(hermes::Publisher &publisher, long count) {
    const double begun = processor_ns();
    for (long i = 0; i < count; i++) publisher.publish(topic, data);
    return (processor_ns() - begun) / static_cast<double>(count);
}

static double receive(hermes::Receiver &receiver, long count) {
    const double begun = processor_ns();
    for (long i = 0; i < count; i++) look(receiver.recv());
    return (processor_ns() - begun) / static_cast<double>(count);
}

static double receive_batches(hermes::Receiver &receiver, long count) {
    const double begun = processor_ns();
    for (long got = 0; got < count;) {
        const hermes::Batch batch = receiver.recv_batch(1000);
        for (hermes::EnvelopeView e : batch) look(e);
        got += static_cast<long>(batch.size());
    }
    return (processor_ns() - begun) / static_cast<double>(count);
}

// Waits until all has arrived, so that taking it never waits.
static void settle(hermes::Receiver &receiver, long count) {
    const std::string want = "\"received\":" + std::to_string(count) + ",";
    do std::this_thread::sleep_for(std::chrono::milliseconds(10));
    while (receiver.stats().find(want) == std::string::npos);
}

int main(int argc, char **argv) {
    const long count = argc > 1 ? std::atol(argv[1]) : 100000;
    hermes::PostOffice office("tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
    office.start();
    hermes::Receiver receiver(office.out(), "r");
    receiver.set("on_slow", "ignore");
    receiver.start();
    receiver.wait_ready();
    hermes::Publisher publisher(office.in(), "p");
    publisher.start();
    publisher.wait_ready();

    publish(publisher, 1000); // to warm up
    receive(receiver, 1000);
    const double publishing = publish(publisher, 2 * count);
    settle(receiver, 1000 + 2 * count);
    const double one = receive(receiver, count), many = receive_batches(receiver, count);
    if (bytes != static_cast<std::size_t>(1000 + 2 * count) * (topic.size() + data.size()))
        return 2;
    std::printf("%.1f %.1f %.1f\n", publishing, one, many);
}
