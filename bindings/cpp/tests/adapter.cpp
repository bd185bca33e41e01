// SPDX-License-Identifier: MIT
//
// Takes the steps of the conformance scenarios with hermes.hpp.
//
// Usage: adapter SCENARIOS.json [NAME]
//        adapter --cluster IN OUT NAME COUNT PEERS
#include <hermes.hpp>

#include <nlohmann/json.hpp>

#include <fstream>
#include <functional>
#include <future>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <poll.h>

using nlohmann::json;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds patience = 1min;

// Something did not come as expected.
struct wrong : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// A failure on its way out of nested steps, with where it was and with its code.
struct failed : std::runtime_error {
    failed(const std::string &text, std::string code)
        : std::runtime_error(text), code(std::move(code)) {}
    std::string code; // empty where it is not one of hermes
};

const std::map<hermes::errc, std::string> codes = {
    {hermes::errc::invalid, "EINVAL"},
    {hermes::errc::bad_handle, "EBADHANDLE"},
    {hermes::errc::state, "ESTATE"},
    {hermes::errc::address, "EADDRESS"},
    {hermes::errc::address_in_use, "EADDRINUSE"},
    {hermes::errc::option, "EOPTION"},
    {hermes::errc::utf8, "EUTF8"},
    {hermes::errc::json, "EJSON"},
    {hermes::errc::full, "EFULL"},
    {hermes::errc::timeout, "ETIMEOUT"},
    {hermes::errc::stopped, "ESTOPPED"},
    {hermes::errc::too_big, "ETOOBIG"},
    {hermes::errc::not_supported, "ENOTSUP"},
    {hermes::errc::io, "EIO"},
    {hermes::errc::access_denied, "EACCES"},
    {hermes::errc::not_authenticated, "EAUTH"},
};

// Turns a result of false into errc::timeout.
void in_time(bool result) {
    if (!result) throw failed("the time is up", "ETIMEOUT");
}

std::chrono::milliseconds timeout_of(const json &step) {
    return std::chrono::milliseconds(step.value("timeout", patience.count()));
}

// Whether what is expected is contained in what came.
bool contains(const json &want, const json &got) {
    if (want.is_object() && got.is_object()) {
        for (const auto &[key, value] : want.items())
            if (!got.contains(key) || !contains(value, got[key])) return false;
        return true;
    }
    if (want.is_array() && got.is_array())
        return std::equal(want.begin(), want.end(), got.begin(), got.end(), contains);
    return want == got;
}

// The topic of a step: text, or the bytes behind hexadecimal digits.
std::string topic_of(const json &step) {
    if (step.contains("topic")) return step["topic"];
    const std::string hex = step["topic_hex"];
    std::string bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return bytes;
}

// The data that a step speaks of, as JSON text.
std::string data_of(const json &step, int index) {
    if (step.contains("text")) return step["text"];
    if (!step.contains("make")) return step["data"].dump();
    const json &make = step["make"];
    if (make.is_array()) {
        const std::string text = json(std::string(make[1].get<std::size_t>(), 'x')).dump();
        return make[0] == "nan" ? "[NaN, " + text + "]" : text;
    }
    return make == "index" ? std::to_string(index) : "{nonsense";
}

// ---- One run of a scenario -------------------------------------------------------

class Run {
  public:
    ~Run() {
        while (!order_.empty()) { // newest first
            std::visit([](auto &component) { close_quietly(component); },
                       objects_.at(order_.back()));
            order_.pop_back();
        }
    }

    void take(const json &steps, int index = 0) {
        int number = 0;
        for (const json &step : steps) {
            const std::string place =
                "step " + std::to_string(++number) + " (" + step["do"].get<std::string>() + "): ";
            try {
                take_one(step, index);
            } catch (const failed &e) {
                throw failed(place + e.what(), e.code);
            } catch (const std::exception &e) {
                throw failed(place + e.what(), "");
            }
        }
    }

