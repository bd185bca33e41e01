"""Node.run(): the loop, and everything a program may put in its way."""

from __future__ import annotations

import threading
from typing import Any

from kit import attempt, program, ruled, say, until

from hermes import Envelope, Node


class Source:
    """Gives what it was given, then stops the node."""

    def __init__(self, *items: Any) -> None:
        self.items = list(items)
        self.node: Any = None
        self.name = "source"

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def recv(self, block: bool = False, timeout: Any = None) -> Any:
        if self.items:
            return self.items.pop(0)
        self.node._running = False
        return None


class Sink:
    """Prints what is published."""

    name = "sink"

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def publish(self, envelope: Any) -> Any:
        say(envelope.topic, envelope.origin, _plain(envelope.data))


def _plain(data: Any) -> Any:
    """What was published, also where 1.x wrapped an envelope into it."""
    return data.data if isinstance(data, Envelope) else data


def run(*items: Any, kind: Any = Node) -> Any:
    """Run a node over some items."""
    source = Source(*items)
    source.node = node = kind("n", source, Sink())
    node._running = True
    node.run()
    return node


@program
def passes_on_what_it_receives() -> None:
    run(Envelope("t", "o", 1), Envelope("t", "o", {"a": 2}))


@ruled("node-run", "RAW/n n 5\n")
def data_of_what_is_passed_on() -> None:
    class Teller(Sink):
        def publish(self, envelope: Any) -> Any:
            say(envelope.topic, envelope.origin, envelope.data if envelope.data == 5 else "nested")

    source = Source(Envelope("t", "o", 5))
    source.node = node = Node("n", source, Teller())
    node._running = True
    node.run()


@program
def not_running_does_nothing() -> None:
    source = Source(Envelope("t", "o", 1))
    say(Node("n", source, Sink()).run(), len(source.items))  # type: ignore[func-returns-value]


@program
def what_is_no_envelope_is_passed_on() -> None:
    run("text", 5, ["list"], {"a": 1})


@program
def what_is_false_is_nothing() -> None:
    run(None, 0, "", [], {}, Envelope("t", "o", "last"))


@program
def recv_overridden() -> None:
    class Mine(Node):
        count = 0

        def recv(self, block: bool = False, timeout: Any = None) -> Any:
            self.count += 1
            self._running = self.count < 3
            return f"item {self.count}"

    run(kind=Mine)


@program
def recv_overridden_with_no_parameters() -> None:
    class Mine(Node):
        count = 0

        def recv(self) -> Any:  # type: ignore[override]
            self.count += 1
            self._running = self.count < 3
            return f"item {self.count}"

    run(kind=Mine)


@program
def recv_on_the_instance() -> None:
    node: Any = Node("n", None, Sink())
    items = ["a", "b"]

    def recv() -> Any:
        if not items:
            node._running = False
            return None
        return items.pop(0)

    node.recv = recv
    node._running = True
    node.run()


@program
def publish_overridden() -> None:
    class Mine(Node):
        def publish(self, channel: str, data: Any) -> Any:
            say("mine", channel, _plain(data))

    run(Envelope("t", "o", 1), "text", kind=Mine)


@program
def publish_overridden_unwraps_the_envelope() -> None:
    class Mine(Node):
        def publish(self, channel: str, data: Any) -> Any:
            say(type(data).__name__)
            return super().publish(channel + "/" + data.topic, data.data)

    run(Envelope("t", "o", 1), kind=Mine)


@program
def publish_on_the_instance() -> None:
    source = Source(Envelope("t", "o", 1))
    source.node = node = Node("n", source, Sink())  # type: Any
    node.publish = lambda channel, data: say("mine", channel, data.topic)
    node._running = True
    node.run()


@program
def publish_of_another_node() -> None:
    other = Node("other", None, Sink())
    source = Source(Envelope("t", "o", 1))
    source.node = node = Node("n", source, Sink())  # type: Any
    node.publish = other.publish
    node._running = True
    node.run()


@program
def patched_on_the_class() -> None:
    from unittest import mock

    with mock.patch.object(Node, "publish", lambda self, channel, data: say(channel, data.data)):
        run(Envelope("t", "o", 1))


@program
def recv_that_raises() -> None:
    class Mine(Node):
        def recv(self, block: bool = False, timeout: Any = None) -> Any:
            raise LookupError("recv")

    attempt(run, kind=Mine)


@program
def publish_that_raises() -> None:
    class Mine(Node):
        def publish(self, channel: str, data: Any) -> Any:
            raise LookupError("publish")

    attempt(run, "text", kind=Mine)


@program
def without_a_receiver() -> None:
    node = Node("n", None, Sink())
    node._running = True
    try:
        node.run()
    except NotImplementedError:
        say("NotImplementedError")


@program
def without_a_publisher() -> None:
    source = Source("text")
    source.node = node = Node("n", source)
    node._running = True
    try:
        node.run()
    except NotImplementedError:
        say("NotImplementedError")


@program
def overridden_and_called_by_a_thread() -> None:
    class Mine(Node):
        def run(self) -> None:
            while self._running:
                message = self.recv()
                if message:
                    self.publish("MINE", message)

    source = Source("a", "b")
    source.node = node = Mine("n", source, Sink())
    node.start()
    thread = threading.Thread(target=node.run)
    thread.start()
    thread.join()
    node.stop()


@program
def stop_from_another_thread_ends_it() -> None:
    class Idle:
        name = "idle"
        asked = threading.Event()

        def start(self) -> None:
            pass

        def stop(self) -> None:
            pass

        def recv(self, block: bool = False, timeout: Any = None) -> Any:
            self.asked.set()

    node = Node("n", Idle(), Sink())
    node.start()
    thread = threading.Thread(target=node.run)
    thread.start()
    until(Idle.asked.is_set)
    node.stop()
    thread.join()
    say("ended")


@program
def start_inside_run() -> None:
    class Mine(Node):
        def start(self) -> None:
            super().start()
            self.run()

    source = Source("a")
    source.node = node = Mine("n", source, Sink())
    node.start()
    say(node._running)


@program
def an_object_with_a_data_attribute_is_no_envelope() -> None:
    class Thing:
        data = "inside"

        def __repr__(self) -> str:
            return "Thing"

    run(Thing())


@program
def a_subclass_of_envelope() -> None:
    class Mine(Envelope):
        pass

    run(Mine("t", "o", 1))


@program
def running_that_only_quacks() -> None:
    class Countdown:
        left = 2

        def __bool__(self) -> bool:
            self.left -= 1
            return self.left >= 0

    source = Source("a", "b", "c")
    source.node = node = Node("n", source, Sink())  # type: Any
    node._running = Countdown()
    node.run()


@program
def receiver_swapped_while_it_runs() -> None:
    class Mine(Node):
        def publish(self, channel: str, data: Any) -> Any:
            say(data)
            second = Source("of the second")
            second.node = self
            if data == "of the first":
                self.receiver = second

    run("of the first", "lost", kind=Mine)
