"""Subclasses of publisher, receiver and post office with bases and attributes of all kinds."""

from __future__ import annotations

import abc
import queue
import threading
import types
from typing import Any, ClassVar, Generic, TypeVar

from kit import (
    Ear,
    Mouth,
    address,
    attempt,
    end,
    program,
    publisher,
    receiver,
    say,
    take,
    tcp,
    until,
)

from hermes import Envelope, PostOffice, Publisher, Receiver

_T = TypeVar("_T")


# ---- Bases -------------------------------------------------------------------


@program
def generic_before_and_behind() -> None:
    for base in (Receiver, Publisher, PostOffice):
        before = types.new_class("Before", (Generic[_T], base))
        behind = types.new_class("Behind", (base, Generic[_T]))
        say(before[int].__origin__ is before, behind[int].__origin__ is behind)  # type: ignore[index]


@program
def no_part_can_be_subscripted() -> None:
    for kind in (Receiver, Publisher, PostOffice):
        attempt(lambda kind=kind: kind[int])


@program
def an_abstract_receiver() -> None:
    class Abstract(Receiver, abc.ABC):
        @abc.abstractmethod
        def handle(self) -> None: ...

    class Concrete(Abstract):
        def handle(self) -> Any:
            return take(self).data

    attempt(Abstract, "a", "b")
    mouth = Mouth()
    made = receiver(mouth, kind=Concrete)
    mouth.say("t", "o", ["x"])
    say(made.handle())
    end(made, mouth)


@program
def bases_of_the_parts() -> None:
    for kind in (Receiver, Publisher, PostOffice):
        say(issubclass(kind, threading.Thread), type(kind).__name__, kind.__qualname__)


@program
def keywords_for_the_class() -> None:
    class Registered(Receiver):
        names: ClassVar[list[str]] = []

        def __init_subclass__(cls, label: str = "", **keywords: Any) -> None:
            super().__init_subclass__(**keywords)
            cls.names.append(label)

    class Mine(Registered, label="mine"):
        pass

    say(Mine.names)


@program
def a_receiver_that_is_a_publisher_s_neighbour() -> None:
    class Both:
        def __init__(self, mouth: Any, ear: Any) -> None:
            self.receiver = Receiver(mouth.at, "in")
            self.publisher = Publisher(ear.at, "out")
            self.receiver.timeout = 600

    mouth, ear = Mouth(), Ear()
    both = Both(mouth, ear)
    both.receiver.start()
    both.publisher.start()
    mouth.heard()
    ear.hear(both.publisher)
    mouth.say("t", "o", ["x"])
    both.publisher.publish(take(both.receiver))
    say(ear.values())
    end(both.receiver, both.publisher, mouth, ear)


# ---- Attributes --------------------------------------------------------------


@program
def attributes_named_like_new_methods() -> None:
    names = ["stats", "events", "fileno", "subscribe", "get_option", "set_option", "stop_reason"]
    names += ["recv_many", "publish_many", "wait_ready", "options", "endpoints", "lost", "codec"]

    class Mine(Receiver):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            for name in names:
                setattr(self, name, name)

    class Yours(Publisher):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            for name in names:
                setattr(self, name, name)

    mouth, ear = Mouth(), Ear()
    reader, writer = receiver(mouth, kind=Mine), publisher(ear, kind=Yours)
    mouth.say("t", "o", ["x"])
    say(take(reader).data, [getattr(reader, name) for name in names])
    writer.publish(Envelope("t", "o", 1))
    say(ear.values(), [getattr(writer, name) for name in names])
    end(reader, writer, mouth, ear)


@program
def attributes_of_an_office_named_like_new_methods() -> None:
    names = ["stats", "events", "endpoints", "get_option", "set_option", "stop_reason", "ctx_"]

    class Mine(PostOffice):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            for name in names:
                setattr(self, name, name)

    office = Mine(address(), address(), address())
    office.start()
    until(lambda: office.running)
    say([getattr(office, name) for name in names])
    office.stop()


@program
def timeout_as_a_class_attribute() -> None:
    class Mine(Receiver):
        timeout = 77

    say(Mine("a", "b").timeout, Mine.timeout)


@program
def timeout_before_super_init() -> None:
    class Mine(Receiver):
        def __init__(self, *arguments: Any) -> None:
            self.timeout = 77
            super().__init__(*arguments)

    say(Mine("a", "b").timeout)


@program
def timeout_as_a_property() -> None:
    class Mine(Receiver):
        @property
        def timeout(self) -> float:  # type: ignore[override]
            return 600

        @timeout.setter
        def timeout(self, value: float) -> None:
            pass

    mouth = Mouth()
    made = Mine(mouth.at, "r")
    made.start()
    mouth.heard()
    mouth.say("t", "o", ["x"], 2e9)
    say(take(made).data, made.timeout)
    end(made, mouth)


@program
def one_running_event_for_two() -> None:
    running = threading.Event()
    mouth, ear = Mouth(), Ear()
    reader, writer = Receiver(mouth.at, "r"), Publisher(ear.at, "p")
    reader.timeout = 600
    reader._running = writer._running = running
    reader.start()
    writer.start()
    mouth.heard()
    ear.hear(writer)
    say(running.is_set())
    running.clear()
    until(lambda: not reader.is_alive() and not writer.is_alive(), "the end")
    say(bool(reader.sock), bool(writer.sock))
    end(mouth, ear)


