"""The node, with facilities of ours and of anybody's."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
from support import eventually, take

import hermes
from hermes import Envelope, Node


class Facility:
    """A facility of a program: what 1.x asks for, and no more."""

    def __init__(self, name: str = "own", fails: str = "") -> None:
        self.name, self.fails = name, fails
        self.calls: list[Any] = []
        self.inbox: list[Any] = []

    def start(self) -> None:
        self.calls.append("start")
        if self.fails == "start":
            raise ZeroDivisionError("start")

    def stop(self) -> None:
        self.calls.append("stop")
        if self.fails == "stop":
            raise ZeroDivisionError("stop")

    def recv(self, block: bool = False, timeout: Any = None) -> Any:
        self.calls.append(("recv", block, timeout))
        return self.inbox.pop(0) if self.inbox else None

    def publish(self, envelope: Any) -> bool:
        self.calls.append(envelope)
        return True


class Falsy(Facility):
    def __bool__(self) -> bool:
        return False


@pytest.mark.item("node-any-facility", "node-attributes")
def test_it_holds_any_two_objects() -> None:
    receiver, publisher = Facility("in"), Facility("out")
    node = Node("me", receiver, publisher)
    assert node.name == "me"
    assert node.receiver is receiver
    assert node.publisher is publisher
    assert node._facilities == [receiver, publisher]
    assert node.facilities == ["in", "out"]
    assert node._running is False


@pytest.mark.item("node-facilities-none")
def test_a_missing_facility_has_no_name() -> None:
    assert Node("me").facilities == []
    assert Node("me", Facility("in")).facilities == ["in"]
    assert Node("me", publisher=Facility("out")).facilities == ["out"]


@pytest.mark.item("node-start-stop")
def test_it_starts_and_stops_what_is_true() -> None:
    receiver, publisher = Facility(), Falsy()
    node = Node("me", receiver, publisher)
    node.start()
    assert node._running is True
    node.stop()
    assert node._running is False
    assert (receiver.calls, publisher.calls) == (["start", "stop"], [])
    Node("me").start()
    Node("me").stop()


@pytest.mark.item("node-failure")
@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_failure_is_logged_and_raised(caplog: pytest.LogCaptureFixture, action: str) -> None:
    node = Node("me", Facility(), Facility(fails=action))
    with caplog.at_level(logging.ERROR, "hermes.node"), pytest.raises(ZeroDivisionError):
        getattr(node, action)()
    texts = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert ("hermes.node", "ERROR", f"Could not {action} all facilities!") in texts


@pytest.mark.item("node-publish")
def test_publish_puts_its_name_behind_the_channel() -> None:
    publisher = Facility()
    before = time.time()
    Node("me", publisher=publisher).publish("chan/nel", [1])
    envelope = publisher.calls[0]
    assert type(envelope) is Envelope
    assert (envelope.topic, envelope.origin, envelope.data) == ("chan/nel/me", "me", [1])
    assert before <= envelope.ts <= time.time()


@pytest.mark.item("node-recv")
def test_recv_is_the_receivers() -> None:
    receiver = Facility()
    receiver.inbox = ["x"]
    node = Node("me", receiver)
    assert node.recv() == "x"
    assert node.recv(True, 0.5) is None
    assert receiver.calls == [("recv", False, None), ("recv", True, 0.5)]


@pytest.mark.item("node-missing")
@pytest.mark.parametrize("facility", [None, object()])
def test_what_is_missing_is_not_implemented(facility: Any) -> None:
    node = Node("me", facility, facility)
    with pytest.raises(NotImplementedError):
        node.publish("channel", 1)
    with pytest.raises(NotImplementedError):
        node.recv()


def in_thread(node: Node) -> threading.Thread:
    thread = threading.Thread(target=node.run)
    thread.start()
    return thread


@pytest.mark.item("node-run", "node-any-facility")
def test_run_passes_on_the_data_of_what_it_receives() -> None:
    receiver, publisher = Facility(), Facility()
    receiver.inbox = [Envelope("a", "b", {"deep": [1]}), Envelope("a", "b", 0), "no envelope"]
    node = Node("me", receiver, publisher)
    node.start()
    thread = in_thread(node)
    eventually(lambda: len(publisher.calls) == 4)
    node.stop()
    thread.join(support.PATIENCE)
    assert not thread.is_alive()
    sent = publisher.calls[1:4]
    assert [(envelope.topic, envelope.data) for envelope in sent] == [
        ("RAW/me", {"deep": [1]}),
        ("RAW/me", 0),
        ("RAW/me", "no envelope"),
    ]


@pytest.mark.item("node-run")
def test_run_returns_at_once_where_the_node_does_not_run() -> None:
    Node("me", Facility(), Facility()).run()


class Own(Node):
    """Has a publish of its own, so that each envelope goes through it."""

    def publish(self, channel: str, data: Any) -> bool:
        return super().publish(channel, data)


@pytest.mark.item("node-run")
@pytest.mark.parametrize("kind", [Node, Own])
def test_run_relays_in_a_cluster(
    life: ExitStack, office: hermes.PostOffice, kind: type[Node]
) -> None:
    publisher, _ = support.pair(life, office, topics="nothing")
    out = life.enter_context(hermes.Receiver(office.xpub_url, "out", topics="RAW/"))
    out.timeout = 600
    node = kind(
        "relay",
        hermes.Receiver(office.xpub_url, "relay", topics="in/"),
        hermes.Publisher(office.xsub_url, "relay"),
    )
    life.enter_context(node)
    assert out.wait_ready(support.PATIENCE)
    assert node.publisher.wait_ready(support.PATIENCE)
    assert node.receiver.wait_ready(support.PATIENCE)
    node.receiver.timeout = 600
    thread = in_thread(node)

    def relayed() -> bool:
        publisher.publish(Envelope("in/x", "o", "warm"))
        return out.recv(True, 0.05) is not None

    eventually(relayed)
    for number in range(1000):
        publisher.publish(Envelope("in/x", "o", {"number": number}))
    got = [envelope for envelope in take_until_last(out) if envelope.data != "warm"]
    node.stop()
    thread.join(support.PATIENCE)
    assert not thread.is_alive()
    assert [envelope.data["number"] for envelope in got] == list(range(1000))
    assert {(envelope.topic, envelope.origin) for envelope in got} == {("RAW/relay", "relay")}


def take_until_last(receiver: hermes.Receiver) -> list[Envelope]:
    taken: list[Envelope] = []
    while not taken or taken[-1].data != {"number": 999}:
        taken += take(receiver, 1)
    return taken


@pytest.mark.item("node-run")
def test_a_subclass_may_have_a_loop_of_its_own(life: ExitStack, office: hermes.PostOffice) -> None:
    class Doubler(Node):
        def run(self) -> None:
            while self._running:
                envelope = self.recv()
                if envelope:
                    self.publish("DOUBLE", 2 * envelope.data)
                time.sleep(0.001)

    publisher, receiver = support.pair(life, office, topics="DOUBLE/")
    node = Doubler(
        "twice",
        hermes.Receiver(office.xpub_url, "twice", topics="one"),
        hermes.Publisher(office.xsub_url, "twice"),
    )
    life.enter_context(node)
    thread = in_thread(node)

    def doubled() -> Any:
        publisher.publish(Envelope("one", "o", 21))
        return receiver.recv(True, 0.05)

    envelope = eventually(doubled)
    assert (envelope.topic, envelope.data) == ("DOUBLE/twice", 42)
    node.stop()
    thread.join(support.PATIENCE)


@pytest.mark.item("node-with")
def test_with_starts_binds_and_stops() -> None:
    receiver, publisher = Facility(), Facility()
    with Node("me", receiver, publisher) as node:
        assert isinstance(node, Node)
        assert node._running is True
    assert node._running is False
    assert receiver.calls == publisher.calls == ["start", "stop"]
    with pytest.raises(ZeroDivisionError), node:
        raise ZeroDivisionError
    assert receiver.calls[-1] == "stop"


@pytest.mark.item("node-idle")
def test_run_rests_where_the_receiver_does_not_wait() -> None:
    receiver = Facility()
    node = Node("me", receiver, Facility())
    node.start()
    thread = in_thread(node)
    time.sleep(1.0)
    node.stop()
    thread.join(support.PATIENCE)
    assert 5 < len(receiver.calls) < 200


def test_stats_are_those_of_its_facilities(life: ExitStack, office: hermes.PostOffice) -> None:
    publisher, receiver = support.pair(life, office)
    counters = Node("me", receiver, publisher).stats()
    assert (counters["name"], counters["kind"]) == ("me", "node")
    assert counters["receiver"]["kind"] == "receiver"
    assert counters["publisher"]["kind"] == "publisher"
    assert Node("me", Facility()).stats()["receiver"] == {}


# ---- Overridden, patched, replaced -------------------------------------------


def test_with_calls_the_hooks_alone() -> None:
    called = []

    class Hooked(Node):
        def start(self) -> None:
            called.append("start")
            super().start()

        def stop(self) -> None:
            called.append("stop")
            super().stop()

        def _start_facilities(self) -> None:
            called.append("start facilities")
            super()._start_facilities()

        def _stop_facilities(self) -> None:
            called.append("stop facilities")
            super()._stop_facilities()

    facility = Facility()
    with Hooked("me", facility) as node:
        assert node._running
    assert called == ["start facilities", "stop facilities"]
    node.start()
    node.stop()
    assert called[2:] == ["start", "start facilities", "stop", "stop facilities"]
    assert facility.calls == ["start", "stop"] * 2


@pytest.mark.parametrize("action", ["start", "stop"])
def test_the_log_call_has_the_literal_text(monkeypatch: pytest.MonkeyPatch, action: str) -> None:
    said: list[Any] = []
    monkeypatch.setattr("hermes.node.log.error", lambda *arguments: said.append(arguments))
    monkeypatch.setattr("hermes.node.log.exception", lambda error: said.append(type(error)))
    with pytest.raises(ZeroDivisionError):
        getattr(Node("me", Facility(fails=action)), action)()
    assert said == [ZeroDivisionError, (f"Could not {action} all facilities!",)]


def run_until(node: Node, done: Any) -> None:
    """Run a node in a thread until something is so."""
    thread = threading.Thread(target=node.run)
    node._running = True
    thread.start()
    try:
        eventually(done)
    finally:
        node._running = False
        thread.join(support.PATIENCE)
    assert not thread.is_alive()


def test_run_calls_narrow_methods_of_the_instance() -> None:
    node: Any = Node("me")
    waiting = [0, "", None, [], "one", {"two": 2}]
    published: list[Any] = []
    node.recv = lambda: waiting.pop(0) if waiting else None
    node.publish = lambda channel, data: published.append((channel, data))
    run_until(node, lambda: len(published) == 2)
    assert published == [("RAW", "one"), ("RAW", {"two": 2})]


class Unwrapping(Node):
    """Unwraps what run() passes on, as one had to in 1.x."""

    def publish(self, channel: str, data: Any) -> bool:
        assert isinstance(data, Envelope)
        return super().publish(channel + "/2", [data.topic, data.data])


def published(facility: Facility) -> list[Envelope]:
    return [call for call in facility.calls if isinstance(call, Envelope)]


@pytest.mark.parametrize(
    ("kind", "topic", "data"),
    [(Node, "RAW/me", [5, 0]), (Unwrapping, "RAW/2/me", [["a", 5], ["a", 0]])],
)
def test_run_passes_the_envelope_on_and_publish_unwraps_it(
    kind: type[Node], topic: str, data: Any
) -> None:
    receiver, publisher = Facility(), Facility()
    receiver.inbox += [Envelope("a", "b", 5), Envelope("a", "b", 0)]
    run_until(kind("me", receiver, publisher), lambda: len(published(publisher)) == 2)
    assert [(e.topic, e.origin, e.data) for e in published(publisher)] == [
        (topic, "me", value) for value in data
    ]


@pytest.mark.parametrize("where", ["node", "node class", "facility", "facility class", "receiver"])
def test_run_sees_what_is_replaced_in_components_of_ours(
    office: hermes.PostOffice, life: ExitStack, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    publisher, receiver = support.pair(life, office, topics="in")
    inside, _ = support.pair(life, office, "node2", topics="RAW")
    seen: list[Any] = []
    node = Node("me", receiver, publisher)

    def publish(envelope: Any) -> bool:
        seen.append(envelope.data)
        return True

    if where == "node":
        monkeypatch.setattr(node, "publish", lambda channel, data: seen.append(data.data))
    elif where == "node class":
        monkeypatch.setattr(Node, "publish", lambda self, channel, data: seen.append(data.data))
    elif where == "facility":
        monkeypatch.setattr(publisher, "publish", publish)
    elif where == "facility class":
        own = hermes.Publisher.publish
        monkeypatch.setattr(
            hermes.Publisher,
            "publish",
            lambda self, envelope: publish(envelope) if self is publisher else own(self, envelope),
        )
    else:
        take_one = receiver.recv

        def recv(block: bool = False, timeout: Any = None) -> Any:
            envelope = take_one(block, timeout)
            if envelope is not None:
                seen.append(envelope.data)
            return envelope

        monkeypatch.setattr(receiver, "recv", recv)
    for number in range(3):
        assert inside.publish(Envelope("in/x", "o", number))
    run_until(node, lambda: len(seen) == 3)
    assert seen == [0, 1, 2]


def test_publish_many_calls_a_replaced_publish(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    envelopes = [Envelope("t", "o", number) for number in range(3)]
    with hermes.Publisher("tcp://127.0.0.1:9", "p", options={"linger": 0}) as publisher:
        with monkeypatch.context() as patch:
            patch.setattr(hermes.Publisher, "publish", lambda self, e: not seen.append(e))  # type: ignore[func-returns-value]
            assert publisher.publish_many(envelopes) == 3
        with monkeypatch.context() as patch:
            patch.setattr(publisher, "publish", lambda e: not seen.append(e))  # type: ignore[func-returns-value]
            assert publisher.publish_many(envelopes) == 3
        assert seen == 2 * envelopes
        assert publisher.stats()["accepted"] == 0
        publisher.stop(0)


def test_a_node_publishes_the_state_of_its_receiver(
    life: ExitStack, office: hermes.PostOffice
) -> None:
    watcher = life.enter_context(hermes.Receiver(office.xpub_url, "watcher", "$hermes/"))
    often = {"stats.interval": "50ms"}
    receiver = hermes.Receiver(office.xpub_url, "in", "ticks/", options=often)
    publisher = hermes.Publisher(office.xsub_url, "out", options=often)
    life.enter_context(Node("me", receiver, publisher))
    seen: set[str] = set()
    while not {"$hermes/receiver/in/stats", "$hermes/publisher/out/stats"} <= seen:
        envelope = watcher.recv(block=True, timeout=support.PATIENCE)
        assert envelope is not None
        seen.add(envelope.topic)
