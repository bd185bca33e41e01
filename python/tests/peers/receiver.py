"""A receiver written to hermes 1.x, for either version.

receiver.py ADDRESS: prints "ready" with the first mix/sync, and at the first mix/end
the mix/data that came between, as JSON.
"""

import json
import sys
import time

from hermes import Receiver

# The topic as 1.x needs it: the raw prefix of the frame.
receiver = Receiver(sys.argv[1], "reader", topics='"mix/', exchanges=["mint"])
receiver.timeout = 600
receiver.start()
got = []
ready = False
while True:
    envelope = receiver.recv()
    if envelope is None:
        time.sleep(0.001)
        continue
    assert envelope.origin == "mint"
    assert abs(time.time() - envelope.ts) < 600
    if envelope.topic == "mix/sync":
        if not ready:
            print("ready", flush=True)
        ready = True
    elif envelope.topic == "mix/end":
        break
    else:
        got.append([envelope.topic, envelope.data])
print(json.dumps(got), flush=True)
receiver.stop()
