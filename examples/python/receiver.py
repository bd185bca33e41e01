"""Prints every tick: receiver.py [ADDRESS [COUNT]]. Ends after COUNT, or on Ctrl-C."""

import sys

import hermes
from hermes import config
from publisher import Tick  # noqa: F401  (known here, so it arrives as a Tick)

address = sys.argv[1] if len(sys.argv) > 1 else config.XPUB_ADDR
left = int(sys.argv[2]) if len(sys.argv) > 2 else -1

receiver = hermes.Receiver(address, "screen", topics=["ticks/"])
receiver.start()
try:
    while left != 0:
        envelope = receiver.recv(block=True, timeout=1)
        if envelope:
            print(envelope.topic, "from", envelope.origin + ":", envelope.data, flush=True)
            left -= 1
except KeyboardInterrupt:
    pass
finally:
    receiver.stop()
