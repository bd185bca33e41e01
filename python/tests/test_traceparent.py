"""A trace context travels beside the data, and changes nothing for those who do not look."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import time
from contextlib import ExitStack
from typing import Any

import pytest
import support
import zmq
from support import PATIENCE, Sockets, take

import hermes
from hermes import Envelope

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = TRACE[:-2] + "00"


class Loose:
    """A codec of a program."""

    dumps = staticmethod(json.dumps)
    loads = staticmethod(json.loads)


class Stamped(Envelope):
    """Writes its time itself: a second that is just over."""

    def update_ts(self) -> None:
        self.ts = float(int(time.time()) - 1)


def published(publisher: hermes.Publisher) -> int:
    """Publish some with a context and some without; return how many."""
    contexts = [None, TRACE, None, TRACE[:-2] + "ff", UNSAMPLED]
    for data, context in enumerate(contexts):
        assert publisher.publish(Envelope("t", "me", [data]), traceparent=context)
    return len(contexts)


@pytest.mark.parametrize("codec", [None, "orjson", Loose])
def test_a_context_arrives(life: ExitStack, office: hermes.PostOffice, codec: Any) -> None:
    _, receiver = support.pair(life, office, codec=codec)
    publisher = life.enter_context(hermes.Publisher(office.xsub_url, "me", codec=codec))
    assert publisher.wait_ready(PATIENCE)
    taken = take(receiver, published(publisher))
    assert [e.traceparent for e in taken] == [None, TRACE, None, TRACE[:-2] + "ff", None]
    assert [e.data for e in taken] == [[0], [1], [2], [3], [4]]
    assert [e.lost for e in taken] == [0] * 5
    assert all(abs(e.ts - taken[0].ts) < PATIENCE for e in taken)
    assert all(type(e).__name__ == "Envelope" for e in taken)
    assert pickle.loads(pickle.dumps(taken[1])).data == copy.copy(taken[1]).data == [1]


def test_unusual_envelopes_carry_one_too(life: ExitStack, office: hermes.PostOffice) -> None:
    publisher, receiver = support.pair(life, office)
    values = [float("nan"), 1 << 80, "\ud800", None, {"k": "," + " " * 100 + "x"}]
    for data in values:
        assert publisher.publish(Envelope("tü", "me", data), traceparent=TRACE)
        assert publisher.publish(Envelope("tü", "me", data))
    stamped = Stamped("t", "me", 1)
    assert publisher.publish(stamped, traceparent=TRACE)
    taken = take(receiver, 2 * len(values) + 1)
    assert [e.traceparent for e in taken] == [TRACE, None] * len(values) + [TRACE]
    assert taken[2].data == taken[3].data == 1 << 80
    assert taken[-1].ts == stamped.ts == int(stamped.ts)


def test_what_is_no_context_is_refused(life: ExitStack, office: hermes.PostOffice) -> None:
    publisher, _ = support.pair(life, office)
    zero = "00-" + "0" * 32 + TRACE[35:]
    for wrong in ("", "00", TRACE.upper(), "01" + TRACE[2:], TRACE + "-", TRACE + "\n", zero):
        with pytest.raises(ValueError, match="traceparent"):
            publisher.publish(Envelope("t", "me", 1), traceparent=wrong)
        with pytest.raises(ValueError, match="traceparent"):
            asyncio.run(publisher.apublish(Envelope("t", "me", 1), traceparent=wrong))
    with pytest.raises(TypeError, match="traceparent"):
        publisher.publish(Envelope("t", "me", 1), traceparent=TRACE.encode())  # type: ignore[arg-type]
    assert publisher.stats()["accepted"] == 0


def test_tasks_publish_and_receive_it(life: ExitStack, office: hermes.PostOffice) -> None:
    publisher, receiver = support.pair(life, office)

    async def main() -> list[Any]:
        assert await publisher.apublish(Envelope("t", "me", 1), traceparent=TRACE)
        assert await publisher.apublish(Envelope("t", "me", 2), traceparent=UNSAMPLED)
        return [await receiver.arecv(timeout=PATIENCE) for _ in range(2)]

    assert [e.traceparent for e in asyncio.run(main())] == [TRACE, None]


def test_a_gap_and_a_context_are_told_together(life: ExitStack, sockets: Sockets) -> None:
    sender = sockets.make(zmq.XPUB, bind=support.ANYWHERE)
    receiver = hermes.Receiver(support.endpoint(sender), "reader", "t")
    receiver.timeout = 600
    life.enter_context(receiver)
    assert sender.recv() == b'\x01"t'
    white = "".join(" \t\n\r"[int(bits, 4)] for bits in _pairs(TRACE)).encode()
    for number in (0, 3):
        value = (0xBEEF << 32) | number
        trailer = "".join(" \t\n\r"[value >> shift & 3] for shift in range(46, -1, -2)).encode()
        sender.send_multipart([b'"t"', b'"o"', b"1", white + b"%f" % time.time() + trailer])
    assert [(e.lost, e.traceparent) for e in take(receiver, 2)] == [(0, TRACE), (2, TRACE)]


def _pairs(traceparent: str) -> str:
    """The two-bit digits of a context."""
    value = int(traceparent[3:].replace("-", ""), 16)
    return "".join(str(value >> shift & 3) for shift in range(198, -1, -2))
