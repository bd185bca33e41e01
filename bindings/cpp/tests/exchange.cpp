// SPDX-License-Identifier: MIT
//
// Envelopes go through and come out as they went in, one by one, in batches and as ranges;
// owners can be moved; options, counters, events and the descriptor work.
#include "support.hpp"

#include <poll.h>

#include <algorithm>
#include <thread>
#include <vector>
#if __cplusplus >= 202002L
#include <ranges>
#endif

using namespace std::chrono_literals;
using namespace std::string_view_literals;

static_assert(!std::is_copy_constructible_v<hermes::Envelope>);
static_assert(!std::is_copy_constructible_v<hermes::Batch>);
static_assert(!std::is_copy_constructible_v<hermes::Publisher>);
static_assert(std::is_nothrow_move_constructible_v<hermes::Publisher>);
static_assert(std::is_nothrow_move_assignable_v<hermes::Receiver>);
static_assert(std::is_nothrow_move_assignable_v<hermes::Envelope>);
static_assert(std::is_nothrow_move_assignable_v<hermes::Batch>);
#if __cplusplus >= 202002L
static_assert(std::ranges::random_access_range<hermes::Batch>);
static_assert(std::ranges::sized_range<hermes::Batch>);
static_assert(std::ranges::input_range<hermes::Receiver>);
#endif

static void one_by_one() {
    Cluster c;
    const auto before = hermes::now() - 1s;
    c.publisher.publish("grüße/\n\0/🙂"sv, R"({"π": [3.14, null, "\u0000 ½"]})");
    hermes::Envelope e = c.receiver.recv(patience);
    CHECK(e.topic() == "grüße/\n\0/🙂"sv);
    CHECK(e.origin() == "p");
    CHECK(e.data() == R"({"π": [3.14, null, "\u0000 ½"]})");
    CHECK(e.ts() > before && e.ts() < hermes::now() + 1s);
    CHECK(e.received() > before && e.lost() == 0);

    c.publisher.publish("t", "1", "another origin");
    CHECK(c.receiver.recv(patience).origin() == "another origin");
    c.publisher.publish_of("", "", "NaN");
    e = c.receiver.recv(patience);
    CHECK(e.topic().empty() && e.origin().empty() && e.data() == "NaN");
    c.publisher.publish_of({}, "t", "1");
    CHECK(c.receiver.recv(patience).origin().empty());
    c.publisher.publish_of("other", "t", "1");
    CHECK(c.receiver.recv(patience).origin() == "other");
    // An empty origin is the publisher's name, wherever it points.
    for (const std::string_view empty : {std::string_view(), ""sv, "x"sv.substr(1)}) {
        c.publisher.publish("t", "1", empty);
        CHECK(c.publisher.try_publish("t", "1", empty));
        for (int i = 0; i < 2; i++) CHECK(c.receiver.recv(patience).origin() == "p");
    }

    CHECK(!c.receiver.try_recv());
    CHECK(c.receiver.try_recv_batch(10).empty());
    FAILS(hermes::errc::timeout, "r", c.receiver.recv(1ms));

    const std::string big = '"' + std::string(16 << 20, 'x') + '"';
    c.publisher.publish("big", big);
    CHECK(c.receiver.recv(patience).data() == big);
}

// Takes batches until as many envelopes have come.
static std::vector<std::string> take(hermes::Receiver &receiver, std::size_t count) {
    std::vector<std::string> all;
    while (all.size() < count) {
        hermes::Batch batch = receiver.recv_batch(64, patience);
        CHECK(!batch.empty() && batch.size() <= 64);
        for (hermes::EnvelopeView e : batch) all.emplace_back(e.data());
    }
    return all;
}

