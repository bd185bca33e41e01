// SPDX-License-Identifier: MIT
//
// What the tests in C++ share: checks that end the program, and a small cluster on ports that
// the system chooses.
#ifndef SUPPORT_HPP
#define SUPPORT_HPP

#include <hermes.hpp>

#include <cstdio>
#include <cstdlib>
#include <string>

// How long anything may take before a test calls it dead. Never a measure of speed.
inline constexpr std::chrono::seconds patience{60};

#define CHECK(condition) ((condition) ? (void)0 : broken(__FILE__, __LINE__, #condition))

// The expression throws this code, and the text names the object.
#define FAILS(code, cause, ...)                                                                    \
    fails(__FILE__, __LINE__, #__VA_ARGS__, [&] { (void)(__VA_ARGS__); }, (code), (cause))

[[noreturn]] inline void broken(const char *file, int line, const char *what) {
    std::fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    std::abort();
}

template <class Call>
void fails(const char *file, int line, const char *what, Call call, hermes::errc want,
           std::string_view cause) {
    try {
        call();
    } catch (const hermes::error &e) {
        if (e.code() == want && std::string_view(e.what()).find(cause) != std::string_view::npos)
            return;
        std::fprintf(stderr, "%s:%d: %s gave %d: %s\n", file, line, what,
                     static_cast<int>(e.code()), e.what());
        std::abort();
    }
    broken(file, line, what);
}

struct Cluster {
    hermes::PostOffice office{"tcp://127.0.0.1:*", "tcp://127.0.0.1:*"};
    hermes::Receiver receiver = make_receiver();
    hermes::Publisher publisher = make_publisher();

  private:
    hermes::Receiver make_receiver() {
        office.start();
        hermes::Receiver made(office.out(), "r");
        made.set("on_slow", "ignore");
        made.start();
        CHECK(made.wait_ready(patience));
        return made;
    }
    hermes::Publisher make_publisher() {
        hermes::Publisher made(office.in(), "p");
        made.start();
        CHECK(made.wait_ready(patience));
        return made;
    }
};

#endif // SUPPORT_HPP
