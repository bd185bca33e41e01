"""How long it takes to import hermes, and until a first node can receive and publish.

first_moments.py node in=ADDRESS out=ADDRESS
"""

import sys
import time

addresses = dict(pair.split("=", 1) for pair in sys.argv[2:])

start = time.perf_counter()
import hermes  # noqa: E402 (this is what is measured)

imported = time.perf_counter()
receiver = hermes.Receiver(addresses["out"], "first")
publisher = hermes.Publisher(addresses["in"], "first")
with hermes.Node("first", receiver, publisher):
    ready = receiver.wait_ready(10) and publisher.wait_ready(10)
    up = time.perf_counter()

if not ready:
    raise SystemExit("the node does not get ready")
print(f'{{"import": {(imported - start) * 1e3}, "up": {(up - start) * 1e3}}}', flush=True)
