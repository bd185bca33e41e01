// SPDX-License-Identifier: MIT
//
// Every code arrives as an exception with that code and a text: those that a program can
// bring about are brought about, and all are compared with hermes.h.
#include "support.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <type_traits>

using namespace std::chrono_literals;
using hermes::errc;

static void codes_of_the_header() {
    struct {
        errc code;
        int number;
    } const all[] = {
        {errc::ok, HERMES_OK},
        {errc::invalid, HERMES_EINVAL},
        {errc::bad_handle, HERMES_EBADHANDLE},
        {errc::state, HERMES_ESTATE},
        {errc::address, HERMES_EADDRESS},
        {errc::address_in_use, HERMES_EADDRINUSE},
        {errc::option, HERMES_EOPTION},
        {errc::utf8, HERMES_EUTF8},
        {errc::json, HERMES_EJSON},
        {errc::full, HERMES_EFULL},
        {errc::timeout, HERMES_ETIMEOUT},
        {errc::stopped, HERMES_ESTOPPED},
        {errc::forked, HERMES_EFORKED},
        {errc::internal, HERMES_EINTERNAL},
        {errc::no_memory, HERMES_ENOMEM},
        {errc::range, HERMES_ERANGE},
        {errc::too_big, HERMES_ETOOBIG},
        {errc::not_supported, HERMES_ENOTSUP},
        {errc::io, HERMES_EIO},
        {errc::access_denied, HERMES_EACCES},
        {errc::not_authenticated, HERMES_EAUTH},
    };
    const std::string unknown(hermes::describe(static_cast<errc>(-9999)));
    int expected = 0;
    for (auto [code, number] : all) {
        CHECK(static_cast<int>(code) == number && number == expected--);
        CHECK(hermes::describe(code) != unknown && !hermes::describe(code).empty());
        FAILS(code, "why", throw hermes::error(code, "why"));
    }
    // None is missing: the code after the last is unknown to the library.
    CHECK(hermes::describe(static_cast<errc>(expected)) == unknown);
}

static void walk(hermes::Receiver &receiver) {
    for (auto &e : receiver) CHECK(e);
}

static void made_wrongly() {
    FAILS(errc::invalid, "name", hermes::Publisher("tcp://127.0.0.1:1", ""));
    FAILS(errc::utf8, "name", hermes::Publisher("tcp://127.0.0.1:1", "\xff"));
    FAILS(errc::address, "nowhere", hermes::Receiver("nowhere", "r"));
    FAILS(errc::address, "nowhere", hermes::PostOffice("tcp://127.0.0.1:*", "nowhere"));
    hermes::Publisher p("tcp://127.0.0.1:1", "p");
    FAILS(errc::option, "queue.mesages", p.set("queue.mesages", 1));
    FAILS(errc::option, "soon", p.set("linger", "soon"));
    FAILS(errc::option, "colour", p.get("colour"));
    FAILS(errc::state, "p", p.publish("t", "1"));
    hermes::Receiver r("tcp://127.0.0.1:1", "r");
    FAILS(errc::state, "r", r.recv(0ms));
    FAILS(errc::state, "r", walk(r));
    hermes::Receiver moved(std::move(r));
    FAILS(errc::bad_handle, "", walk(r));
}

template <class Value, class = void> struct can_be_set : std::false_type {};
template <class Value>
struct can_be_set<Value, std::void_t<decltype(std::declval<hermes::Publisher &>().set(
                             std::string(), std::declval<Value>()))>> : std::true_type {};

enum Plain { plain };
enum class Scoped { scoped };

static_assert(can_be_set<std::string>::value && can_be_set<const char *>::value);
static_assert(can_be_set<bool>::value && can_be_set<int>::value);
static_assert(can_be_set<std::size_t>::value && can_be_set<unsigned char>::value);
static_assert(can_be_set<std::chrono::seconds>::value);
static_assert(!can_be_set<double>::value && !can_be_set<float>::value);
static_assert(!can_be_set<char>::value && !can_be_set<wchar_t>::value);
static_assert(!can_be_set<char16_t>::value && !can_be_set<char32_t>::value);
static_assert(can_be_set<std::string_view>::value && !can_be_set<std::nullptr_t>::value);
static_assert(!can_be_set<void *>::value && !can_be_set<int *>::value);
static_assert(!can_be_set<Plain>::value && !can_be_set<Scoped>::value);
static_assert(!can_be_set<std::chrono::microseconds>::value);