static void in_batches() {
    Cluster c;
    std::string rows = "[";
    for (int i = 0; i < 1000; i++)
        rows += (i ? ", " : "") + ("[\"t\", null, " + std::to_string(i) + "]");
    CHECK(c.publisher.publish_batch(rows + "]") == 1000);
    std::vector<std::string> got = take(c.receiver, 1000);
    for (int i = 0; i < 1000; i++) CHECK(got[static_cast<std::size_t>(i)] == std::to_string(i));

    CHECK(c.publisher.publish_batch("[[\"t\", \"o\", true]]") == 1);
    CHECK(c.publisher.publish_try("[\"tried\", null, 1]"));
    CHECK(c.receiver.recv(patience).data() == "true");
    CHECK(c.receiver.recv_json(10, patience).find("[[\"tried\"") == 0);
}

static void as_ranges() {
    Cluster c;
    for (int i = 0; i < 10; i++) c.publisher.publish("t", std::to_string(i));
    hermes::Batch batch;
    for (auto end = hermes::now() + patience; batch.size() < 10;) { // all in one
        CHECK(hermes::now() < end);
        std::this_thread::sleep_for(10ms);
        if (c.receiver.stats().find("\"queued\":10,") != std::string::npos ||
            c.receiver.stats().find("\"queued\":10}") != std::string::npos)
            batch = c.receiver.recv_batch(10, patience);
    }
    CHECK(batch.end() - batch.begin() == 10 && batch[9].data() == "9");
    CHECK(!batch[10] && batch.begin()[3].data() == "3");
    CHECK(std::count_if(batch.begin(), batch.end(), [](auto e) { return e.data() > "6"; }) == 3);
    hermes::Batch moved = std::move(batch);
    CHECK(batch.empty() && batch.begin() == batch.end() && moved.size() == 10);
#if __cplusplus >= 202002L
    std::string digits;
    for (auto e : moved | std::views::reverse | std::views::take(3)) digits += e.data();
    CHECK(digits == "987");
    CHECK(std::ranges::find(moved, "4", [](auto e) { return e.data(); }) - moved.begin() == 4);
#endif

    for (int i = 0; i < 100; i++) c.publisher.publish("t", std::to_string(i));
    int next = 0;
    for (const hermes::Envelope &e : c.receiver) {
        CHECK(e.data() == std::to_string(next));
        if (++next == 100) c.receiver.stop(); // which ends the range
    }
    CHECK(next == 100);
}

// Taking three waits for three; the fourth stays queued.
static void some_of_many() {
    Cluster c;
    for (int i = 0; i < 6; i++) c.publisher.publish("t", std::to_string(i));
    auto at = c.receiver.begin();
    CHECK(at->data() == "0" && (*at).data() == "0" && at != c.receiver.end());
    ++at;
    CHECK(at->data() == "1");
    int next = 2;
#if __cplusplus >= 202002L
    for (auto &e : c.receiver | std::views::take(3)) CHECK(e.data() == std::to_string(next++));
    CHECK(next == 5);
    for (auto &e : c.receiver | std::views::take(0)) CHECK(!e);
#endif
    CHECK(c.receiver.recv(patience).data() == std::to_string(next));
}

static void moving() {
    Cluster c;
    hermes::Publisher taken = std::move(c.publisher);
    CHECK(c.publisher.handle() == 0 && taken.handle() != 0);
    FAILS(hermes::errc::bad_handle, "hermes_publish", c.publisher.publish("t", "1"));
    taken.publish("t", "1");
    hermes::Envelope first = c.receiver.recv(patience);
    hermes::Envelope second = std::move(first);
    CHECK(!first && second && first.data().empty() && second.data() == "1");
    second = {};
    CHECK(!second);

    // Assignment closes what was there.
    hermes::Receiver other(c.office.out(), "other");
    const std::uint64_t old = c.receiver.handle();
    c.receiver = std::move(other);
    CHECK(hermes_start(old) == HERMES_EBADHANDLE && c.receiver.get("name") == "other");
}

