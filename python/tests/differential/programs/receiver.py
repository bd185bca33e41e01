"""Receiver: attributes, life, what it takes from the wire, what it leaves out."""

from __future__ import annotations

import threading
import time
from typing import Any

from kit import (
    Mouth,
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