  private:
    using AnyComponent =
        std::variant<hermes::PostOffice, hermes::Publisher, hermes::Receiver, hermes::Node>;
    using Kind = std::function<void(Run &, const json &, int)>;
    static const std::map<std::string, Kind> kinds;

    std::map<std::string, AnyComponent> objects_;
    std::vector<std::string> order_;
    std::map<std::string, std::future<void>> tasks_;

    static void close_quietly(hermes::Component &component) {
        try {
            component.close();
        } catch (const hermes::error &) { // errors no longer matter
        }
    }

    // Takes a step, and looks whether it fails as it should.
    void take_one(const json &step, int index) {
        const json error = step.value("error", json::array());
        const json allowed = error.is_array() ? error : json::array({error});
        const auto may = [&](const std::string &code) {
            return std::find(allowed.begin(), allowed.end(), code) != allowed.end();
        };
        try {
            kinds.at(step["do"])(*this, step, index);
        } catch (const hermes::error &e) {
            judge(step, may, e.what(), codes.count(e.code()) ? codes.at(e.code()) : "?");
            return;
        } catch (const failed &e) {
            judge(step, may, e.what(), e.code);
            return;
        }
        if (!allowed.empty() && !may("none")) throw wrong("did not fail with " + allowed.dump());
    }

    template <class May>
    static void judge(const json &step, May may, const std::string &text, const std::string &code) {
        if (!may(code)) throw failed(text, code);
        const std::string says = step.value("says", "");
        if (text.find(says) == std::string::npos)
            throw wrong("no '" + says + "' in the text: " + text);
        if (step.contains("hides") && text.find(step["hides"]) != std::string::npos)
            throw wrong("the text does not hide it: " + text);
    }

    // Calls something with the component that a step names.
    template <class Call> void with(const json &step, Call call) {
        std::visit([&](auto &component) { call(static_cast<hermes::Component &>(component)); },
                   objects_.at(step["on"]));
    }
    template <class Kind> Kind &on(const json &step) {
        return std::get<Kind>(objects_.at(step["on"]));
    }

    void add(const json &step, AnyComponent component) {
        objects_.emplace(step["as"], std::move(component));
        order_.push_back(step["as"]);
    }

    // An address is a string, or what an object says.
    std::string address(const json &given) {
        if (given.is_string()) return given;
        std::string found;
        std::visit([&](auto &component) { found = component.get(given[1]); },
                   objects_.at(given[0]));
        return found;
    }

    void node(const json &step) {
        const std::string name = step["name"];
        hermes::Receiver *ear = nullptr;
        hermes::Publisher *mouth = nullptr;
        if (step["receiver"].is_string())
            ear = &std::get<hermes::Receiver>(objects_.at(step["receiver"]));
        if (step["publisher"].is_string())
            mouth = &std::get<hermes::Publisher>(objects_.at(step["publisher"]));
        add(step, ear && mouth ? hermes::Node(name, *ear, *mouth)
                  : ear        ? hermes::Node(name, *ear)
                               : hermes::Node(name, *mouth));
    }

    void publish(const json &step, int index) {
        const json origin = step.value("origin", json());
        auto &publisher = on<hermes::Publisher>(step);
        if (step.contains("traceparent"))
            publisher.publish_traced(topic_of(step), data_of(step, index),
                                     step["traceparent"].get<std::string>());
        else if (origin.is_null())
            publisher.publish(topic_of(step), data_of(step, index));
        else
            publisher.publish_of(origin.get<std::string>(), topic_of(step), data_of(step, index));
    }

    void publish_many(const json &step) {
        json envelopes = step.value("envelopes", json::array());
        for (int i = 0; i < step.value("count", 0); i++)
            envelopes.push_back({step["topic"], nullptr, i});
        if (on<hermes::Publisher>(step).publish_batch(envelopes.dump()) != envelopes.size())
            throw wrong("not all were taken");
    }

