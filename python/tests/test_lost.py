"""An envelope tells how many are missing before it; nothing else of it changes."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import time
from contextlib import ExitStack
from typing import Any

import pytest
import zmq
from support import ANYWHERE, PATIENCE, Sockets, endpoint, eventually, take

import hermes
from hermes import Envelope, Receiver

#: Where in a stream the sender is, for the envelopes with gaps that the tests send.
NUMBERS, GAPS = [0, 1, 5, 6, 9, 9], [0, 0, 3, 0, 2, 0]


def numbered(topic: str, data: Any, number: int) -> list[bytes]:
    """The four frames of an envelope with a number, as docs/wire.md has it."""
    value = (0xBEEF << 32) | number
    trailer = "".join(" \t\n\r"[value >> shift & 3] for shift in range(46, -1, -2))
    parts = [json.dumps(part).encode() for part in (topic, "sender", data, time.time())]
    parts[3] += trailer.encode()
    return parts


def with_gaps(sockets: Sockets, life: ExitStack, **of_receiver: Any) -> Receiver:
    """A receiver to which a sender has sent :data:`NUMBERS`."""
    sender = sockets.make(zmq.XPUB, bind=ANYWHERE)
    receiver = Receiver(endpoint(sender), "reader", "t", **of_receiver)
    receiver.timeout = 600
    life.enter_context(receiver)
    assert sender.recv() == b'\x01"t'
    for number in NUMBERS:
        sender.send_multipart(numbered("t", ["Kind", number], number))
    return receiver


def test_recv_tells_what_is_missing(sockets: Sockets, life: ExitStack) -> None:
    receiver = with_gaps(sockets, life)
    taken = take(receiver, len(NUMBERS))
    assert [envelope.lost for envelope in taken] == GAPS
    assert [envelope.data[1] for envelope in taken] == NUMBERS
    counters = receiver.stats()
    assert (counters["lost"], counters["duplicates"]) == (sum(GAPS), 1)


def test_so_do_recv_many_iteration_the_queue_and_a_node(sockets: Sockets, life: ExitStack) -> None:
    def many(receiver: Receiver) -> list[Envelope]:
        taken: list[Envelope] = []
        while len(taken) < len(NUMBERS):
            taken += receiver.recv_many(timeout=PATIENCE)
        return taken

    def node(receiver: Receiver) -> list[Envelope]:
        reader = hermes.Node("n", receiver)
        return [reader.recv(True, PATIENCE) for _ in NUMBERS]

    for way in (
        many,
        node,
        lambda receiver: [envelope for _, envelope in zip(NUMBERS, receiver)],
        lambda receiver: [receiver.q.get(timeout=PATIENCE) for _ in NUMBERS],
    ):
        receiver = with_gaps(sockets, life)
        assert [envelope.lost for envelope in way(receiver)] == GAPS


def test_such_an_envelope_is_like_any_other(sockets: Sockets, life: ExitStack) -> None:
    envelope = take(with_gaps(sockets, life), 3)[2]
    assert envelope.lost == 3
    assert isinstance(envelope, Envelope)
    assert type(envelope).__name__ == "Envelope"
    assert repr(envelope) == (
        f"Envelope(topic='t', origin='sender', data=['Kind', 5], ts={envelope.ts!r})"
    )
    for same in (pickle.loads(pickle.dumps(envelope)), copy.copy(envelope)):
        assert type(same) is Envelope
        assert repr(same) == repr(envelope)
    assert b"_WithMore" not in pickle.dumps(envelope)
    with pytest.raises(AttributeError):
        envelope.more = 1  # type: ignore[attr-defined]


def test_an_envelope_of_ones_own_misses_nothing() -> None:
    assert Envelope("t", "o", 1).lost == 0

    class Mine(Envelope):
        def __init__(self) -> None:
            super().__init__("t", "o", 1)
            self.lost = 7  # as a program of 1.x may have done

    assert Mine().lost == 7


def test_a_gap_is_logged_once_a_second(
    sockets: Sockets, life: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "hermes.receiver")
    receiver = with_gaps(sockets, life)
    take(receiver, len(NUMBERS))
    eventually(lambda: [text for text in caplog.messages if "are lost" in text])
    assert "of topic" in caplog.text
    assert '"t" from "sender"' in caplog.text
