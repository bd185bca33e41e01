"""Receiver: attributes, life, what it takes from the wire, what it leaves out."""

from __future__ import annotations

import json
import queue
import threading
import time
from typing import Any

from kit import (
    Log,
    Mouth,
    address,
    attempt,
    end,
    loud,
    program,
    receiver,
    ruled,
    say,
    take,
    tcp,
    until,
)

from hermes import Envelope, Receiver


def seen(*frames: Any, count: int = 1, **keywords: Any) -> None:
    """Send raw frames to a receiver and print what comes out."""
    mouth = Mouth()
    made = receiver(mouth, **keywords)
    for one in frames:
        mouth.raw(*one)
    for _ in range(count):
        say(take(made))
    end(made, mouth)


@program
def attributes_before_start() -> None:
    made = Receiver("tcp://127.0.0.1:6001", "r")
    say(made.sub_addr, made.name, made.sock, made.timeout, made._topics, made._exchanges)
    say(made.q.qsize(), made.q.empty(), made._running.is_set(), made.is_alive())


@program
def attributes_as_given() -> None:
    topics, exchanges = '"t', ["a", "b"]
    made = Receiver("a", "r", topics, exchanges)
    say(made._topics is topics, made._exchanges is exchanges)


@program
def attributes_for_what_is_false() -> None:
    made = Receiver("a", "r", [], {})  # type: ignore[arg-type]
    say(made._topics, made._exchanges)


@program
def arguments_by_keyword() -> None:
    made = Receiver(sub_addr="a", name="r", topics='"t', exchanges=["x"])
    say(made.sub_addr, made.name, made._topics, made._exchanges)


@program
def timeout_is_an_attribute() -> None:
    made = Receiver("a", "r")
    for value in (5, 0.25, float("inf")):
        made.timeout = value
        say(made.timeout)


@ruled("refuses-sooner", "ValueError\n")
def timeout_that_is_no_number() -> None:
    made = Receiver("a", "r")
    try:
        made.timeout = "text"  # type: ignore[assignment]
        say(made.timeout)
    except Exception as error:
        say(type(error).__name__)


@program
def timeout_set_by_a_class() -> None:
    class Patient(Receiver):
        timeout = 600

        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)

    say(Patient.timeout, Patient("a", "r").timeout)


@program
def timeout_set_before_super() -> None:
    class Patient(Receiver):
        def __init__(self, *arguments: Any) -> None:
            self.timeout = 600
            super().__init__(*arguments)

    say(Patient("a", "r").timeout)


@program
def timeout_as_a_property() -> None:
    class Patient(Receiver):
        @property
        def timeout(self) -> float:  # type: ignore[override]
            return 600

        @timeout.setter
        def timeout(self, value: float) -> None:
            pass

    mouth = Mouth()
    made = Patient(mouth.at, "r")
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["old"], time.time() - 60)
    say(take(made).data, made.is_alive())
    end(made, mouth)


@program
def timeout_of_an_instance_of_a_class_with_one() -> None:
    class Patient(Receiver):
        timeout = 600

    made = Patient("a", "r")
    made.timeout = 5
    say(made.timeout, Patient.timeout)


@program
def zmq_context_is_a_context() -> None:
    import zmq

    made = Receiver("a", "r")
    say(isinstance(made.zmq_context, zmq.Context), made.zmq_context is made.zmq_context)
    say(made.zmq_context.closed, Receiver("a", "r").zmq_context is made.zmq_context)


@program
def zmq_context_makes_sockets() -> None:
    import zmq

    made = Receiver("a", "r")
    with made.zmq_context.socket(zmq.SUB) as sub:
        say(sub.socket_type == zmq.SUB)


@program
def zmq_context_may_be_replaced() -> None:
    made = Receiver("a", "r")
    made.zmq_context = "mine"
    say(made.zmq_context)


@program
def recv_before_start() -> None:
    made = Receiver("a", "r")
    say(made.recv(), made.recv(False), made.recv(block=False, timeout=1))


@program
def stop_before_start() -> None:
    made = Receiver("a", "r")
    attempt(made.stop)
    attempt(made.join)


