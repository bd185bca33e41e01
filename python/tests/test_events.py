"""Events of a component can be read, and call back; they are logged as well."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
from support import ANYWHERE, PATIENCE, eventually, free_address

from hermes import Envelope, PostOffice, Publisher, Receiver


def first(component: Any, kind: str) -> dict[str, Any]:
    """The next event of a kind."""
    for event in component.events(PATIENCE):
        if event["kind"] == kind:
            return dict(event)
    raise AssertionError(f"no event of kind {kind}")


def test_connections_come_and_go(life: ExitStack) -> None:
    office = PostOffice(ANYWHERE, ANYWHERE)
    with office:
        inside, outside = office.endpoints["in"], office.endpoints["out"]
        receiver = life.enter_context(Receiver(outside, "reader"))
        publisher = life.enter_context(Publisher(inside, "writer"))
        for component, address in ((receiver, outside), (publisher, inside)):
            assert first(component, "started")["level"] == "info"
            connected = first(component, "connected")
            assert connected["address"] == address
            assert abs(connected["ts"] - time.time()) < 600
        assert {first(office, "connected")["kind"] for _ in range(2)} == {"connected"}
    assert first(receiver, "disconnected")["level"] == "info", "it has ended as it should"
    assert first(receiver, "retrying")["text"]


def test_a_refused_peer_is_named_with_the_reason(life: ExitStack) -> None:
    office = support.start_office(life)
    host, port = office.xsub_url.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"PLAIN".ljust(20, b"\0") + bytes(32)
        connection.sendall(greeting)
        failed = first(office, "handshake_failed")
    assert failed["level"] == "warning"
    assert ": " in failed["text"]


def test_the_iteration_ends_with_the_component_and_with_the_time() -> None:
    publisher = Publisher(free_address(), "writer")
    with publisher:
        assert first(publisher, "started")
        before = time.monotonic()
        assert [n["kind"] for n in publisher.events(0.05) if n["kind"] == "stopped"] == []
        assert time.monotonic() - before >= 0.05
        kinds: list[str] = []
        reader = threading.Thread(
            target=lambda: kinds.extend(n["kind"] for n in publisher.events())
        )
        reader.start()
    reader.join(PATIENCE)
    assert not reader.is_alive()
    assert kinds[-1] == "stopped"
    assert list(publisher.events()) == []


def test_only_the_newest_are_kept() -> None:
    from hermes._events import CAPACITY, EventQueue

    events = EventQueue()
    for number in range(CAPACITY + 10):
        events.add({"count": number})
    assert [event["count"] for event in events.take(0)] == list(range(10, CAPACITY + 10))


def test_a_callback_runs_in_the_thread_of_the_component_and_may_fail(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[tuple[str, str]] = []

    def note(event: dict[str, Any]) -> None:
        seen.append((event.pop("kind"), threading.current_thread().name))
        raise RuntimeError("not well")

    caplog.set_level(logging.INFO, "hermes.publisher")
    with Publisher(free_address(), "writer", on_event=note) as publisher:
        eventually(lambda: seen)
        assert first(publisher, "started"), "what the callback does to its copy is its own affair"
    eventually(lambda: [kind for kind, _ in seen if kind == "stopped"])
    assert {name for _, name in seen} == {"writer"}
    assert "not well" in caplog.text
    assert "started at" in caplog.text, "the log goes on"


def test_every_kind_of_component_takes_a_callback() -> None:
    kinds: list[str] = []
    office = PostOffice(ANYWHERE, ANYWHERE, on_event=lambda e: kinds.append("office " + e["kind"]))
    with office:
        reader = Receiver(
            office.endpoints["out"], "r", on_event=lambda e: kinds.append("reader " + e["kind"])
        )
        with reader:
            eventually(lambda: {"office connected", "reader connected"} <= set(kinds))


def test_the_reason_of_a_stop_can_be_read(office: PostOffice, life: ExitStack) -> None:
    receiver = Receiver(office.xpub_url, "snail")
    assert receiver.stop_reason == ""
    receiver.timeout = 0.0
    with receiver:
        assert receiver.wait_ready(PATIENCE)
        assert receiver.stop_reason == ""
        publisher = life.enter_context(Publisher(office.xsub_url, "writer"))

        def late() -> bool:
            publisher.publish(Envelope("t", "writer", 1))
            return receiver.stop_reason != ""

        eventually(late)
        assert receiver.stop_reason.startswith("slow: ")
        assert first(receiver, "slow")["level"] == "error"
    stopped = Publisher(free_address(), "writer")
    with stopped:
        pass
    assert stopped.stop_reason == "stop"


def test_a_forked_child_finds_no_notices_of_its_parent() -> None:
    with Publisher(free_address(), "writer") as publisher:
        first(publisher, "started")
        child = os.fork()
        if child == 0:
            os._exit(0 if list(publisher.events()) == [] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_full_queue_is_announced() -> None:
    options = {"queue.messages": 1, "queue.full": "drop_new", "ready.hold": "1h"}
    with Publisher(free_address(), "writer", options=options) as publisher:
        assert publisher.publish(Envelope("t", "writer", 1))
        assert publisher.publish(Envelope("t", "writer", 2)), "that it may be dropped was agreed"
        assert first(publisher, "overflow")["count"] == 1
        counters = publisher.stats()
        assert (counters["accepted"], counters["queued"], counters["dropped_full"]) == (2, 1, 1)
        publisher.stop(0)
    options["queue.full"] = "error"
    with Publisher(free_address(), "writer", options=options) as publisher:
        assert publisher.publish(Envelope("t", "writer", 1))
        assert not publisher.publish(Envelope("t", "writer", 2))
        publisher.stop(0)


@pytest.mark.parametrize("problem", [SystemExit, KeyboardInterrupt, GeneratorExit, ValueError])
def test_nothing_that_on_event_raises_ends_a_component(
    problem: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    kinds: list[str] = []

    def note(event: dict[str, Any]) -> None:
        kinds.append(event["kind"])
        raise problem("from on_event")

    publisher = Publisher(free_address(), "writer", on_event=note)
    with publisher:
        eventually(lambda: "retrying" in kinds)
        assert publisher.is_alive()
        assert publisher.get_option("state") == "running"
    assert not publisher.is_alive()
    assert kinds[-1] == "stopped"
    failures = [r for r in caplog.records if "on_event failed" in r.getMessage()]
    assert len(failures) == len(kinds)
    assert all(r.exc_info and r.exc_info[0] is problem for r in failures)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_component_whose_thread_dies_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    def strike(*_: object) -> None:
        raise SystemExit

    publisher = Publisher(free_address(), "writer")
    monkeypatch.setattr(logging.getLogger("hermes.publisher"), "log", strike)
    publisher.start()
    threading.Thread.join(publisher, PATIENCE)
    assert not publisher.is_alive()
    assert publisher.get_option("state") == "stopped"
    publisher.stop()


def test_on_event_may_stop_its_own_component(life: ExitStack) -> None:
    office = support.start_office(life)
    problems: list[BaseException] = []
    made: list[Any] = []

    def note(event: dict[str, Any]) -> None:
        if event["kind"] not in ("started", "connected"):
            return
        try:
            made[-1].stop()
        except BaseException as error:
            problems.append(error)

    for make in (
        lambda: Publisher(office.xsub_url, "writer", on_event=note),
        lambda: Receiver(office.xpub_url, "reader", on_event=note),
        lambda: PostOffice(ANYWHERE, ANYWHERE, on_event=note),
    ):
        made.append(make())
        made[-1].start()
        threading.Thread.join(made[-1], PATIENCE)
        assert not made[-1].is_alive()
        assert made[-1].get_option("state") == "stopped"
        made[-1].stop()
    assert problems == []


def test_two_components_may_stop_each_other() -> None:
    pair: list[Any] = []
    both = threading.Barrier(2)

    def stopper(other: int) -> Any:
        def note(event: dict[str, Any]) -> None:
            if event["kind"] == "started":
                both.wait(PATIENCE)
                pair[other].stop()

        return note

    pair += [Publisher(free_address(), str(n), on_event=stopper(1 - n)) for n in range(2)]
    for component in pair:
        component.start()
    for component in pair:
        threading.Thread.join(component, PATIENCE)
        assert not component.is_alive()