@program
def running_replaced_while_it_runs() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    made._running = threading.Event()
    until(lambda: not made.is_alive(), "the end")
    say(bool(made.sock))
    end(mouth)


@program
def running_that_only_quacks() -> None:
    class Flag:
        on = False

        def set(self) -> None:
            self.on = True

        def clear(self) -> None:
            self.on = False

        def is_set(self) -> bool:
            return self.on

    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    made._running = Flag()
    made.start()
    mouth.heard()
    say(made._running.on)
    made._running.on = False
    until(lambda: not made.is_alive(), "the end")
    end(mouth)


@program
def exchanges_of_all_kinds() -> None:
    class Odd:
        def __contains__(self, origin: Any) -> bool:
            return origin.startswith("o")

    for exchanges in (Odd(), {"o": 1}, range(3), frozenset(["o"]), ("o", 5), [["o"]], {"o"}):
        mouth = Mouth()
        made = receiver(mouth, exchanges=exchanges)
        origins = (
            ["o", "p", 2, ["o"], "of"] if not isinstance(exchanges, (Odd, dict)) else ["o", "p"]
        )
        if isinstance(exchanges, (set, frozenset)):
            origins.remove(["o"])
        for origin in [*origins]:
            mouth.say("t", origin, [origin])
        until(lambda m=made: m.q.qsize() >= 1, "one")
        mouth.say("t", "last", ["last"])
        made.stop()
        say([envelope.data for envelope in iter(made.recv, None)])
        end(mouth)


@program
def exchanges_that_raise() -> None:
    class Odd:
        def __contains__(self, origin: Any) -> bool:
            raise KeyError(origin)

        def __bool__(self) -> bool:
            return False

    mouth = Mouth()
    made = receiver(mouth, exchanges=["o"])
    made._exchanges = Odd()
    mouth.say("t", "p", ["x"])
    say(take(made).data)
    end(made, mouth)


@program
def exchanges_emptied_and_none() -> None:
    origins = ["o"]
    mouth = Mouth()
    made = receiver(mouth, exchanges=origins)
    mouth.say("t", "p", ["no"])
    mouth.say("t", "o", ["yes"])
    say(take(made).data)
    origins.clear()
    mouth.say("t", "p", ["all"])
    say(take(made).data)
    made._exchanges = None
    mouth.say("t", "q", ["all"])
    say(take(made).data)
    end(made, mouth)


@program
def topics_changed_after_the_start_do_nothing() -> None:
    mouth = Mouth()
    made = receiver(mouth, topics="")
    made._topics = '"a'
    mouth.say("b", "o", ["x"])
    say(take(made).data, made._topics)
    end(made, mouth)


@program
def names_of_threads() -> None:
    made = Receiver(tcp(), "r")
    made.name = "another"
    made.daemon = True
    say(made.name, made.daemon, made.ident, made.is_alive())
    say(Publisher(tcp(), None).name.startswith("Thread-"))  # type: ignore[arg-type]


# ---- Contexts ----------------------------------------------------------------


@program
def contexts_are_real() -> None:
    import zmq

    for made in (Receiver("a", "r"), Publisher("a", "p"), PostOffice("a", "b", "c")):
        context = made.zmq_context if isinstance(made, Receiver) else made.ctx
        say(isinstance(context, zmq.Context), context.closed, context is not None)
        socket = context.socket(zmq.PAIR)
        socket.close()


@program
def a_context_of_my_own() -> None:
    import zmq

    context = zmq.Context()
    ear = Ear()
    made = publisher(ear, ctx=context)
    say(made.ctx is context)
    made.publish(Envelope("t", "o", 1))
    say(ear.values())
    made.stop()
    say(context.closed)
    end(ear)


@program
def a_context_can_be_assigned() -> None:
    made = Receiver("a", "r")
    made.zmq_context = "mine"
    say(made.zmq_context)
    office = PostOffice("a", "b", "c")
    office.ctx = "mine"  # type: ignore[assignment]
    say(office.ctx)


# ---- Queues ------------------------------------------------------------------


@program
def a_priority_queue_for_what_is_received() -> None:
    class Sorted(queue.PriorityQueue):  # type: ignore[type-arg]
        def put(self, item: Any, *more: Any) -> None:
            super().put((-item.data[0], item.data), *more)

    mouth = Mouth()
    made = Receiver(mouth.at, "r")
    made.timeout = 600
    made.q = Sorted()
    made.start()
    mouth.heard()
    for number in (1, 3, 2):
        mouth.say("t", "o", [number])
    until(lambda: made.q.qsize() == 3, "three")
    say([made.recv() for _ in range(3)])
    end(made, mouth)


@program
def a_queue_that_is_replaced_again() -> None:
    mouth = Mouth()
    made = receiver(mouth)
    for number in range(3):
        made.q = queue.Queue()
        mouth.say("t", "o", [number])
        until(lambda: made.q.qsize() == 1, "one")
        say(take(made).data, made.q.unfinished_tasks)
    end(made, mouth)


@program
def a_simple_queue_for_a_publisher() -> None:
    ear = Ear()
    made = Publisher(ear.at, "p")
    made.q = queue.LifoQueue()
    made.start()
    ear.hear(made)
    made.publish(Envelope("t", "o", 1))
    say(ear.values(), made.q.qsize())
    end(made, ear)


@program
def put_after_stop_is_silent() -> None:
    ear = Ear()
    made = publisher(ear)
    made.stop()
    say(made.q.put(Envelope("t", "o", 1)), made.q.qsize(), made.q.get_nowait().data)
    end(ear)
