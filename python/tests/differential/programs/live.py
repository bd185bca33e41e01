"""Attributes that change while a component runs: queues, what is accepted, timeouts, the flag."""

from __future__ import annotations

import collections
import multiprocessing
import queue
import threading
import time
from typing import Any

from kit import (
    Ear,
    Mouth,
    attempt,
    end,
    program,
    publisher,
    receiver,
    say,
    take,
    until,
)

from hermes import Envelope, Publisher, Receiver


class Slotted:
    """A queue that has no ``__dict__`` and nothing that 1.x did not use."""

    __slots__ = ("items",)

    def __init__(self) -> None:
        self.items: collections.deque[Any] = collections.deque()

    def put(self, item: Any) -> None:
        self.items.append(item)

    def get(self, block: bool = True, timeout: Any = None) -> Any:
        return self.items.popleft()

    def empty(self) -> bool:
        return not self.items


# ---- Queues ------------------------------------------------------------------


@program
def a_simple_queue_instead() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    made.q = queue.SimpleQueue()
    mouth.say("t", "o", ["one"])
    say(take(made).data, made.recv())
    end(made, mouth)


@program
def a_queue_without_a_dict_instead() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    made.q = Slotted()
    for number in range(3):
        mouth.say("t", "o", ["data", number])
    until(lambda: len(made.q.items) == 3)
    say([take(made).data for _ in range(3)], made.recv(), made.recv(True, 0.1))
    end(made, mouth)


@program
def a_queue_of_another_process_instead() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    made.q = multiprocessing.get_context("spawn").Queue()
    mouth.say("t", "o", ["one"])
    say(made.q.get().data)
    end(made, mouth)


@program
def a_queue_with_a_bound_instead() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    made.q = queue.Queue(maxsize=2)
    for number in range(5):
        mouth.say("t", "o", ["data", number])
    until(lambda: made.q.full())
    say(made.q.qsize(), [take(made).data for _ in range(5)])
    end(made, mouth)


@program
def a_queue_of_the_class() -> None:
    shared: Any = queue.Queue()

    class Mine(Receiver):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self.q = shared

    mouth = Mouth()
    made = receiver(mouth, kind=Mine)
    mouth.say("t", "o", ["one"])
    say(shared.get(timeout=30).data, made.q is shared)
    end(made, mouth)


@program
def a_simple_queue_instead_of_a_publisher_s() -> None:
    ear = Ear()
    made = Publisher(ear.at, "p")
    made.q = queue.SimpleQueue()
    made.start()
    ear.hear(made)
    say(made.publish(Envelope("t", "o", 1)), ear.values())
    made.q.put(Envelope("t", "o", 2))
    say(ear.values())
    end(made, ear)


@program
def a_queue_without_a_dict_instead_of_a_publisher_s() -> None:
    ear = Ear()
    made = publisher(ear)
    made.q = Slotted()
    say(made.publish(Envelope("t", "o", 1)), ear.values())
    end(made, ear)


@program
def what_is_received_is_published_by_one_queue() -> None:
    ear, mouth = Ear(), Mouth()
    source, sink = receiver(mouth), publisher(ear)
    sink.q = source.q
    for number in range(3):
        mouth.say("t", "o", ["data", number])
    say([ear.values() for _ in range(3)], source.recv())
    end(sink, source, ear, mouth)


@program
def what_is_put_into_a_queue_after_the_end_stays() -> None:
    ear = Ear()
    made = publisher(ear)
    made.stop()
    made.q = queue.Queue()
    made.q.put(Envelope("t", "o", 1))
    time.sleep(0.3)  # nothing is to happen
    say(made.q.qsize(), made.publish(Envelope("t", "o", 2)), made.q.qsize())
    end(ear)


@program
def what_waits_in_the_old_queue_stays_there() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    before = made.q
    mouth.say("t", "o", ["one"])
    until(lambda: made.q.qsize() == 1)
    made.q = queue.Queue()
    mouth.say("t", "o", ["two"])
    say(take(made).data, made.recv(), before.get_nowait().data, before.empty())
    end(made, mouth)


@program
def a_queue_put_back() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    before, made.q = made.q, queue.Queue()
    mouth.say("t", "o", ["one"])
    until(lambda: made.q.qsize() == 1)
    made.q = before
    mouth.say("t", "o", ["two"])
    say(take(made).data, made.recv())
    end(made, mouth)


# ---- What is accepted --------------------------------------------------------


def late(mouth: Mouth, origin: Any) -> None:
    """Say something that is far too old."""
    mouth.say("late", origin, ["late"], 1.0)


