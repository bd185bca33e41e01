// Joins the demo, and prints the maximum of each of its readings: peaks [ADDRESS]
//
//     make demo AT="tcp://127.0.0.1:6000 tcp://127.0.0.1:6001"
//
// runs the demo; this program needs the second address. Ends with the demo, or on Ctrl-C.
#include <hermes.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

// As in examples/demo/messages.py.
struct Derived {
    std::string name;
    double value = 0, average = 0;
    std::string unit;
    double full = 0;
    static constexpr std::string_view dtype = "Derived";
    static constexpr auto slots() {
        return std::make_tuple(&Derived::name, &Derived::value, &Derived::average, &Derived::unit,
                               &Derived::full);
    }
};

int main(int argc, char **argv) try {
    hermes::Receiver receiver(argc > 1 ? argv[1] : "tcp://127.0.0.1:6001", "peaks", {"live/"});
    receiver.set("timeout", std::chrono::seconds(10)); // a busy machine is no reason to give up
    receiver.start();
    receiver.wait_ready();
    std::puts("watching");
    std::fflush(stdout);

    std::map<std::string, Derived> peaks;
    unsigned long count = 0, missing = 0;
    for (const hermes::Envelope &e : receiver) {
        count++;
        missing += e.lost();
        if (e.topic().substr(0, 9) == "live/end/") break;
        if (auto message = hermes::message_in<Derived>(e)) {
            Derived &peak = peaks.try_emplace(message->value.name, message->value).first->second;
            if (message->value.value > peak.value) peak = message->value;
        }
    }
    for (const auto &[name, peak] : peaks)
        std::printf("%-12s %14.1f %s\n", name.c_str(), peak.value, peak.unit.c_str());
    std::printf("%lu envelopes, %lu missing\n", count, missing);
} catch (const hermes::error &e) {
    std::fprintf(stderr, "peaks: %s\n", e.what());
    return 1;
}
