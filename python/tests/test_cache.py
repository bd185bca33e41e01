"""The post office's cache of last values, with receivers of 1.x, of ours, and bare ones."""

from __future__ import annotations

import json
import os
import subprocess
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
import zmq
from support import ANYWHERE, PATIENCE, Sockets, eventually

import hermes

OURS = {"engine": "zmtp"}  # what a cache needs, and what reads its mark

# A receiver as users of 1.x wrote it; an envelope older than a second stops it.
OLD_RECEIVER = """
import sys, time
from hermes import Receiver
receiver = Receiver(sys.argv[1], "old", topics='"state/')
receiver.start()
while True:
    envelope = receiver.recv()
    if envelope is not None:
        print(envelope.topic, envelope.data, time.time() - envelope.ts < 600, flush=True)
        break
    time.sleep(0.001)
receiver.stop()
"""


def office_with(life: ExitStack, **options: Any) -> hermes.PostOffice:
    """Start a post office that has kept two values, both more than a second old."""
    named = {f"cache.{key}": value for key, value in options.items()}
    office = hermes.PostOffice(ANYWHERE, ANYWHERE, options={**OURS, **named})
    life.enter_context(office)
    publisher = hermes.Publisher(office.endpoints["in"], "sensor", options=OURS)
    with publisher:
        assert publisher.wait_ready(PATIENCE)
        for number in range(3):
            # An array, for 1.x understood no bare number.
            publisher.publish(hermes.Envelope("state/a", "sensor", ["is", number]))
        eventually(lambda: office.stats()["in_messages"] == 3)
    time.sleep(1.2)
    return office


def test_ours_gets_the_last_values_with_their_own_time(life: ExitStack) -> None:
    office = office_with(life, depth=2)
    now = time.time()
    receiver = hermes.Receiver(office.endpoints["out"], "late", topics="state/", options=OURS)
    with receiver:
        for number in (1, 2):
            envelope = receiver.recv(block=True, timeout=PATIENCE)
            assert envelope is not None
            assert envelope.data == ["is", number]
            assert envelope.ts < now - 1
        assert receiver.is_alive(), "what is old is not slow"
        stats = receiver.stats()
        assert (stats["cached"], stats["lost"], stats["duplicates"]) == (2, 0, 0)


def test_a_receiver_of_1x_is_served_where_the_operator_says_so(life: ExitStack) -> None:
    office = office_with(life, depth=1, old="restamp")
    path = os.environ.get("HERMES_OLD_PYTHON", "")
    assert path, "HERMES_OLD_PYTHON must name an interpreter with hermes-zmq 1.3.0"
    environment = support.environment()
    del environment["PYTHONPATH"]
    done = subprocess.run(
        [path, "-c", OLD_RECEIVER, office.endpoints["out"]],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stdout == "state/a ['is', 2] True\n", done.stderr


@pytest.mark.parametrize(("old", "expected"), [("off", []), ("restamp", [["is", 2]])])
def test_a_bare_subscriber_gets_nothing_old_unless_told(
    life: ExitStack, sockets: Sockets, old: str, expected: list[Any]
) -> None:
    office = office_with(life, depth=1, old=old)
    subscriber = sockets.make(zmq.SUB, connect=office.endpoints["out"])
    subscriber.subscribe(b'"state/')
    eventually(lambda: [s["subscriptions"] for s in office.stats()["subscribers"]] == [1])
    with hermes.Publisher(office.endpoints["in"], "sensor", options=OURS) as publisher:
        assert publisher.wait_ready(PATIENCE)
        publisher.publish(hermes.Envelope("state/a", "sensor", "end"))
        got: list[Any] = []
        while not got or got[-1] != "end":
            assert subscriber.poll(PATIENCE * 1000)
            frames = subscriber.recv_multipart()
            assert len(frames) == 4
            got.append(json.loads(frames[2]))
            assert json.loads(frames[3]) > time.time() - 600
    assert got == [*expected, "end"]


def test_a_mark_is_white_space_to_json() -> None:
    assert json.loads(b"1517670000.5\r\r\r\r" + 6 * b" \t\n\r") == 1517670000.5


@pytest.mark.libzmq
def test_a_cache_over_libzmq_is_refused_clearly() -> None:
    office = hermes.PostOffice(ANYWHERE, ANYWHERE, options={"engine": "libzmq", "cache.depth": 1})
    with pytest.raises(hermes.HermesError, match=r"cache\.depth needs the engine zmtp.*libzmq"):
        office.start()