    static void compare(const hermes::Envelope &e, const json &want, int index) {
        if (want.contains("topic") && want["topic"] != e.topic())
            throw wrong("topic is " + std::string(e.topic()));
        if (want.contains("origin") && want["origin"] != e.origin())
            throw wrong("origin is " + std::string(e.origin()));
        if (want.contains("lost") && want["lost"] != e.lost())
            throw wrong("lost is " + std::to_string(e.lost()));
        if (want.contains("traceparent") &&
            (want["traceparent"].is_null() ? "" : want["traceparent"]) != e.traceparent())
            throw wrong("traceparent is " + std::string(e.traceparent()));
        const std::string data(e.data()), shown = "data is " + data.substr(0, 200);
        if (want.contains("text")) {
            if (data != want["text"]) throw wrong(shown);
        } else if (want.contains("data") || want.contains("make")) {
            const std::string expected = data_of(want, index); // NaN is for no parser
            if (data != expected && json::parse(data) != json::parse(expected)) throw wrong(shown);
        }
    }

    void recv_many(const json &step) {
        int took = 0;
        do {
            hermes::Batch batch =
                on<hermes::Receiver>(step).recv_batch(step["max"], timeout_of(step));
            for (hermes::EnvelopeView e : batch) {
                if (step.value("topic", "") != e.topic() || std::to_string(took) != e.data())
                    throw wrong("number " + std::to_string(took) + " is " + std::string(e.topic()) +
                                " " + std::string(e.data()));
                took++;
            }
        } while (took < step.value("count", 0));
    }

    void each(const json &step, int index) {
        for (const hermes::Envelope &e : on<hermes::Receiver>(step)) {
            (void)e;
            take(step["steps"], index);
        }
    }

    void stats(const json &step) {
        for (const auto end = Clock::now() + timeout_of(step);; std::this_thread::sleep_for(10ms)) {
            std::string text;
            with(step, [&](auto &component) { text = component.stats(); });
            const json counters = json::parse(text);
            for (const json &sum : step.value("sums", json::array())) {
                long difference = counters[sum[0].get<std::string>()];
                for (auto key = sum.begin() + 1; key != sum.end(); ++key)
                    difference -= counters[key->get<std::string>()].get<long>();
                if (difference != 0) throw wrong("the sums are not right: " + text);
            }
            if (contains(step.value("expect", json::object()), counters)) return;
            if (Clock::now() > end) throw wrong("the counters are " + text);
        }
    }

    void event(const json &step) {
        const std::string says = step.value("says", "");
        for (bool fits = false; !fits;) {
            std::string text;
            with(step, [&](auto &component) { text = component.next_event(timeout_of(step)); });
            in_time(!text.empty());
            const json event = json::parse(text);
            fits = step.contains("expect") && contains(step["expect"], event) &&
                   event["text"].get<std::string>().find(says) != std::string::npos;
        }
    }

    void readable(const json &step) {
        pollfd polled{on<hermes::Receiver>(step).fd(), POLLIN, 0};
        const bool found = poll(&polled, 1, static_cast<int>(timeout_of(step).count())) == 1;
        if (found != step["expect"]) throw wrong(found ? "it is readable" : "it is not readable");
    }

    void until(const json &step, int index) {
        for (const auto end = Clock::now() + patience;;) {
            try {
                return take(step["steps"], index);
            } catch (const failed &) {
                if (Clock::now() > end) throw;
            }
        }
    }

    void join(const json &step) {
        auto &task = tasks_.at(step["on"]);
        if (task.wait_for(patience) != std::future_status::ready) throw wrong("it does not end");
        task.get();
    }
};

