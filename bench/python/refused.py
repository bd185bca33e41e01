"""A receiver that waits until it is ready, for cmd/refusals.

It takes an address, and options as pairs of arguments; it prints when it began and when it knew, in
nanoseconds since 1970.
"""

import sys
import time

import hermes

address, *words = sys.argv[1:]
receiver = hermes.Receiver(address, "client", options=dict(zip(words[::2], words[1::2])))
start = time.time_ns()
receiver.start()
try:
    receiver.wait_ready(60)
except PermissionError:
    pass
print(start, time.time_ns())
receiver.stop()
