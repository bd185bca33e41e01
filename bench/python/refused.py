"""A receiver or publisher that waits until it is ready, for cmd/refusals.

It takes its role, an address, and options as pairs of arguments; it prints when it began and when
it knew, in nanoseconds since 1970.
"""

import sys
import time

import hermes

role, address, *words = sys.argv[1:]
make = hermes.Publisher if role == "publisher" else hermes.Receiver
client = make(address, "client", options=dict(zip(words[::2], words[1::2])))
start = time.time_ns()
client.start()
try:
    client.wait_ready(60)
except PermissionError:
    pass
print(start, time.time_ns())
client.stop()