static void text_with_a_nul() {
    using namespace std::string_literals;
    using namespace std::string_view_literals;
    const std::string address = "tcp://127.0.0.1:*", cut = address + "\0x"s;
    FAILS(errc::invalid, "NUL", hermes::PostOffice(cut, address));
    FAILS(errc::invalid, "NUL", hermes::PostOffice(address, cut));
    FAILS(errc::invalid, "NUL", hermes::PostOffice(address, address, cut));
    FAILS(errc::invalid, "NUL", hermes::PostOffice(address, address, "\0x"s));
    FAILS(errc::invalid, "NUL", hermes::Publisher("tcp://127.0.0.1:1\0"s, "p"));
    FAILS(errc::invalid, "NUL", hermes::Publisher("tcp://127.0.0.1:1", "p\0x"s));
    FAILS(errc::invalid, "NUL", hermes::Receiver("tcp://127.0.0.1:1\0"s, "r"));
    FAILS(errc::invalid, "NUL", hermes::Receiver("tcp://127.0.0.1:1", "r\0x"s, {"t"}));
    Cluster c;
    FAILS(errc::invalid, "NUL", hermes::Node("n\0x"s, c.publisher));
    FAILS(errc::invalid, "NUL", c.publisher.set("linger\0x"s, "1s"));
    FAILS(errc::invalid, "NUL", c.publisher.set("linger", "1s\0x"s));
    FAILS(errc::invalid, "NUL", c.publisher.set("linger", "1s\0x"sv));
    FAILS(errc::invalid, "NUL", c.publisher.set("linger\0x"s, 1s));
    FAILS(errc::invalid, "NUL", c.publisher.get("linger\0x"s));
    FAILS(errc::invalid, "NUL", c.publisher.publish_try("[\"t\", null, 1]\0, 2]"s));
    FAILS(errc::json, "", c.publisher.publish("t", "1\0"s));
}

static void while_running() {
    Cluster c;
    FAILS(errc::state, "p", c.publisher.start());
    FAILS(errc::json, "1,", c.publisher.publish("t", "1,"));
    FAILS(errc::utf8, "topic", c.publisher.publish("\xff", "1"));
    FAILS(errc::timeout, "r", c.receiver.recv(1ms));
    FAILS(errc::not_supported, "n", hermes::Node("n", c.publisher).recv(0ms));
    hermes::PostOffice second(c.office.in(), "tcp://127.0.0.1:*");
    FAILS(errc::address_in_use, c.office.in(), second.start());
    FAILS(errc::io, "/proc/", hermes::PostOffice("ipc:///proc/in", "ipc:///proc/out").start());
    FAILS(errc::address, "/nonexistent",
          hermes::PostOffice("ipc:///nonexistent/in", "ipc:///nonexistent/out").start());
    c.receiver.stop();
    FAILS(errc::stopped, "r", c.receiver.recv(patience));
    c.receiver.close();
    c.receiver.close();
    FAILS(errc::bad_handle, "hermes_recv", c.receiver.recv(patience));
}

static void at_a_limit() {
    hermes::PostOffice office("tcp://127.0.0.1:*", "tcp://127.0.0.1:*");
    office.start();
    hermes::Publisher p(office.in(), "p");
    p.set("queue.messages", 2);
    p.set("queue.block", 0ms);
    p.set("ready.hold", 1h); // no subscriber, so nothing leaves the queue
    p.set("message.bytes", 1000);
    p.start();
    FAILS(errc::too_big, "message.bytes", p.publish("t", std::string(2000, '1')));
    std::size_t queued = 0;
    FAILS(errc::full, "p",
          p.publish_batch("[[\"t\",null,1],[\"t\",null,2],[\"t\",null,3]]", &queued));
    CHECK(queued == 2);
    CHECK(!p.try_publish("t", "3"));
    CHECK(!p.publish_try("[\"t\", null, 3]"));
    FAILS(errc::full, "p", p.publish("t", "3"));
    FAILS(errc::timeout, "2", p.stop(1ms)); // what it had to give up
    p.start();
    p.publish("t", "3");
    p.stop_begin(1ms);
    CHECK(p.wait(patience) && p.get("stop_error").find('1') != std::string::npos);
}

static void in_a_child() {
    Cluster c;
    const pid_t child = fork();
    if (child == 0) {
        try {
            c.publisher.publish("t", "1");
        } catch (const hermes::error &e) {
            _exit(e.code() == errc::forked && e.what()[0] != '\0' ? 0 : 1);
        }
        _exit(2);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
}

int main() {
    codes_of_the_header();
    made_wrongly();
    text_with_a_nul();
    while_running();
    at_a_limit();
    in_a_child();
}
