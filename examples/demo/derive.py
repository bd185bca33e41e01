"""A node between others: derive.py IN OUT. Turns raw readings into rates and averages.

Written to the API of hermes 1.x: a subclass of Node with a loop of its own.
"""

import json
import sys
from collections import defaultdict, deque

import hermes
from messages import Derived

RATE_OVER = 1.0  # seconds that a counter's rate is taken over
AVERAGE_OVER = 5.0  # seconds of the moving average


class Window:
    """The values of the last few seconds."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.values = deque()

    def add(self, ts, value):
        """Take in a value, and forget those that have become too old."""
        self.values.append((ts, value))
        while ts - self.values[0][0] > self.seconds:
            self.values.popleft()

    def rate(self):
        """Return the growth a second."""
        (first_ts, first), (last_ts, last) = self.values[0], self.values[-1]
        return (last - first) / (last_ts - first_ts) if last_ts > first_ts else 0.0

    def mean(self):
        """Return the plain average."""
        return sum(value for _, value in self.values) / len(self.values)


class Derive(hermes.Node):
    """Receives readings, publishes what they come to, until the readings end."""

    def __init__(self, name, receiver, publisher):
        super().__init__(name, receiver, publisher)
        self.counters = defaultdict(lambda: Window(RATE_OVER))
        self.averages = defaultdict(lambda: Window(AVERAGE_OVER))

    def run(self):
        """Relay until the end, which is relayed too."""
        while self._running:
            envelope = self.recv(block=True, timeout=0.5)
            if envelope is None:
                continue
            reading = envelope.data
            if reading.name == "end":
                self.publish("live/end", Derived("end", ts=reading.ts))
                return
            self.publish("live/" + reading.name, self.derive(reading))

    def derive(self, reading):
        """Return the reading's value now and its moving average."""
        value, unit = reading.value, reading.unit
        if reading.kind == "counter":
            counter = self.counters[reading.name]
            counter.add(reading.ts, value)
            value = max(0.0, counter.rate())
            if reading.full:  # a share; its counter and its time are not read at one instant
                value = min(value, reading.full)
            unit = unit if unit == "%" else unit + "/s"
        average = self.averages[reading.name]
        average.add(reading.ts, value)
        return Derived(reading.name, value, average.mean(), unit, reading.full, ts=reading.ts)


def main(to_post_office, from_post_office):
    """Run the node between its two sockets."""
    receiver = hermes.Receiver(from_post_office, "derive", topics=["raw/"])
    receiver.timeout = 10  # a busy machine is no reason to give up
    publisher = hermes.Publisher(to_post_office, "derive")
    node = Derive("derive", receiver, publisher)
    with node:
        print("ready", flush=True)
        node.run()
    print(json.dumps({"receiver": receiver.stats(), "publisher": publisher.stats()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
