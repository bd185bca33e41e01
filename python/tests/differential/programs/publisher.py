"""Publisher: attributes, life, the wire, its queue."""

from __future__ import annotations

import json
import queue
import threading
import time
from typing import Any

from kit import (
    Ear,
    attempt,
    end,
    kind_of_error,
    loud,
    program,
    publisher,
    ruled,
    say,
    tcp,
    until,
)

from hermes import Envelope, Message, Publisher


def silent_address() -> Any:
    """An address that nothing listens at."""
    return tcp()


@program
def attributes_before_start() -> None:
    made = Publisher("tcp://127.0.0.1:6000", "p")
    say(made.pub_addr, made.name, made.sock, made.q.qsize(), made._running.is_set())
    say(made.is_alive(), made.ident)


@program
def arguments_by_keyword() -> None:
    made = Publisher(pub_addr="tcp://127.0.0.1:6000", name="p", ctx=None)
    say(made.pub_addr, made.name)


@program
def ctx_is_kept() -> None:
    import zmq

    context = zmq.Context()
    say(Publisher("a", "p", context).ctx is context, Publisher("a", "p", ctx=5).ctx)
    context.term()


@program
def ctx_is_a_context_where_none_was_given() -> None:
    import zmq

    made = Publisher("a", "p")
    say(isinstance(made.ctx, zmq.Context), made.ctx.closed, made.ctx is made.ctx)


@program
def ctx_makes_sockets() -> None:
    import zmq

    made = Publisher("a", "p")
    with made.ctx.socket(zmq.PUB) as own:
        say(own.socket_type == zmq.PUB)


@program
def ctx_may_be_replaced() -> None:
    made = Publisher("a", "p")
    made.ctx = "mine"
    say(made.ctx)


@program
def repr_before_start() -> None:
    say(repr(Publisher("a", "p")).replace(" daemon", ""))


@program
def is_a_thread_with_a_name() -> None:
    made = Publisher("a", "p")
    say(isinstance(made, threading.Thread), made.name)
    made.name = "q"
    say(made.name)


@program
def name_of_another_type() -> None:
    say(Publisher("a", 5).name)  # type: ignore[arg-type]


@program
def without_a_name() -> None:
    say(Publisher("a", None).name.startswith("Thread-"))  # type: ignore[arg-type]


@program
def running_is_an_event() -> None:
    say(isinstance(Publisher("a", "p")._running, threading.Event))


@program
def q_is_a_queue() -> None:
    made = Publisher("a", "p")
    say(isinstance(made.q, queue.Queue), made.q.empty(), made.q.maxsize)


@program
def publish_before_start() -> None:
    made = Publisher("a", "p")
    say(made.publish(Envelope("t", "o", 1)), made.q.qsize())


@program
def publish_anything_before_start() -> None:
    say(Publisher("a", "p").publish("no envelope"))  # type: ignore[arg-type]


@program
def stop_before_start() -> None:
    made = Publisher("a", "p")
    attempt(made.stop)
    attempt(made.join)
    attempt(made.join, 1)


@program
def start_and_stop() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    say(made.is_alive(), made._running.is_set(), bool(made.sock))
    say(made.stop())  # type: ignore[func-returns-value]
    say(made.is_alive(), made._running.is_set(), made.sock)


@program
def start_returns_nothing() -> None:
    made = Publisher(silent_address(), "p")
    say(made.start())  # type: ignore[func-returns-value]
    until(lambda: made.sock)
    made.stop()


@program
def start_twice() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    attempt(made.start)
    made.stop()
    attempt(made.start)


@program
def stop_twice() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    made.stop()
    attempt(made.stop)
    attempt(made.join)


@program
def stop_with_a_timeout() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    attempt(made.stop, 30)
    say(made.is_alive())


@program
def join_stops_it() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    attempt(made.join, timeout=30)
    say(made.is_alive(), made._running.is_set(), made.sock)


@program
def clearing_running_stops_it() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    made._running.clear()
    until(lambda: not made.is_alive())
    say(made.sock)
    attempt(made.stop)


@program
def running_replaced_by_a_shared_event() -> None:
    shared = threading.Event()
    made = [Publisher(silent_address(), "p"), Publisher(silent_address(), "q")]
    for one in made:
        one._running = shared
        one.start()
    for one in made:
        until(lambda one=one: one.sock)
    say(shared.is_set())
    shared.clear()
    for one in made:
        until(lambda one=one: not one.is_alive())
        say(one.sock)


@program
def stop_from_another_thread() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    thread = threading.Thread(target=made.stop)
    thread.start()
    thread.join()
    say(made.is_alive())


@program
def publish_after_stop() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    made.stop()
    say(made.publish(Envelope("t", "o", 1)))


@program
def put_after_stop_is_silent() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    made.stop()
    say(made.q.put(Envelope("t", "o", 1)))  # type: ignore[func-returns-value]
    say(made.q.qsize(), made.q.get_nowait().data)


