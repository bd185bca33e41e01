"""An exception at any instruction, as Ctrl-C or a signal handler raises: nothing stuck or twice."""

from __future__ import annotations

import dis
import gc
import itertools
import os
import queue
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Callable

import pytest
import support
from support import PATIENCE, eventually

import hermes
from hermes import Envelope

OURS = str(Path(hermes.__file__).parent)


class Interrupt(BaseException):
    """What the tests throw in."""


def interrupted(call: Callable[[], Any], at: int) -> tuple[bool, Any]:
    """Call with an exception before the instruction number ``at`` of ours; whether it came."""
    seen = 0

    def trace(frame: Any, event: str, _argument: Any) -> Any:
        nonlocal seen
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        # Without the events of lines, CPython from 3.12 on leaves out the first call of a function.
        frame.f_trace_opcodes = True
        if event == "opcode":
            seen += 1
            name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            # The caller cannot be distinguished from one that has got what is returned here.
            returned = name.startswith("RETURN") and frame.f_back.f_code.co_name in (
                "call",
                "<lambda>",
            )
            # From 3.14 on this one, behind a branch, is in no `try`; and no signal comes there.
            passing = name == "NOT_TAKEN"
            if seen >= at and not returned and not passing:
                sys.settrace(None)
                raise Interrupt
        return trace

    sys.settrace(trace)
    try:
        return False, call()
    except Interrupt:
        return True, None
    finally:
        sys.settrace(None)


def every(call: Callable[[], Any]) -> Iterator[Any]:
    """What the call gives, each time interrupted at the next instruction, until at none."""
    at = 1
    while True:
        came, value = interrupted(call, at)
        yield came, value
        if not came:
            return
        at += 1


@pytest.fixture
def pair(life: ExitStack, office: hermes.PostOffice) -> tuple[hermes.Publisher, hermes.Receiver]:
    return support.pair(life, office)


