"""hermes-zmq 1.x, the package that hermes 2 replaces.

    old_side.py office   in=ADDRESS out=ADDRESS
    old_side.py publish  in=ADDRESS  progress=FILE
    old_side.py receive  out=ADDRESS progress=FILE
    old_side.py node     in=ADDRESS out=ADDRESS      a node with its default loop, in peace

Its sockets keep the default high-water marks, and what is above them is lost: at full
speed nearly everything. So its publisher is kept a window of envelopes ahead of its
receiver, which is all that 1.x can do without loss.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import side
from hermes import Envelope, Node, PostOffice, Publisher, Receiver


def office() -> None:
    """The post office."""
    PostOffice(side.IN, side.OUT).start()
    side.wait_for_end()
    os._exit(0)  # its stop() raises without a debug address


def publish() -> None:
    """The publisher's side."""
    publisher = Publisher(side.IN, side.ORIGIN)
    publisher.start()
    window = side.Window(side.SETTINGS["progress"])

    def send(topic: str, data: list[Any]) -> None:
        number = data[4] - side.FIRST
        if number and number % 50 == 0:
            window.wait(number)
        publisher.publish(Envelope(topic, side.ORIGIN, data))

    side.publish_all(send)
    side.wait_for_end()
    publisher.stop()


def receive() -> None:
    """The receiver's side. Its recv never blocks."""
    receiver = Receiver(side.OUT, "receiver")
    receiver.start()
    check, window = side.Check(), side.Window(side.SETTINGS["progress"])
    deadline = time.monotonic() + side.SILENCE
    while time.monotonic() < deadline:
        e = receiver.recv()
        if e is None:
            time.sleep(0.0001)
            continue
        if check.take(e.topic, e.origin, e.data):
            break
        if check.taken % 50 == 0:
            window.note(check.taken)
            deadline = time.monotonic() + side.SILENCE
    check.print()
    side.wait_for_end()
    receiver.stop()


def node() -> None:
    """A node at rest."""
    resting = Node("node", Receiver(side.OUT, "node", topics="nothing"), Publisher(side.IN, "node"))
    resting.start()
    threading.Thread(target=resting.run, daemon=True).start()
    print("ready", flush=True)
    side.wait_for_end()
    os._exit(0)


if __name__ == "__main__":
    {"office": office, "publish": publish, "receive": receive, "node": node}[side.ROLE]()