const std::map<std::string, Run::Kind> Run::kinds = {
    {"postoffice",
     [](Run &r, const json &s, int) {
         r.add(s,
               hermes::PostOffice(r.address(s["in"]), r.address(s["out"]), s.value("debug", "")));
     }},
    {"publisher", [](Run &r, const json &s,
                     int) { r.add(s, hermes::Publisher(r.address(s["address"]), s["name"])); }},
    {"receiver", [](Run &r, const json &s,
                    int) { r.add(s, hermes::Receiver(r.address(s["address"]), s["name"])); }},
    {"node", [](Run &r, const json &s, int) { r.node(s); }},
    {"set",
     [](Run &r, const json &s, int) {
         r.with(s, [&](auto &component) { component.set(s["key"], s["value"].get<std::string>()); });
     }},
    {"get",
     [](Run &r, const json &s, int) {
         std::string value;
         r.with(s, [&](auto &component) { value = component.get(s["key"]); });
         if (s["expect"] != value) throw wrong("it is " + value);
     }},
    {"start", [](Run &r, const json &s, int) { r.with(s, [](auto &component) { component.start(); }); }},
    {"close", [](Run &r, const json &s, int) { r.with(s, [](auto &component) { component.close(); }); }},
    {"stop",
     [](Run &r, const json &s, int) { r.with(s, [&](auto &component) { component.stop(timeout_of(s)); }); }},
    {"wait", [](Run &r, const json &s,
                int) { r.with(s, [&](auto &component) { in_time(component.wait(timeout_of(s))); }); }},
    {"wait_ready",
     [](Run &r, const json &s, int) {
         r.with(s, [&](auto &component) { in_time(component.wait_ready(timeout_of(s))); });
     }},
    {"subscribe",
     [](Run &r, const json &s, int) { r.on<hermes::Receiver>(s).subscribe(topic_of(s)); }},
    {"unsubscribe",
     [](Run &r, const json &s, int) { r.on<hermes::Receiver>(s).unsubscribe(topic_of(s)); }},
    {"accept", [](Run &r, const json &s,
                  int) { r.on<hermes::Receiver>(s).accept(s["origin"].get<std::string>()); }},
    {"publish", [](Run &r, const json &s, int index) { r.publish(s, index); }},
    {"publish_many", [](Run &r, const json &s, int) { r.publish_many(s); }},
    {"node_publish",
     [](Run &r, const json &s, int index) {
         r.on<hermes::Node>(s).publish(s["channel"].get<std::string>(), data_of(s, index));
     }},
    {"node_run", [](Run &r, const json &s, int) { r.on<hermes::Node>(s).run(); }},
    {"recv",
     [](Run &r, const json &s, int index) {
         r.compare(r.on<hermes::Receiver>(s).recv(timeout_of(s)), s.value("expect", json()), index);
     }},
    {"node_recv",
     [](Run &r, const json &s, int index) {
         r.compare(r.on<hermes::Node>(s).recv(timeout_of(s)), s.value("expect", json()), index);
     }},
    {"recv_many", [](Run &r, const json &s, int) { r.recv_many(s); }},
    {"each", [](Run &r, const json &s, int index) { r.each(s, index); }},
    {"stats", [](Run &r, const json &s, int) { r.stats(s); }},
    {"event", [](Run &r, const json &s, int) { r.event(s); }},
    {"readable", [](Run &r, const json &s, int) { r.readable(s); }},
    {"sleep", [](Run &, const json &s,
                 int) { std::this_thread::sleep_for(std::chrono::milliseconds(s["ms"])); }},
    {"repeat",
     [](Run &r, const json &s, int) {
         for (int i = 0; i < s["times"]; i++) r.take(s["steps"], i);
     }},
    {"until", [](Run &r, const json &s, int index) { r.until(s, index); }},
    {"try", [](Run &r, const json &s, int index) { r.take(s["steps"], index); }},
    {"spawn",
     [](Run &r, const json &s, int index) {
         r.tasks_[s["as"]] =
             std::async(std::launch::async, [&r, &s, index] { r.take(s["steps"], index); });
     }},
    {"join", [](Run &r, const json &s, int) { r.join(s); }},
};