@program
def start_and_stop() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    say(made.is_alive(), made._running.is_set(), bool(made.sock))
    say(made.stop())  # type: ignore[func-returns-value]
    say(made.is_alive(), made._running.is_set(), made.sock)


@program
def start_twice() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    attempt(made.start)
    made.stop()
    attempt(made.start)


@program
def stop_twice() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    made.stop()
    attempt(made.stop)
    attempt(made.join, 1)


@program
def join_stops_it() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    attempt(made.join, timeout=30)
    say(made.is_alive(), made._running.is_set())


@program
def clearing_running_stops_it() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    made._running.clear()
    until(lambda: not made.is_alive())
    say(made.sock)


@program
def running_replaced_by_a_shared_event() -> None:
    shared = threading.Event()
    made = [Receiver(tcp(), "r"), Receiver(tcp(), "s")]
    for one in made:
        one._running = shared
        one.start()
    for one in made:
        until(lambda one=one: one.sock)
    shared.clear()
    for one in made:
        until(lambda one=one: not one.is_alive())
        say(one.sock)


@program
def repr_before_start() -> None:
    say(repr(Receiver("a", "r")).replace(" daemon", ""))


@program
def one_envelope() -> None:
    seen((b'"t"', b'"o"', b'["x"]', b"2000000000.5"))


@program
def everything_of_json() -> None:
    seen(
        (b'"t"', b'"o"', b'["x", {"a": [1.5, null, true]}]', b"2e9"),
        (b'"\\u20ac"', b'"\\ud83d\\ude80"', b'["\\u00e9"]', b"2000000000"),
        (b'""', b'""', b'["", -0.0, 1e-7, 123456789012345678901234567890]', b"2000000001"),
        (b'"t"', b'"o"', b'"text"', b"2000000002"),
        (b'"t"', b'"o"', b'["x", NaN, Infinity, -Infinity]', b"2000000003"),
        count=5,
    )


@ruled(
    "envelope-any-data",
    """
    Envelope(topic='t', origin='o', data={'a': 1}, ts=2000000000)
    Envelope(topic='t', origin='o', data=None, ts=2000000000)
    Envelope(topic='t', origin='o', data=[], ts=2000000000)
    Envelope(topic='t', origin='o', data=7, ts=2000000000)
    """,
)
def data_that_1x_could_not_load() -> None:
    loud()
    mouth = Mouth()
    made = receiver(mouth)
    for data in (b'{"a": 1}', b"null", b"[]", b"7"):
        mouth.raw(b'"t"', b'"o"', data, b"2000000000")
    for _ in range(4):
        if not made.is_alive():
            say("dead")
            break
        try:
            say(until(lambda: made.recv() or not made.is_alive()))
        except TimeoutError:
            say("nothing")
    end(made, mouth)


@program
def utf_8_that_is_not_escaped() -> None:
    seen(('"é"'.encode(), '"\u20ac"'.encode(), '["\U0001f680"]'.encode(), b"2000000000"))


@program
def white_space_in_frames() -> None:
    seen((b' "t" ', b'"o"\n', b'\t[ "x" ]', b"2000000000 \t\n\r"))


@program
def topics_that_are_no_strings() -> None:
    seen(
        (b"null", b'"o"', b'["x"]', b"2000000000"),
        (b"5", b'"o"', b'["x"]', b"2000000000"),
        (b'["a", 1]', b'"o"', b'["x"]', b"2000000000"),
        (b'{"a": 1}', b'"o"', b'["x"]', b"2000000000"),
        count=4,
    )


@program
def origins_that_are_no_strings() -> None:
    seen(
        (b'"t"', b"null", b'["x"]', b"2000000000"),
        (b'"t"', b"1.5", b'["x"]', b"2000000000"),
        (b'"t"', b"[true]", b'["x"]', b"2000000000"),
        count=3,
    )


@program
def ts_as_text() -> None:
    seen((b'"t"', b'"o"', b'["x"]', b'"2000000000.5"'))


