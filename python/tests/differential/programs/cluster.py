"""Nodes with real receivers and publishers."""

from __future__ import annotations

import threading
import time
from typing import Any

from kit import Ear, Mouth, address, end, program, ruled, say, take, until

from hermes import Envelope, Message, Node, PostOffice, Publisher, Receiver


def stations(kind: Any = Node) -> Any:
    """A node between a mouth and an ear, both of which it reaches."""
    mouth, ear = Mouth(), Ear()
    node = kind("n", Receiver(mouth.at, "in"), Publisher(ear.at, "out"))
    node.receiver.timeout = 600
    node.start()
    mouth.heard()
    ear.hear(node.publisher)
    return mouth, node, ear


def stop(mouth: Any, node: Any, ear: Any) -> None:
    """Stop the node, and close the other ends."""
    node.stop()
    say(node.receiver.is_alive(), node.publisher.is_alive())
    end(mouth, ear)


@program
def facilities_are_named() -> None:
    say(Node("n", Receiver("a", "in"), Publisher("b", "out")).facilities)


@program
def start_and_stop() -> None:
    node = Node("n", Receiver(address(), "in"), Publisher(address(), "out"))
    node.start()
    until(lambda: node.receiver.sock and node.publisher.sock)
    say(node._running, node.receiver.is_alive(), node.publisher.is_alive())
    node.stop()
    say(node._running, node.receiver.is_alive(), node.publisher.is_alive())


@program
def with_block() -> None:
    node = Node("n", Receiver(address(), "in"), Publisher(address(), "out"))
    with node:
        until(lambda: node.receiver.sock and node.publisher.sock)
        say(node.receiver.is_alive(), node.publisher.is_alive())
    say(node.receiver.is_alive(), node.publisher.is_alive())


@program
def publish_on_the_wire() -> None:
    mouth, node, ear = stations()
    node.publish("channel", {"a": 1})
    say(ear.frames()[:3])
    stop(mouth, node, ear)


@program
def recv_from_the_wire() -> None:
    mouth, node, ear = stations()
    mouth.say("t", "o", ["x"], 2000000000)
    say(take(node), node.recv())
    stop(mouth, node, ear)


@ruled("node-run", "['RAW/n', 'n', ['x']]\nFalse False\n")
def run_passes_on() -> None:
    mouth, node, ear = stations()
    thread = threading.Thread(target=node.run, daemon=True)
    thread.start()
    mouth.say("t", "o", ["x"])
    if until(lambda: ear.socket.poll(0) or not node.publisher.is_alive()) is True:
        say("dead")
    else:
        say(ear.values())
    stop(mouth, node, ear)
    thread.join()


@program
def run_overridden_with_a_loop() -> None:
    class Doubler(Node):
        def run(self) -> None:
            while self._running:
                envelope = self.recv()
                if envelope:
                    self.publish("DOUBLE", envelope.data * 2)

    mouth, node, ear = stations(Doubler)
    thread = threading.Thread(target=node.run)
    thread.start()
    for number in range(3):
        mouth.say("t", "o", ["x", number])
        say(ear.values())
    stop(mouth, node, ear)
    thread.join()


@program
def run_with_an_unwrapping_publish() -> None:
    class Unwrapping(Node):
        def publish(self, channel: str, data: Any) -> Any:
            return super().publish(channel, data.data)

    mouth, node, ear = stations(Unwrapping)
    thread = threading.Thread(target=node.run)
    thread.start()
    mouth.say("t", "o", ["x"])
    say(ear.values())
    stop(mouth, node, ear)
    thread.join()


@program
def publish_returns_after_stop() -> None:
    node = Node("n", None, Publisher(address(), "out"))
    node.start()
    until(lambda: node.publisher.sock)
    node.stop()
    say(bool(node.publish("c", 1)))  # type: ignore[func-returns-value]


@program
def a_node_stopped_and_started_again() -> None:
    node = Node("n", Receiver(address(), "in"))
    node.start()
    until(lambda: node.receiver.sock)
    node.stop()
    try:
        node.start()
    except RuntimeError as error:
        say(str(error), node._running)


@program
def messages_travel_as_lists() -> None:
    class Tick(Message):
        __slots__ = ["symbol"]

        def __init__(self, symbol: str) -> None:
            super().__init__(5)
            self.symbol = symbol

    office = PostOffice(address(), address(), address())
    office.start()
    node = Node("n", Receiver(office.xpub_url, "in", '"real'), Publisher(office.xsub_url, "out"))
    node.receiver.timeout = 600
    with node:
        until(lambda: node.publisher.sock)

        def arrives() -> Any:
            node.publish("real", Tick("X"))
            return node.recv()

        envelope = until(arrives)
        say(envelope.topic, envelope.origin, envelope.data)
        say(Tick("").load(envelope.data))
    office.stop()


@program
def two_nodes_talk() -> None:
    office = PostOffice(address(), address(), address())
    office.start()
    left = Node(
        "left", Receiver(office.xpub_url, "lr", '"to/left'), Publisher(office.xsub_url, "lp")
    )
    right = Node("right", Receiver(office.xpub_url, "rr", '"ask'), Publisher(office.xsub_url, "rp"))
    left.receiver.timeout = right.receiver.timeout = 600
    with left, right:
        until(lambda: left.publisher.sock and right.publisher.sock)

        def asked() -> Any:
            left.publish("ask", ["question"])
            return right.recv()

        question = until(asked)
        say(question.topic, question.origin, question.data)

        def answered() -> Any:
            right.publisher.publish(Envelope("to/left", right.name, ["answer", question.origin]))
            return left.recv()

        answer = until(answered)
        say(answer.topic, answer.origin, answer.data)
    office.stop()


@program
def ts_is_the_time_of_sending() -> None:
    mouth, node, ear = stations()
    mouth.say("t", "o", ["x"], 12345678901.5)
    say(take(node).ts)
    before = time.time()
    node.publish("c", 1)
    import json

    say(before - 1 < json.loads(ear.frames()[3]) < time.time() + 1)
    stop(mouth, node, ear)


@program
def the_receiver_of_a_node_is_swapped() -> None:
    mouth, node, ear = stations()
    other = Receiver(mouth.at, "other")
    other.timeout = 600
    other.start()
    mouth.socket.poll(100)
    until(lambda: other.sock)
    node.receiver, first = other, node.receiver
    say(node.recv())
    first.stop()
    other.stop()
    node._facilities = [node.publisher]
    node.stop()
    end(mouth, ear)
