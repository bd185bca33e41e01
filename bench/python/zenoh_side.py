"""Zenoh from Python, with eclipse-zenoh.

    zenoh_side.py router   in=tcp/HOST:PORT out=tcp/HOST:PORT
    zenoh_side.py publish  in=tcp/HOST:PORT
    zenoh_side.py receive  out=tcp/HOST:PORT

The key is the topic; the payload one JSON text of the same bytes that hermes sends as
frames: [origin, data, ts].
"""

from __future__ import annotations

import time
from json import dumps, loads
from typing import Any

import side
import zenoh


def open_session(mode: str, **endpoints: list[str]) -> zenoh.Session:
    """A session that connects to the router only."""
    config = zenoh.Config()
    config.insert_json5("mode", dumps(mode))
    config.insert_json5("scouting/multicast/enabled", "false")
    for what, given in endpoints.items():
        config.insert_json5(f"{what}/endpoints", dumps(given))
    return zenoh.open(config)


def router() -> None:
    """Between the two."""
    with open_session("router", listen=[side.IN, side.OUT]):
        side.wait_for_end()


def publish() -> None:
    """The publisher's side. It waits where there is no room: nothing may be lost."""
    with open_session("client", connect=[side.IN], listen=[]) as session:
        keys = {
            topic: session.declare_publisher(
                topic, congestion_control=zenoh.CongestionControl.BLOCK
            )
            for topic in side.TOPICS
        }
        origin = side.ORIGIN

        def send(topic: str, data: list[Any]) -> None:
            keys[topic].put(dumps((origin, data, time.time())))

        side.publish_all(send)
        side.wait_for_end()


def receive() -> None:
    """The subscriber's side."""
    with open_session("client", connect=[side.OUT], listen=[]) as session:
        subscriber = session.declare_subscriber("ticks/**", zenoh.handlers.FifoChannel(10_000))
        check = side.Check()
        for sample in subscriber:
            origin, data, _ = loads(sample.payload.to_bytes())
            if check.take(str(sample.key_expr), origin, data):
                break
        check.print()
        side.wait_for_end()


if __name__ == "__main__":
    {"router": router, "publish": publish, "receive": receive}[side.ROLE]()