@program
def ts_in_odd_forms() -> None:
    seen(
        (b'"t"', b'"o"', b'["x"]', b"2000000000"),
        (b'"t"', b'"o"', b'["x"]', b"2e9"),
        (b'"t"', b'"o"', b'["x"]', b"1e300"),
        (b'"t"', b'"o"', b'["x"]', b"2000000000.000"),
        (b'"t"', b'"o"', b'["x"]', b"true"),
        count=4,
    )


@program
def keys_are_in_order() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.raw(b'"t"', b'"o"', b'["x", {"z": 1, "a": 2, "m": 3}]', b"2000000000")
    say(list(take(made).data[1]))
    end(made, mouth)


@program
def repeated_keys_the_last_counts() -> None:
    seen((b'"t"', b'"o"', b'["x", {"a": 1, "a": 2}]', b"2000000000"))


@program
def long_integers() -> None:
    seen((b'"t"', b'"o"', b'["x", ' + b"1" * 200 + b"]", b"2000000000"))


@program
def deep_data() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.raw(b'"t"', b'"o"', b'["x", ' + b"[" * 900 + b"]" * 900 + b"]", b"2000000000")
    data, depth = take(made).data[1], 0
    while data:
        data, depth = data[0], depth + 1
    say(depth)
    end(made, mouth)


@program
def many_in_order() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(500):
        mouth.say("t", "o", ["x", number])
    say([take(made).data[1] for _ in range(500)] == list(range(500)))
    end(made, mouth)


@program
def objects_are_fresh() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for _ in range(2):
        mouth.say("t", "o", ["x", [1]], 2000000000)
    one, other = take(made), take(made)
    one.data[1].append(2)
    say(other.data, type(one) is Envelope, one.__class__.__name__)
    end(made, mouth)


@program
def envelopes_can_be_pickled() -> None:
    import copy
    import pickle

    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["x"], 2000000000)
    envelope = take(made)
    say(pickle.loads(pickle.dumps(envelope)), copy.deepcopy(envelope))
    end(made, mouth)


@program
def envelopes_can_be_published_again() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["x"], 2000000000)
    envelope = take(made)
    envelope.topic = "again"
    say(envelope.convert_to_frames()[:3])
    end(made, mouth)


@program
def after_stop_what_was_received_can_be_taken() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(5):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 5)
    made.stop()
    say([made.recv().data[1] for _ in range(5)], made.recv(), made.q.empty())
    end(mouth)


@program
def subscription_on_the_wire_for_everything() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.start()
    say(mouth.heard())
    end(made, mouth)


@program
def subscription_on_the_wire_for_a_raw_prefix() -> None:
    for topics in ('"t', '"', '"\\u00e9'):
        mouth = Mouth()
        made = Receiver(mouth.at, "r", topics)
        made.start()
        say(mouth.heard())
        end(made, mouth)


@program
def topics_by_raw_prefix() -> None:
    mouth = Mouth()
    made = receiver(mouth, '"ticks/')
    mouth.say("other", "o", ["no"])
    mouth.say("ticks/x", "o", ["yes"])
    mouth.say("tick", "o", ["no"])
    mouth.say("ticks/", "o", ["yes again"])
    say(take(made).data, take(made).data, made.recv())
    end(made, mouth)


@ruled("receiver-topics", "['yes'] None\n")
def topics_without_a_quotation_mark() -> None:
    loud()
    mouth = Mouth()
    made = receiver(mouth, "ticks/")
    mouth.say("ticks/x", "o", ["yes"])
    mouth.say("other", "o", ["no"])
    # Without a quotation mark, which ends 1.x, so that it need not be waited for.
    mouth.raw(b"ticks/x", b'"o"', b'["raw"]', b"2000000000")
    got = until(lambda: made.recv() or not made.is_alive())
    say(getattr(got, "data", "dead"), made.recv())
    end(made, mouth)


@ruled("receiver-topics", "b'\\x01\"a' b'\\x01\"b'\n")
def topics_as_a_list() -> None:
    loud()
    mouth = Mouth()
    made = Receiver(mouth.at, "r", ["a", "b"])
    made.start()
    if until(lambda: mouth.socket.poll(0) or not made.is_alive()) is True:
        say("dead")
    else:
        say(*sorted([mouth.heard(), mouth.heard()]))
    end(made, mouth)


