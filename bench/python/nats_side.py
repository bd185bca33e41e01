"""NATS from Python, with nats-py.

    nats_side.py publish  in=HOST:PORT
    nats_side.py receive  out=HOST:PORT

The subject is the topic with dots; the payload one JSON text of the same bytes that
hermes sends as frames: [origin, data, ts].
"""

from __future__ import annotations

import asyncio
import sys
import time
from json import dumps, loads

import nats
import side

SUBJECTS = [topic.replace("/", ".") for topic in side.TOPICS]


async def publish() -> None:
    """The publisher's side."""
    client = await nats.connect(side.IN)
    loop = asyncio.get_running_loop()

    def payload(data: object) -> bytes:
        return dumps((side.ORIGIN, data, time.time())).encode()

    go = loop.run_in_executor(None, side.told_to_go, 3600)
    while not go.done():
        await client.publish(SUBJECTS[0], payload(side.PROBE))
        await client.flush()
        await asyncio.sleep(0.005)
    start = time.monotonic_ns()
    for i in range(side.COUNT):
        await client.publish(SUBJECTS[i % len(SUBJECTS)], payload(side.tick(i)))
    await client.flush(timeout=60)
    side.say(start=start, end=time.monotonic_ns())
    await loop.run_in_executor(None, side.wait_for_end)
    await client.close()


async def receive() -> None:
    """The subscriber's side; nothing may be lost, so without limits on what is pending."""
    client = await nats.connect(side.OUT)
    subscription = await client.subscribe(
        "ticks.>", pending_msgs_limit=sys.maxsize, pending_bytes_limit=sys.maxsize
    )
    check = side.Check()
    try:
        while True:
            message = await subscription.next_msg(timeout=side.SILENCE)
            origin, data, _ = loads(message.data)
            if check.take(message.subject.replace(".", "/"), origin, data):
                break
    except nats.errors.TimeoutError:
        pass
    check.print()
    await asyncio.get_running_loop().run_in_executor(None, side.wait_for_end)
    await client.close()


if __name__ == "__main__":
    asyncio.run({"publish": publish, "receive": receive}[side.ROLE]())