static void subscriptions() {
    Cluster c;
    hermes::Receiver some(c.office.out(), "some", {"a/", "b/"});
    some.accept("p");
    some.subscribe("c/");
    some.unsubscribe("b/");
    FAILS(hermes::errc::invalid, "x", some.unsubscribe("x"));
    some.start();
    CHECK(some.wait_ready(patience));
    // Subscriptions take a moment to arrive: asked for again until one has come through.
    do c.publisher.publish("c/first", "0");
    while (!some.try_recv(20ms));
    for (const char *topic : {"b/1", "x/1", "a/1"}) c.publisher.publish(topic, "1");
    c.publisher.publish("a/2", "1", "other");
    c.publisher.publish("c/last", "2");
    std::string topics;
    for (hermes::Envelope e; !e || e.topic() != "c/last";) {
        e = some.recv(patience);
        if (e.topic() != "c/first") topics.append(e.topic()).append(" ");
    }
    CHECK(topics == "a/1 c/last ");
}

static void settings() {
    hermes::Publisher p("tcp://127.0.0.1:1", "ñame");
    p.set("linger", 250ms);
    CHECK(p.get("linger") == "250ms");
    p.set("queue.messages", 1234);
    CHECK(p.get("queue.messages") == "1234");
    p.set("sequence", false);
    CHECK(p.get("sequence") == "off");
    p.set("queue.block", "2s");
    CHECK(p.get("queue.block") == "2s" && p.get("name") == "ñame" && p.get("state") == "new");
    const std::string name(1000, 'n'); // longer than the first buffer
    CHECK(hermes::Publisher("tcp://127.0.0.1:1", name).get("name") == name);
    CHECK(hermes::version() == HERMES_VERSION_STRING);
    CHECK(hermes::abi_version() == HERMES_ABI_VERSION);
}

static void events() {
    Cluster c;
    CHECK(c.publisher.stats().find("\"accepted\"") != std::string::npos);
    std::string event = c.receiver.next_event(patience);
    CHECK(event.front() == '{' && event.find("\"kind\"") != std::string::npos);
    while (!c.receiver.next_event().empty()) {
    }
    CHECK(!c.office.wait(1ms));
    c.office.stop();
    CHECK(c.office.wait(patience));
}

static void polling() {
    Cluster c;
    pollfd room{c.publisher.fd(), POLLIN, 0};
    CHECK(poll(&room, 1, 0) == 1);
    pollfd wait{c.receiver.fd(), POLLIN, 0};
    CHECK(poll(&wait, 1, 0) == 0);
    c.publisher.publish("t", "1");
    CHECK(poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) == 1);
    CHECK(c.receiver.try_recv().data() == "1");
    CHECK(poll(&wait, 1, 0) == 0);
    FAILS(hermes::errc::not_supported, "hermes_fd", hermes::Node("n", c.publisher).fd());
}

static void nodes() {
    Cluster c;
    hermes::Node node("n", c.receiver, c.publisher);
    node.publish("channel", "42");
    hermes::Envelope e = node.recv(patience);
    CHECK(e.topic() == "channel/n" && e.origin() == "n" && e.data() == "42");
    CHECK(!node.try_recv() && node.fd() == c.receiver.fd());
}

static void the_loop_of_a_node() {
    Cluster c;
    hermes::Receiver ear(c.office.out(), "echo", {"t"});
    hermes::Publisher mouth(c.office.in(), "echo");
    hermes::Node node("echo", ear, mouth);
    FAILS(hermes::errc::state, "echo", node.run());
    node.start();
    CHECK(node.wait_ready(patience));
    std::thread loop([&] { node.run(); });
    hermes::Envelope e;
    do c.publisher.publish("t", "7"); // until the subscription has arrived
    while (!(e = c.receiver.try_recv(20ms)) || e.topic() != "RAW/echo");
    CHECK(e.data() == "7" && e.origin() == "echo");
    node.stop();
    loop.join();
}

int main() {
    one_by_one();
    in_batches();
    as_ranges();
    some_of_many();
    moving();
    subscriptions();
    settings();
    events();
    polling();
    nodes();
    the_loop_of_a_node();
}