@program
def exchanges_as_a_list() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges=["a", "b"])
    for origin in ("c", "a", "d", "b", ""):
        mouth.say("t", origin, ["from", origin])
    say(take(made).origin, take(made).origin, made.recv())
    end(made, mouth)


@program
def exchanges_as_a_set_and_a_dict() -> None:
    for exchanges in ({"a"}, {"a": 1}, ("a",), frozenset(["a"])):
        mouth = Mouth()
        made = receiver(mouth, exchanges=exchanges)
        for origin in ("c", "a"):
            mouth.say("t", origin, ["from", origin])
        say(take(made).origin)
        end(made, mouth)


@program
def exchanges_with_contains_alone() -> None:
    class Odd:
        def __contains__(self, origin: object) -> bool:
            return origin in ("b", "d")

    mouth = Mouth()
    made = receiver(mouth, exchanges=Odd())
    for origin in ("a", "b", "c", "d"):
        mouth.say("t", origin, ["from", origin])
    say(take(made).origin, take(made).origin)
    end(made, mouth)


@program
def exchanges_that_are_no_strings() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges=[5, None])
    for origin in ("a", 5, None, 5.0):
        mouth.say("t", origin, ["x"])
    say(take(made).origin, take(made).origin, take(made).origin)
    end(made, mouth)


@program
def exchanges_changed_by_their_owner() -> None:
    mouth = Mouth()
    mine = ["a"]
    made = receiver(mouth, exchanges=mine)
    mouth.say("t", "a", ["one"])
    say(take(made).data)
    mine.append("b")
    mouth.say("t", "b", ["two"])
    say(take(made).data)
    mine.remove("a")
    mouth.say("t", "a", ["three"])
    mouth.say("t", "b", ["four"])
    say(take(made).data)
    end(made, mouth)


@program
def exchanges_replaced_while_it_runs() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "a", ["one"])
    say(take(made).data)
    made._exchanges = ["b"]
    mouth.say("t", "a", ["two"])
    mouth.say("t", "b", ["three"])
    say(take(made).data)
    made._exchanges = ""
    mouth.say("t", "a", ["four"])
    say(take(made).data)
    end(made, mouth)


@program
def exchanges_emptied_while_it_runs() -> None:
    mouth = Mouth()
    mine = ["b"]
    made = receiver(mouth, exchanges=mine)
    mouth.say("t", "b", ["one"])
    say(take(made).data)
    mine.clear()
    mouth.say("t", "a", ["two"])
    say(take(made).data)
    end(made, mouth)


@program
def exchanges_set_before_start() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    made._exchanges = ["b"]
    made.start()
    mouth.heard()
    mouth.say("t", "a", ["one"])
    mouth.say("t", "b", ["two"])
    say(take(made).data)
    end(made, mouth)


@ruled("receiver-exchange-text", "[['ab'], ['last']]\n")
def exchanges_as_one_text() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges="ab")
    mouth.say("t", "b", ["b"])
    mouth.say("t", "ab", ["ab"])
    mouth.say("t", "last", ["last"])
    mouth.say("t", "ab", ["last"])
    got: list[Any] = []
    while got[-1:] != [["last"]]:
        got.append(take(made).data)
    say(got)
    end(made, mouth)


@program
def topics_set_before_start() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made._topics = '"b'
    made.start()
    say(mouth.heard())
    end(made, mouth)


@program
def a_snail_stops() -> None:
    log = Log()
    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["fresh"], time.time() + 3600)
    say(take(made).data)
    mouth.say("t", "o", ["old"], time.time() - 3600)
    until(lambda: not made.is_alive())
    say(made._running.is_set(), made.recv(), made.sock)
    errors = [record for record in log.records if record.levelname == "ERROR"]
    say(len(errors), errors[0].name)
    end(made, mouth)


