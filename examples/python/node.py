"""A node that adds up the volume of all ticks: node.py [IN OUT]. Ends on Ctrl-C.

It listens to "ticks/" and publishes the sum so far under "volume/counter".
"""

import sys

import hermes
from hermes import config
from publisher import Tick  # noqa: F401  (known here, so it arrives as a Tick)


class Counter(hermes.Node):
    """A node with a loop of its own; hermes.Node's passes everything on as it is."""

    def run(self):
        """Publish the sum after every tick."""
        total = 0
        while self._running:
            envelope = self.recv(block=True, timeout=0.5)
            if envelope:
                total += envelope.data.volume
                self.publish("volume", total)


to_office, from_office = (
    sys.argv[1:3] if len(sys.argv) > 2 else (config.XSUB_ADDR, config.XPUB_ADDR)
)

node = Counter(
    "counter",
    receiver=hermes.Receiver(from_office, "counter", topics=["ticks/"]),
    publisher=hermes.Publisher(to_office, "counter"),
)
with node:
    print("counting", flush=True)
    try:
        node.run()
    except KeyboardInterrupt:
        pass