bool run_scenarios(const std::string &path, const std::string &only) {
    std::ifstream file(path);
    const json document = json::parse(file);
    bool well = true;
    for (const json &scenario : document["scenarios"]) {
        if (!only.empty() && scenario["name"] != only) continue;
        json line = {{"runtime", "cpp"}, {"scenario", scenario["name"]}, {"ok", true}, {"why", ""}};
        try {
            Run run;
            if (scenario.contains("begin"))
                run.take(document["beginnings"][scenario["begin"].get<std::string>()]);
            run.take(scenario["steps"]);
        } catch (const failed &e) {
            line["why"] = std::string(e.what()) + " " + e.code;
            line["ok"] = well = false;
        }
        std::cout << line.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
    }
    return well;
}

// ---- The cluster -------------------------------------------------------------------

class Member {
  public:
    Member(const char *in, const char *out, const std::string &name, const std::string &peers)
        : name_(name), receiver_(out, name, {"conformance/"}), publisher_(in, name) {
        std::istringstream list(peers);
        for (std::string peer; std::getline(list, peer, ',');) received[peer] = 0;
    }

    std::map<std::string, int> received; // how many numbers of each

    void take_part(int count) {
        receiver_.set("on_slow", "ignore");
        receiver_.start();
        publisher_.start();
        if (!receiver_.wait_ready(patience) || !publisher_.wait_ready(patience))
            throw wrong("not ready");
        meet();
        for (int i = 0; i < count; i++)
            publisher_.publish("conformance/numbers/" + name_, std::to_string(i));
        for (const auto &[peer, number] : received)
            while (number < count) hear(receiver_.recv(patience));
        publisher_.stop(patience);
    }

  private:
    std::string name_;
    hermes::Receiver receiver_;
    hermes::Publisher publisher_;
    std::set<std::string> heard_, complete_; // who has said hello, and who of them hears all

    // Says hello until every member has heard every other.
    void meet() {
        for (const auto end = Clock::now() + 5 * patience;;) {
            const bool last = complete_.size() == received.size();
            const json hello = {{"name", name_}, {"complete", heard_.size() == received.size()}};
            publisher_.publish("conformance/hello", hello.dump());
            if (last) return;
            if (Clock::now() > end) throw wrong("not every member is here");
            for (const auto pause = Clock::now() + 50ms; Clock::now() < pause;)
                if (hermes::Envelope e = receiver_.try_recv(10ms)) hear(e);
        }
    }

    // Takes a hello, or the next number of a peer.
    void hear(const hermes::Envelope &e) {
        const json data = json::parse(e.data());
        if (e.topic() == "conformance/hello") {
            heard_.insert(data["name"].get<std::string>());
            if (data["complete"] == true) complete_.insert(data["name"].get<std::string>());
            return;
        }
        int &next = received.at(std::string(e.origin()));
        if (data != next || e.lost() != 0)
            throw wrong("number " + std::to_string(next) + " of " + std::string(e.origin()) +
                        " is " + std::string(e.data()));
        next++;
    }
};

bool join_cluster(char **arguments) {
    json line = {{"runtime", "cpp"}, {"name", arguments[2]}, {"ok", true}, {"why", ""}};
    Member member(arguments[0], arguments[1], arguments[2], arguments[4]);
    try {
        member.take_part(std::stoi(arguments[3]));
    } catch (const std::exception &e) {
        line["ok"] = false;
        line["why"] = e.what();
    }
    line["received"] = member.received;
    std::cout << line.dump() << std::endl;
    return line["ok"];
}

int main(int argc, char **argv) {
    if (argc == 7 && std::string(argv[1]) == "--cluster") return join_cluster(argv + 2) ? 0 : 1;
    if (argc == 2 || argc == 3) return run_scenarios(argv[1], argc == 3 ? argv[2] : "") ? 0 : 1;
    std::cerr << "usage: adapter SCENARIOS.json [NAME]\n";
    return 2;
}