def elsewhere(call: Callable[[], Any]) -> Any:
    """What a call gives in another thread, which must not be stuck."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert results, "another thread is stuck"
    return results[0]


def expect(got: list[int], sent: int, interrupts: int) -> None:
    assert len(got) == len(set(got)), "something came twice"
    assert got == sorted(got)
    assert sent - len(got) <= interrupts, f"{sent - len(got)} of {sent} lost by {interrupts}"


TAKES: dict[str, Callable[[Any, Any], list[Any]]] = {
    "recv": lambda receiver, _: [receiver.recv()],
    "recv waiting": lambda receiver, _: [receiver.recv(True, 5)],
    "recv_many": lambda receiver, _: receiver.recv_many(5, 5),
    "iteration": lambda _, iterator: [next(iterator)],
    "q.get": lambda receiver, _: [receiver.q.get()],
    "q.get_nowait": lambda receiver, _: [receiver.q.get_nowait()],
}


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize("how", TAKES)
def test_taking_may_be_interrupted_at_every_instruction(pair: Any, how: str, watched: bool) -> None:
    publisher, receiver = pair
    if watched:
        receiver.fileno()  # so that every call fetches
    iterator = iter(receiver)
    got: list[int] = []
    sent = interrupts = 0

    def call() -> list[Any]:
        return TAKES[how](receiver, iterator)

    for came, value in every(call):
        interrupts += came
        got += [envelope.data for envelope in value or [] if envelope is not None]
        for _ in range(3):
            publisher.publish(Envelope("t", "o", sent))
            sent += 1
        eventually(lambda: receiver.q.qsize() > 0)
        envelope = elsewhere(lambda: receiver.recv(True, PATIENCE))
        got.append(envelope.data)
    assert interrupts > 10
    eventually(lambda: receiver.stats()["arrived"] >= sent)
    got += [envelope.data for envelope in receiver.recv_many(sent)]
    expect(got, sent, interrupts)
    assert receiver.stats()["delivered"] == sent
    assert receiver.q.qsize() == 0


@pytest.mark.parametrize("name", ["empty", "qsize", "full"])
def test_asking_q_may_be_interrupted_at_every_instruction(pair: Any, name: str) -> None:
    publisher, receiver = pair
    receiver.fileno()
    count = 0
    for _ in every(lambda: getattr(receiver.q, name)()):
        publisher.publish(Envelope("t", "o", count))
        count += 1
    got = [elsewhere(lambda: receiver.recv(True, PATIENCE)).data for _ in range(count)]
    assert got == list(range(count))


@pytest.mark.parametrize("how", ["publish", "publish_many", "q.put"])
@pytest.mark.parametrize("codec", [None, "orjson"])
def test_publishing_may_be_interrupted_at_every_instruction(
    life: ExitStack, office: hermes.PostOffice, how: str, codec: Any
) -> None:
    _, receiver = support.pair(life, office)
    publisher = life.enter_context(hermes.Publisher(office.xsub_url, "p", codec=codec))
    assert publisher.wait_ready(PATIENCE)
    number = interrupts = 0

    def call() -> None:
        nonlocal number
        number += 1
        envelope = Envelope("t", "o", number)
        if how == "publish":
            publisher.publish(envelope)
        elif how == "publish_many":
            publisher.publish_many([envelope])
        else:
            publisher.q.put(envelope)

    for came, _ in every(call):
        interrupts += came
    assert interrupts > 10
    publisher.publish(Envelope("t", "o", "end"))
    got = []
    while (data := support.take(receiver, 1)[0].data) != "end":
        got.append(data)
    expect(got, number, interrupts)


BECOMES: dict[str, Callable[[Any], Any]] = {
    "mutex": lambda receiver: receiver.q.mutex,
    "put": lambda receiver: receiver.q.put(Envelope("t", "o", 3)),
    "_exchanges": lambda receiver: setattr(receiver, "_exchanges", ["o"]),
}


@pytest.mark.one_engine
@pytest.mark.parametrize("how", BECOMES)
def test_becoming_a_queue_of_python_may_be_interrupted_at_every_instruction(
    life: ExitStack, office: hermes.PostOffice, how: str
) -> None:
    publisher = life.enter_context(hermes.Publisher(office.xsub_url, "p"))
    receivers: list[Any] = []
    tells = os.environ.get("HERMES_ENGINE") != "libzmq"  # how many subscriptions a peer has

    def alone() -> bool:
        """Whether the receiver before has gone, and this one has subscribed, at the office."""
        peers = office.stats()["subscribers"]
        return len(peers) == 1 and (peers[0]["subscriptions"] == 1 or not tells)

    def call() -> None:
        BECOMES[how](receivers[-1])

    def fresh() -> None:
        with ExitStack() as one:
            receiver = one.enter_context(hermes.Receiver(office.xpub_url, "r", on_slow="ignore"))
            assert receiver.wait_ready(PATIENCE)
            eventually(alone)
            assert publisher.wait_ready(PATIENCE)
            publisher.publish_many(Envelope("t", "o", number) for number in range(3))
            eventually(lambda: receiver.stats()["arrived"] >= 3)
            receivers.append(receiver)
            one.pop_all()

    def check(came: bool) -> None:
        receiver = receivers.pop()
        if came:
            elsewhere(lambda: [BECOMES[how](receiver)])
        publisher.publish(Envelope("t", "o", "end"))
        got = []
        while (data := elsewhere(lambda: receiver.recv(True, PATIENCE)).data) != "end":
            got.append(data)
        wanted = [0, 1, 2, *([3] if how == "put" else [])]
        assert got[: len(wanted)] == wanted
        assert not came or got[len(wanted) :] in ([], [3])
        receiver.stop()
        assert not receiver.is_alive()

    fresh()
    gc.disable()  # or what others have left is closed in a traced call, and interrupted
    try:
        for came, _ in every(call):
            check(came)
            fresh()
    finally:
        gc.enable()
    receivers.pop().stop()


@pytest.mark.one_engine
def test_a_node_that_relays_may_be_interrupted_at_every_instruction(
    life: ExitStack, office: hermes.PostOffice
) -> None:
    other = life.enter_context(hermes.PostOffice(support.free_address(), support.free_address()))
    publisher, source = support.pair(life, office)
    target, receiver = support.pair(life, other)
    node = hermes.Node("n", source, target)
    sent = interrupts = 0

    def relay() -> None:
        node._running = True
        node._hermes_relay_many()

    def feed() -> None:
        nonlocal sent
        publisher.publish_many(Envelope("t", "o", sent + number) for number in range(3))
        sent += 3
        eventually(lambda: source.stats()["arrived"] >= sent)

    feed()
    for came, _ in every(relay):
        interrupts += came
        while source.q.qsize():
            elsewhere(lambda: [relay()])
        feed()
    relay()
    assert interrupts > 10
    target.publish(Envelope("t", "o", "end"))
    got = []
    while (data := support.take(receiver, 1)[0].data) != "end":
        got.append(data)
    expect(got, sent, interrupts)
    for first in range(0, sent, 3):
        missing = {first, first + 1, first + 2}.difference(got)
        assert len(missing) <= 1, f"one interrupt lost {missing}"


@pytest.mark.one_engine
@pytest.mark.parametrize("way", ["recv", "recv_many", "iteration", "q.get"])
def test_a_timer_that_raises_at_any_moment_loses_one_envelope_each_at_most(
    pair: Any, way: str
) -> None:
    publisher, receiver = pair
    iterator = iter(receiver)
    ways: dict[str, Callable[[], list[Any]]] = {
        "recv": lambda: [receiver.recv(True, 0.05)],
        "recv_many": lambda: receiver.recv_many(50, 0.05),
        "iteration": lambda: [next(iterator)],
        "q.get": lambda: [receiver.q.get(True, 0.05)],
    }
    over = threading.Event()
    sent = 0

    def feed() -> None:
        nonlocal sent
        while not over.is_set():
            sent += publisher.publish_many(Envelope("t", "o", sent + n) for n in range(100))
            while receiver.stats()["arrived"] < sent and not over.is_set():
                time.sleep(0.0001)
            while receiver.q.qsize() > 1000 and not over.is_set():
                time.sleep(0.0001)

    feeder = threading.Thread(target=feed)
    feeder.start()
    got: list[int] = []
    interrupts = 0
    armed = False

    def ring(_signal: int, _frame: Any) -> None:
        nonlocal interrupts, armed
        if armed:
            armed = False
            interrupts += 1
            raise Interrupt

    before = signal.signal(signal.SIGALRM, ring)
    try:
        # Every second call is left alone, so that envelopes come through however slow it is here.
        for call in itertools.count():
            envelopes: list[Any] = []
            try:
                if call % 2 == 0:
                    armed = True
                    signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 200e-6))
                envelopes = ways[way]()
            except (Interrupt, queue.Empty):
                pass
            # Nothing is raised from here on: what was handed over is counted.
            armed = False
            got += [envelope.data for envelope in envelopes if envelope is not None]
            if interrupts >= 500 and call >= 5000:
                break
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        over.set()
    feeder.join(PATIENCE)
    eventually(lambda: receiver.stats()["arrived"] == sent)
    got += [envelope.data for envelope in receiver.recv_many(sent)]
    expect(got, sent, interrupts)
