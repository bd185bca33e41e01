"""pyzmq and json, as in a program without hermes.

pyzmq_side.py proxy    in=ADDRESS out=ADDRESS
pyzmq_side.py publish  in=ADDRESS  [aio=1 [uvloop=1]]
pyzmq_side.py receive  out=ADDRESS [aio=1 [uvloop=1]]
"""

from __future__ import annotations

import os
import threading
import time
from json import dumps, loads
from typing import Any

import side
import zmq
import zmq.asyncio


def socket(kind: int, context: Any = None) -> Any:
    """A socket without high-water marks."""
    made = (context or zmq.Context.instance()).socket(kind)
    made.set_hwm(0)
    made.linger = 1000
    return made


def proxy() -> None:
    """zmq.proxy, which is zmq_proxy in C."""
    in_, out = socket(zmq.XSUB), socket(zmq.XPUB)
    in_.bind(side.IN)
    out.bind(side.OUT)
    threading.Thread(target=zmq.proxy, args=(in_, out), daemon=True).start()
    side.wait_for_end()
    os._exit(0)


def publish() -> None:
    """Send tuples of four frames."""
    pub = socket(zmq.XPUB)
    pub.sndhwm = 100_000
    pub.xpub_nodrop = True
    pub.connect(side.IN)
    pub.recv()  # the first subscription
    origin = side.ORIGIN

    def send(topic: str, data: list[Any]) -> None:
        pub.send_multipart(
            (
                dumps(topic).encode(),
                dumps(origin).encode(),
                dumps(data).encode(),
                dumps(time.time()).encode(),
            )
        )

    side.publish_all(send)
    side.wait_for_end()
    pub.close()


async def publish_in_loop() -> None:
    """The same in a task."""
    pub = socket(zmq.XPUB, zmq.asyncio.Context.instance())
    pub.sndhwm = 100_000
    pub.xpub_nodrop = True
    pub.connect(side.IN)
    await pub.recv()  # the first subscription
    origin = side.ORIGIN

    def send(topic: str, data: list[Any]) -> Any:
        return pub.send_multipart([dumps(x).encode() for x in (topic, origin, data, time.time())])

    await side.publish_all_in_loop(send)
    side.wait_for_end()
    pub.close()


async def receive_in_loop() -> None:
    """The same in a task."""
    sub = socket(zmq.SUB, zmq.asyncio.Context.instance())
    sub.subscribe(b"")
    sub.connect(side.OUT)
    check = side.Check()
    done = False
    while not done:
        topic, origin, data, _ = map(loads, await sub.recv_multipart())
        done = check.take(topic, origin, data)
    check.print()
    side.wait_for_end()
    sub.close()


def receive() -> None:
    """Take messages of four frames."""
    sub = socket(zmq.SUB)
    sub.rcvtimeo = int(side.SILENCE * 1000)
    sub.subscribe(b"")
    sub.connect(side.OUT)
    check = side.Check()
    done = False
    while not done:
        try:
            topic, origin, data, _ = map(loads, sub.recv_multipart())
        except zmq.Again:
            break
        done = check.take(topic, origin, data)
    check.print()
    side.wait_for_end()
    sub.close()


if __name__ == "__main__":
    if side.SETTINGS.get("aio") == "1":
        tasks = {"publish": publish_in_loop, "receive": receive_in_loop}
        side.run_loop(tasks[side.ROLE]())
    else:
        {"proxy": proxy, "publish": publish, "receive": receive}[side.ROLE]()