@program
def too_late_from_an_origin_that_was_added() -> None:
    mouth = Mouth()
    mine = ["a"]
    made = receiver(mouth, exchanges=mine)
    mine.append("b")
    late(mouth, "b")
    until(lambda: not made.is_alive())
    say(made.recv(), made._running.is_set(), made.sock)
    end(mouth)


@program
def too_late_from_an_origin_that_was_put_there() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges=["a"])
    made._exchanges = ["b"]
    late(mouth, "b")
    until(lambda: not made.is_alive())
    say(made.recv(), made._running.is_set(), made.sock)
    end(mouth)


@program
def too_late_from_an_origin_that_was_replaced() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges=["a"])
    mouth.say("t", "a", ["one"])
    say(take(made).data)
    made._exchanges = ["b"]
    late(mouth, "a")
    mouth.say("t", "b", ["two"])
    say(take(made).data, made.is_alive())
    end(made, mouth)


@program
def too_late_when_everything_is_accepted_again() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges=["a"])
    made._exchanges = ""
    late(mouth, "b")
    until(lambda: not made.is_alive())
    say(made.recv())
    end(mouth)


@program
def too_late_for_an_object_that_contains() -> None:
    class Even:
        def __contains__(self, origin: Any) -> bool:
            return origin % 2 == 0

    mouth = Mouth()
    made = receiver(mouth, exchanges=Even())
    late(mouth, 1)
    mouth.say("t", 2, ["two"])
    say(take(made).data, made.is_alive())
    late(mouth, 4)
    until(lambda: not made.is_alive())
    say(made.recv())
    end(mouth)


@program
def what_came_before_what_is_too_late_can_be_taken() -> None:
    mouth = Mouth()
    mine = ["a"]
    made = receiver(mouth, exchanges=mine)
    mine.append("b")
    mouth.say("t", "a", ["one"])
    late(mouth, "b")
    mouth.say("t", "a", ["two"])
    until(lambda: not made.is_alive())
    say(made.recv().data, made.recv())
    end(mouth)


@program
def exchanges_as_a_dict_and_as_a_range() -> None:
    mouth = Mouth()
    made = receiver(mouth, exchanges={"a": 1})
    mouth.say("t", "b", ["b"])
    mouth.say("t", "a", ["a"])
    say(take(made).data)
    made._exchanges = range(3)
    mouth.say("t", 4, ["four"])
    mouth.say("t", 2, ["two"])
    say(take(made).data)
    end(made, mouth)


# ---- The running flag and the timeout ----------------------------------------


@program
def one_event_for_two_parts() -> None:
    ear, mouth = Ear(), Mouth()
    running = threading.Event()
    sink, source = Publisher(ear.at, "p"), Receiver(mouth.at, "r")
    sink._running = source._running = running
    sink.start()
    source.start()
    mouth.heard()
    ear.hear(sink)
    say(running.is_set(), sink.is_alive(), source.is_alive())
    running.clear()
    until(lambda: not sink.is_alive() and not source.is_alive())
    say(sink.sock, source.sock, sink.publish(Envelope("t", "o", 1)))
    end(ear, mouth)


@program
def an_event_in_the_place_of_the_flag_while_it_runs() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    running = threading.Event()
    running.set()
    made._running = running
    mouth.say("t", "o", ["one"])
    say(take(made).data)
    made._running.clear()
    until(lambda: not made.is_alive())
    say(made.sock, made.recv())
    end(mouth)


@program
def an_event_that_is_clear_ends_it() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    made._running = threading.Event()
    until(lambda: not made.is_alive())
    say(made.sock)
    end(mouth)


@program
def a_timeout_of_zero_and_below() -> None:
    for seconds in (0, -1):
        mouth = Mouth()
        made = receiver(mouth)
        made.timeout = seconds
        mouth.say("t", "o", ["one"])
        until(lambda made=made: not made.is_alive())
        say(made.recv())
        end(mouth)


@program
def a_timeout_that_never_comes() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    made.timeout = float("inf")
    mouth.say("t", "o", ["one"], 1.0)
    say(take(made).data, made.is_alive(), made.timeout)
    end(made, mouth)


@program
def attributes_of_a_part_are_just_attributes() -> None:
    made = Receiver("tcp://127.0.0.1:1", "r")
    for name in ("sock", "q", "sub_addr", "name", "_topics", "mine", "zmq_context", "daemon"):
        attempt(setattr, made, name, "x")
        say(name, getattr(made, name))
    attempt(delattr, made, "mine")
    attempt(getattr, made, "mine")
    other = Publisher("tcp://127.0.0.1:1", "p")
    for name in ("sock", "q", "pub_addr", "name", "ctx", "mine"):
        attempt(setattr, other, name, "x")
        say(name, getattr(other, name))
