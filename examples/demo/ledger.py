"""Counts the readings that arrive: ledger.py ADDRESS. Ends with the last of them.

Written for a cluster in which something fails: what was published meanwhile arrives late, and
is wanted all the same. What passed while the connection was down comes from the history.
"""

import json
import sys

import hermes

receiver = hermes.Receiver(
    sys.argv[1], "ledger", topics=["raw/"], on_slow="ignore", options={"since": "all"}
)
receiver.start()
receiver.wait_ready(30)
print("ready", flush=True)

received = backward = 0
newest = {}  # by topic, the time of the newest reading
topic = None
while topic != "raw/end":
    envelope = receiver.recv(block=True, timeout=60)
    if envelope is None:
        sys.exit(f"nothing has arrived for a minute, after {received} readings")
    topic = envelope.topic
    received += 1
    backward += envelope.ts < newest.get(topic, 0)
    newest[topic] = envelope.ts
print(json.dumps({"received": received, "backward": backward, **receiver.stats()}), flush=True)
receiver.stop()
