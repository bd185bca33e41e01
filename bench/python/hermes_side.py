"""hermes from Python.

hermes_side.py publish  in=ADDRESS  [many=1 | aio=1 [uvloop=1]]
hermes_side.py receive  out=ADDRESS [many=1 | aio=1 [uvloop=1]]
"""

from __future__ import annotations

import itertools

import hermes
import side
from hermes import Envelope

#: How much goes into one call with many=1.
MOST = 256

#: Whether tasks of an event loop publish and receive.
AIO = side.SETTINGS.get("aio") == "1"


def publish_many(publisher: hermes.Publisher) -> None:
    """Like side.publish_all, in calls of publish_many."""
    while not side.told_to_go(0.005):
        publisher.publish(Envelope(side.TOPICS[0], side.ORIGIN, side.PROBE))
    topics, tick, origin = side.TOPICS, side.tick, side.ORIGIN
    many = len(topics)
    start = side.time.monotonic_ns()
    numbers = iter(range(side.COUNT))
    while chunk := list(itertools.islice(numbers, MOST)):
        publisher.publish_many([Envelope(topics[i % many], origin, tick(i)) for i in chunk])
    side.say(start=start, end=side.time.monotonic_ns())


async def publish_in_loop(publisher: hermes.Publisher) -> None:
    """Like side.publish_all, in a task."""
    origin = side.ORIGIN
    await side.publish_all_in_loop(
        lambda topic, data: publisher.apublish(Envelope(topic, origin, data))
    )


def publish(many: bool) -> None:
    """The publisher's side."""
    options = {"queue.block": "1m"}
    with hermes.Publisher(side.IN, side.ORIGIN, options=options) as publisher:
        if AIO:
            side.run_loop(publish_in_loop(publisher))
        elif many:
            publish_many(publisher)
        else:
            origin = side.ORIGIN
            side.publish_all(lambda topic, data: publisher.publish(Envelope(topic, origin, data)))
        side.wait_for_end()


def receive(many: bool) -> None:
    """The receiver's side."""
    check = side.Check()
    options = {"queue.messages": 1_000_000_000, "queue.bytes": "64GiB"}
    receiver = hermes.Receiver(side.OUT, "receiver", on_slow="ignore", options=options)
    with receiver:
        if AIO:
            side.run_loop(take_in_loop(receiver, check))
        elif many:
            take_many(receiver, check)
        else:
            take_singly(receiver, check)
        check.print()
        side.wait_for_end()


def take_singly(receiver: hermes.Receiver, check: side.Check) -> None:
    """One call of recv for each."""
    while True:
        e = receiver.recv(block=True, timeout=side.SILENCE)
        if e is None or check.take(e.topic, e.origin, e.data):
            return


async def take_in_loop(receiver: hermes.Receiver, check: side.Check) -> None:
    """The loop of a task."""
    async for e in receiver:
        if check.take(e.topic, e.origin, e.data):
            return


def take_many(receiver: hermes.Receiver, check: side.Check) -> None:
    """Calls of recv_many."""
    while batch := receiver.recv_many(MOST, timeout=side.SILENCE):
        for e in batch:
            if check.take(e.topic, e.origin, e.data):
                return


if __name__ == "__main__":
    {"publish": publish, "receive": receive}[side.ROLE](side.SETTINGS.get("many") == "1")
