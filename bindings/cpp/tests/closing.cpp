// SPDX-License-Identifier: MIT
//
// Closing and stopping wake calls that wait in other threads; a hundred clusters leave no
// descriptor, and no memory to speak of, behind.
#include "support.hpp"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <unistd.h>

using namespace std::chrono_literals;
using hermes::errc;

// A waiting call ends with this code when the component is stopped or closed.
static void wakes(const std::function<void(Cluster &)> &wait,
                  const std::function<void(Cluster &)> &end, errc want) {
    Cluster c;
    std::atomic<bool> waiting{false};
    errc got = errc::ok;
    std::thread waiter([&] {
        waiting = true;
        try {
            wait(c);
        } catch (const hermes::error &e) {
            got = e.code();
        }
    });
    while (!waiting) std::this_thread::yield();
    std::this_thread::sleep_for(100ms); // until it most probably waits
    end(c);
    waiter.join();
    if (got != want) std::fprintf(stderr, "woken with %d\n", static_cast<int>(got));
    CHECK(got == want);
}

static void close_while_receiving() {
    const auto close = [](Cluster &c) { c.receiver.close(); };
    const auto stop = [](Cluster &c) { c.receiver.stop(); };
    wakes([](Cluster &c) { c.receiver.recv(); }, close, errc::stopped);
    wakes([](Cluster &c) { c.receiver.recv(); }, stop, errc::stopped);
    wakes([](Cluster &c) { c.receiver.recv_batch(10); }, close, errc::stopped);
    wakes([](Cluster &c) { c.receiver.try_recv(patience); }, close, errc::stopped);
    // A range just ends, and so does a wait for the end.
    wakes(
        [](Cluster &c) {
            for (auto &e : c.receiver) CHECK(e);
        },
        close, errc::ok);
    wakes([](Cluster &c) { CHECK(c.receiver.wait()); }, close, errc::ok);
}

static void close_in_the_body_of_a_loop() {
    for (const bool close : {true, false}) {
        Cluster c;
        c.publisher.publish("t", "1");
        int seen = 0;
        for (auto &e : c.receiver) {
            CHECK(e.data() == "1");
            seen++;
            if (close)
                c.receiver.close();
            else
                c.receiver.stop();
        }
        CHECK(seen == 1);
        for (auto &e : c.receiver) CHECK(!e); // and there is nothing more
    }
}

static long descriptors() {
    using entries = std::filesystem::directory_iterator;
    return std::distance(entries("/proc/self/fd"), entries());
}

static long resident_kib() {
    std::ifstream statm("/proc/self/statm");
    long size, resident;
    statm >> size >> resident;
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void cycle() {
    Cluster c;
    hermes::Node node("n", c.receiver, c.publisher);
    c.receiver.fd();
    const std::string data = '"' + std::string(100000, 'x') + '"';
    for (int i = 0; i < 10; i++) c.publisher.publish("t", data);
    for (int i = 0; i < 5; i++) CHECK(c.receiver.recv(patience).data() == data);
    CHECK(!c.receiver.recv_batch(10, patience).empty());
    CHECK(!c.receiver.stats().empty() && !c.receiver.next_event(patience).empty());
}

// Negative once it is closed.
static int descriptor_of(hermes::Receiver &receiver) {
    try {
        return receiver.fd();
    } catch (const hermes::error &e) {
        CHECK(e.code() == hermes::errc::bad_handle);
        return -1;
    }
}

static void a_hundred_cycles() {
    for (int i = 0; i < 20; i++) cycle();
    const long before = descriptors(), memory = resident_kib();
    for (int i = 0; i < 100; i++) cycle();
    for (auto end = hermes::now() + patience; descriptors() > before;) {
        CHECK(hermes::now() < end);
        std::this_thread::sleep_for(20ms);
    }
    // Each cycle moves a megabyte: a tenth of it kept would be ten.
    const long grown = resident_kib() - memory;
    std::printf("  100 cycles: %ld KiB more resident\n", grown);
#if !defined(__SANITIZE_ADDRESS__) // which keeps what is freed for a while
    CHECK(grown < 50000);
#endif
}

static void stop_without_waiting_and_go_with_a_socket() {
    Cluster c;
    const int socket = c.receiver.pipe();
    c.publisher.stop_begin();
    CHECK(c.publisher.wait(patience) && c.publisher.get("stop_error").empty());
    close(socket);
    for (auto end = hermes::now() + patience; descriptor_of(c.receiver) >= 0;) {
        CHECK(hermes::now() < end);
        std::this_thread::sleep_for(1ms);
    }
}

int main() {
    close_while_receiving();
    stop_without_waiting_and_go_with_a_socket();
    close_in_the_body_of_a_loop();
    a_hundred_cycles();
}
