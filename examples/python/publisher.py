"""Publishes ten ticks: publisher.py [ADDRESS]."""

import sys

import hermes
from hermes import config


class Tick(hermes.Message):
    """A trade. Its fields travel as a JSON array, in the order of the slots."""

    __slots__ = ["price", "volume"]

    def __init__(self, price=None, volume=None, ts=None):
        super().__init__(ts)
        self.price = price
        self.volume = volume

    @staticmethod
    def empty():
        """Lets a Receiver in a program that knows this class make a Tick of the array."""
        return Tick()


if __name__ == "__main__":
    publisher = hermes.Publisher(sys.argv[1] if len(sys.argv) > 1 else config.XSUB_ADDR, "exchange")
    publisher.start()
    for i in range(10):
        publisher.publish(hermes.Envelope("ticks/BTCUSD", publisher.name, Tick(42000 + i, i / 2)))
    publisher.stop(timeout=5)
