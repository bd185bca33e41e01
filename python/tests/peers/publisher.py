"""A publisher written to hermes 1.x, for either version.

publisher.py ADDRESS COUNT: publishes on mix/sync until a line comes in, then COUNT
envelopes on mix/data and as many on other/data, then mix/end until the input ends.
"""

import sys
import threading
import time

from hermes import Envelope, Publisher

address, count = sys.argv[1], int(sys.argv[2])
lines = threading.Semaphore(0)
ended = threading.Event()


def listen():
    for _line in sys.stdin:
        lines.release()
    ended.set()


threading.Thread(target=listen, daemon=True).start()
publisher = Publisher(address, "mint")
publisher.start()
while not publisher.publish(Envelope("mix/sync", "mint", "sync")):
    time.sleep(0.01)
while not lines.acquire(timeout=0.02):
    publisher.publish(Envelope("mix/sync", "mint", "sync"))
for number in range(count):
    assert publisher.publish(Envelope("other/data", "mint", ["not", "for", "you"]))
    assert publisher.publish(
        Envelope("mix/data", "mint", ["number", number, {"é": [None, True, 1.5, "\U0001f680"]}])
    )
while not ended.wait(0.02):
    publisher.publish(Envelope("mix/end", "mint", ["end"]))
publisher.stop()
