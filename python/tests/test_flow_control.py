"""A post office holds back publishers of ZeroMQ itself, which know nothing of it."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
import support
import zmq
from support import ANYWHERE, Sockets

import hermes

COUNT = 20_000
PAYLOAD = b"x" * 2000


@pytest.mark.parametrize("full", ["auto", "block"])
@pytest.mark.parametrize("waits", [True, False], ids=["XPUB_NODROP", "no high-water mark"])
def test_peers_of_pyzmq_lose_nothing_at_a_slow_subscriber(
    full: str, waits: bool, sockets: Sockets, life: ExitStack
) -> None:
    options = {"queue.full": full, "queue.messages": 1000, "queue.block": "600s"}
    if full == "auto":
        options["engine"] = "zmtp"  # libzmq cannot tell whose queue is full, and would drop
    office = life.enter_context(hermes.PostOffice(ANYWHERE, ANYWHERE, options=options))
    subscriber = sockets.make(zmq.SUB)
    subscriber.rcvhwm = 100
    subscriber.subscribe(b"")
    subscriber.connect(office.endpoints["out"])
    publisher = sockets.make(zmq.XPUB)
    if waits:
        publisher.sndhwm = 100
        publisher.setsockopt(zmq.XPUB_NODROP, 1)
    publisher.connect(office.endpoints["in"])
    publisher.recv()  # the subscription

    def publish() -> None:
        for n in range(COUNT):
            publisher.send_multipart([b"topic", b"%d" % n, PAYLOAD])

    publishing = threading.Thread(target=publish)
    publishing.start()
    support.eventually(lambda: office.stats()["throttled_seconds"] > 0, "no publisher is held back")
    for n in range(COUNT):
        assert subscriber.recv_multipart()[1] == b"%d" % n
    publishing.join(support.PATIENCE)
    support.eventually(lambda: office.stats()["in_messages"] >= COUNT)
    counters = office.stats()
    assert (counters["in_messages"], counters["dropped"]) == (COUNT, 0)


def test_one_slow_receiver_loses_nothing_and_the_publisher_waits(life: ExitStack) -> None:
    zmtp = {"engine": "zmtp"}
    office = life.enter_context(hermes.PostOffice(ANYWHERE, ANYWHERE, options=zmtp))
    queue = {**zmtp, "queue.messages": 500, "queue.full": "block", "queue.block": "600s"}
    receiver = hermes.Receiver(office.endpoints["out"], "reader", on_slow="ignore", options=queue)
    life.enter_context(receiver)
    publisher = hermes.Publisher(office.endpoints["in"], "mint", options=queue)
    life.enter_context(publisher)
    assert receiver.wait_ready(support.PATIENCE)
    assert publisher.wait_ready(support.PATIENCE)
    envelopes = (hermes.Envelope("t", "mint", [n, "x" * 1000]) for n in range(COUNT))
    publishing = threading.Thread(target=publisher.publish_many, args=(envelopes,))
    publishing.start()
    kinds = (event["kind"] for event in office.events(timeout=support.PATIENCE))
    assert "throttled" in kinds
    assert office.stats()["publishers"][0]["throttled_seconds"] > 0
    taken = support.take(receiver, COUNT)
    publishing.join(support.PATIENCE)
    assert [envelope.data[0] for envelope in taken] == list(range(COUNT))
    assert receiver.stats()["lost"] == 0
    assert office.stats()["dropped"] == 0