@program
def a_snail_with_a_longer_timeout() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.say("t", "o", ["old"], time.time() - 300)
    say(take(made).data)
    made.timeout = 60
    mouth.say("t", "o", ["old"], time.time() - 300)
    until(lambda: not made.is_alive())
    say(made.recv())
    end(mouth)


@program
def a_snail_of_another_exchange_does_not_count() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges=["good"])
    made.timeout = 60
    mouth.say("t", "bad", ["old"], 5)
    mouth.say("t", "good", ["fresh"], 2e9)
    say(take(made).data, made.is_alive())
    end(made, mouth)


@program
def from_the_future() -> None:
    seen((b'"t"', b'"o"', b'["x"]', b"9999999999"))


@ruled(
    "receiver-malformed",
    "['after']\nTrue\n",
)
def malformed_messages() -> None:
    loud()
    mouth = Mouth()
    made = receiver(mouth)
    mouth.raw(b"x")
    mouth.raw(b'"t"', b'"o"', b"{", b"5")
    mouth.raw(b'"t"', b'"o"', b'"\xff"', b"5")
    mouth.say("t", "o", ["after"])
    got = until(lambda: made.recv() or not made.is_alive())
    say(getattr(got, "data", "dead"))
    say(made.is_alive())
    end(made, mouth)


@program
def by_tcp() -> None:
    mouth = Mouth(tcp())
    made = receiver(mouth)
    mouth.say("t", "o", ["by tcp"])
    say(take(made).data)
    end(made, mouth)


@program
def address_may_be_set_before_start() -> None:
    mouth = Mouth()
    made = Receiver("tcp://127.0.0.1:1", "r")
    made.sub_addr = mouth.at
    made.timeout = 600
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def address_as_bytes() -> None:
    mouth = Mouth()
    made = Receiver(mouth.at.encode(), "r")  # type: ignore[arg-type]
    made.timeout = 600
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def comes_before_its_publisher() -> None:
    at = address()
    made = Receiver(at, "r")
    made.timeout = 600
    made.start()
    until(lambda: made.sock)
    mouth = Mouth(at)
    mouth.heard()
    mouth.say("t", "o", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def twenty_lives() -> None:
    for number in range(20):
        made = Receiver(tcp(), f"r{number}")
        made.start()
        until(lambda made=made: made.sock)
        made.stop()
    say(threading.active_count())


@program
def recv_with_block_and_something_there() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(3):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 3)
    say(made.recv(True).data, made.recv(True, 5).data, made.recv(block=True, timeout=None).data)
    say(made.recv())
    end(made, mouth)


@ruled("receiver-block", "['late']\n")
def recv_blocks() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    timer = threading.Timer(0.3, mouth.say, ("t", "o", ["late"]))
    timer.start()
    got = made.recv(block=True)
    say(got and got.data)
    timer.join()
    end(made, mouth)


@program
def recv_with_block_after_stop() -> None:
    made = Receiver(tcp(), "r")
    made.start()
    until(lambda: made.sock)
    made.stop()
    say(made.recv(True), made.recv(True, 1), made.recv(block=True, timeout=0.01))


@program
def recv_from_many_threads() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(200):
        mouth.say("t", "o", ["x", number])
    until(lambda: made.q.qsize() == 200)
    got: list[int] = []

    def work() -> None:
        while True:
            envelope = made.recv()
            if envelope is None:
                return
            got.append(envelope.data[1])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(sorted(got) == list(range(200)))
    end(made, mouth)


@program
def two_receivers_of_one_publisher() -> None:
    mouth = Mouth()
    one = receiver(mouth)
    other = Receiver(mouth.at, "other", '"b')
    other.timeout = 600
    other.start()
    mouth.heard()
    mouth.say("a", "o", ["for one"])
    mouth.say("b", "o", ["for both"])
    say(take(one).data, take(one).data, take(other).data, other.recv())
    end(one, other, mouth)


@program
def errors_of_json_are_one_log_line_or_less() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    mouth.raw(b'"t"', b'"o"', json.dumps(["x"]).encode(), b"2000000000")
    say(take(made).data, made.q.qsize(), isinstance(made.q, queue.Queue))
    end(made, mouth)
