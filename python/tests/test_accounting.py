"""The counters add up at every step, whatever happens and whatever a full queue does."""

from __future__ import annotations

import os
import random
from contextlib import ExitStack
from typing import Any

import pytest
import support
from support import ANYWHERE, PATIENCE, eventually

from hermes import Envelope, PostOffice, Publisher, Receiver, _typing

RULES = ["auto", "block", "drop_new", "drop_old", "latest_per_topic", "error"]


def add_up(*components: Any) -> None:
    """Check the sums that the guide promises."""
    for component in components:
        counters = component.stats()
        dropped = sum(n for name, n in counters.items() if name.startswith("dropped_"))
        if isinstance(component, Publisher):
            done = counters["sent"] + counters["queued"] + counters["unwanted"] + dropped
            assert counters["accepted"] == done, counters
        elif isinstance(component, Receiver):
            assert counters["arrived"] == counters["delivered"] + counters["queued"] + dropped
        else:
            passed = counters["out_messages"] + counters["unwanted"] + counters["dropped"]
            assert counters["in_messages"] == passed, counters


@pytest.mark.parametrize("rule", RULES)
def test_the_counters_add_up_at_every_step(rule: str, life: ExitStack) -> None:
    dice = random.Random(rule)
    office = support.start_office(life)
    options = {"queue.full": rule, "queue.messages": 50, "queue.block": "2ms", "ready.hold": "20ms"}
    publisher = life.enter_context(Publisher(office.xsub_url, "writer", options=options))
    del options["ready.hold"]
    receiver = life.enter_context(
        Receiver(office.xpub_url, "reader", on_slow="ignore", options=options)
    )
    accepted = taken = 0
    for _ in range(300):
        what = dice.randrange(8)
        if what < 4:
            for number in range(dice.randrange(60)):
                publisher.publish(Envelope(f"t/{dice.randrange(80)}", "writer", number))
                accepted += 1
        elif what == 4:
            accepted += publisher.publish_many(
                [Envelope("t", "writer", n) for n in range(dice.randrange(60))]
            )
        elif what < 7:
            taken += len(receiver.recv_many(1 + dice.randrange(40)))
        else:
            taken += receiver.recv() is not None
        add_up(publisher, receiver, office)
        assert receiver.stats()["delivered"] == taken
    assert publisher.stats()["accepted"] >= accepted, "what publish_many did not take counts, too"
    publisher.stop()
    if receiver.is_alive() or os.environ.get("HERMES_ENGINE") != "libzmq":
        # libzmq discards what has lost its last subscriber before it reports the loss.
        eventually(lambda: office.stats()["in_messages"] == publisher.stats()["sent"])
    add_up(publisher, receiver, office)


def test_the_newest_of_each_topic_come_through(life: ExitStack) -> None:
    office = support.start_office(life)
    options = {"queue.full": "latest_per_topic", "queue.messages": 5}
    receiver = Receiver(office.xpub_url, "reader", on_slow="ignore", options=options)
    life.enter_context(receiver)
    publisher = life.enter_context(Publisher(office.xsub_url, "writer"))
    assert publisher.wait_ready(PATIENCE)
    for number in range(100):
        publisher.publish(Envelope(f"t/{number % 3}", "writer", number))
    eventually(lambda: receiver.stats()["arrived"] == 100)
    assert [envelope.data for envelope in receiver.recv_many(10)] == [97, 98, 99]
    assert receiver.stats()["dropped_conflated"] == 97


def test_a_receiver_may_stop_rather_than_drop(life: ExitStack) -> None:
    office = support.start_office(life)
    options = {"queue.full": "error", "queue.messages": 5}
    receiver = Receiver(office.xpub_url, "reader", on_slow="ignore", options=options)
    life.enter_context(receiver)
    publisher = life.enter_context(Publisher(office.xsub_url, "writer"))
    assert publisher.wait_ready(PATIENCE)
    for number in range(100):
        publisher.publish(Envelope("t", "writer", number))
    eventually(lambda: not receiver.is_alive())
    assert receiver.stop_reason.startswith("overflow: ")
    assert [envelope.data for envelope in receiver] == [0, 1, 2, 3, 4]


def test_the_bounds_of_a_post_office_change_at_any_time() -> None:
    with PostOffice(ANYWHERE, ANYWHERE) as office:
        office.set_option("queue.messages", 7)
        assert office.get_option("queue.messages") == "7"


def keys(kind: Any) -> set[str]:
    """The keys that the type of the counters declares."""
    return set(kind.__annotations__)


def test_the_types_declare_the_counters_that_there_are() -> None:
    with PostOffice(ANYWHERE, ANYWHERE) as office:
        publisher = Publisher(office.endpoints["in"], "p")
        receiver = Receiver(office.endpoints["out"], "r")
        with publisher, receiver:
            assert publisher.wait_ready(PATIENCE)
            for component, kind in (
                (office, _typing.PostOfficeStats),
                (publisher, _typing.PublisherStats),
                (receiver, _typing.ReceiverStats),
            ):
                assert set(component.stats()) == keys(kind)
            (peer,) = publisher.stats()["peers"]
            assert set(peer) <= keys(_typing.Peer)
            event = next(office.events(PATIENCE))
            assert set(event) <= keys(_typing.Event)