@program
def put_nowait_after_stop_is_silent() -> None:
    made = Publisher(silent_address(), "p")
    made.start()
    until(lambda: made.sock)
    made.stop()
    say(made.q.put_nowait("anything"), made.q.empty())  # type: ignore[func-returns-value]


@ruled("publisher-start", "True True\n", always=False)
def publish_right_after_start() -> None:
    ear = Ear()
    made = Publisher(ear.at, "p")
    made.start()
    taken = made.publish(Envelope("t", "o", ["x"]))
    if made.sock and taken:
        say(taken, ear.values() == ["t", "o", ["x"]])
    else:
        until(lambda: made.sock)
        say(taken)
    end(made, ear)


@program
def frames_of_one_envelope() -> None:
    ear = Ear()
    made = publisher(ear)
    say(made.publish(Envelope("t/x", "me", {"a": [1, None]})))
    frames = ear.frames()
    say(frames[:3], len(frames), abs(json.loads(frames[3]) - time.time()) < 60)
    end(made, ear)


@program
def frames_byte_for_byte() -> None:
    ear = Ear()
    made = publisher(ear)
    for topic, origin, data in (
        ("", "", ""),
        ("é/\u20ac", "\U0001f680", "\u2028"),
        ("a b", 'q"q', "back\\slash/<&>"),
        ("\x00\x1f\x7f", "\t\n\r\f\b", "\x00"),
        ("t", "o", [1, 1.0, -0.0, 1e100, 1e-7, 2**70, True, False, None]),
        ("t", "o", {"b": 1, "a": {"c": []}, "": {}}),
        ("t", "o", {1: 2, None: 3, False: 4, 1.5: 5}),
        ("t", "o", [float("nan"), float("inf"), float("-inf")]),
        ("t", "o", (1, (2,), [])),
        ("\ud800", "\udfff", "\ud83d"),
    ):
        say(made.publish(Envelope(topic, origin, data)), *ear.frames()[:3])
    end(made, ear)


@program
def data_of_every_kind() -> None:
    ear = Ear()
    made = publisher(ear)
    for data in ("text", "", [], {}, 0, 1, -1.5, True, False, None, [[[]]], "x" * 1000):
        made.publish(Envelope("t", "o", data))
        say(ear.values())
    end(made, ear)


@program
def topics_that_are_no_strings() -> None:
    ear = Ear()
    made = publisher(ear)
    for topic in (None, 5, 1.5, True, ["a", 1], {"a": 1}):
        say(made.publish(Envelope(topic, "o", 1)), ear.frames()[0])
    end(made, ear)


@program
def origins_that_are_no_strings() -> None:
    ear = Ear()
    made = publisher(ear)
    for origin in (None, 5, ["a"], {}):
        say(made.publish(Envelope("t", origin, 1)), ear.frames()[:2])
    end(made, ear)


@program
def many_in_order() -> None:
    ear = Ear()
    made = publisher(ear)
    for number in range(500):
        made.publish(Envelope("t", "o", number))
    say([ear.values()[2] for _ in range(500)] == list(range(500)))
    end(made, ear)


@program
def from_many_threads() -> None:
    ear = Ear()
    made = publisher(ear)

    def work(number: int) -> None:
        for count in range(50):
            made.publish(Envelope("t", f"{number}", count))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    got = [ear.values() for _ in range(200)]
    for number in range(4):
        say([data for _, origin, data in got if origin == str(number)] == list(range(50)))
    end(made, ear)


@program
def a_message() -> None:
    class Tick(Message):
        __slots__ = ["symbol", "price"]

    ear = Ear()
    made = publisher(ear)
    tick = Tick(5)
    tick.symbol, tick.price = "X", 1.5  # type: ignore[attr-defined]
    made.publish(Envelope("t", "o", tick))
    say(ear.frames()[:3])
    end(made, ear)


@program
def data_that_writes_itself() -> None:
    class Own:
        def serialize(self, encoding: str) -> bytes:
            return b'{"own":   "way"}'

    ear = Ear()
    made = publisher(ear)
    made.publish(Envelope("t", "o", Own()))
    say(ear.frames()[2])
    end(made, ear)


@ruled("publisher-type-error", "raises TypeError\nraises TypeError\n['t', 'o', 'after'] True\n")
def data_that_cannot_be_written() -> None:
    loud()
    ear = Ear()
    made = publisher(ear)
    kind_of_error(made.publish, Envelope("t", "o", {1}))
    kind_of_error(made.publish, Envelope("t", "o", b"bytes"))
    until(lambda: made.q.empty() or not made.is_alive())
    if made.is_alive():
        made.publish(Envelope("t", "o", "after"))
        say(ear.values(), made.is_alive())
    end(made, ear)
