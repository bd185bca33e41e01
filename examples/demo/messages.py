"""What travels in the demo: raw readings of this machine, and what is derived from them."""

import hermes


class Reading(hermes.Message):
    """One reading: a gauge as it stands, or a counter that only grows."""

    __slots__ = ["name", "value", "unit", "kind", "full"]

    def __init__(self, name=None, value=None, unit=None, kind=None, full=0, ts=None):
        super().__init__(ts)
        self.name = name
        self.value = value
        self.unit = unit
        self.kind = kind  # "gauge" or "counter"
        self.full = full  # what a full bar means; 0 where there is no natural limit

    @staticmethod
    def empty():
        """Lets a Receiver turn what arrives back into a Reading."""
        return Reading()


class Derived(hermes.Message):
    """What a reading comes to: its value (a counter's rate) and its moving average.

    Its ts is that of the newest reading in it, so that a receiver can tell how
    long the way from the machine to the eye was.
    """

    __slots__ = ["name", "value", "average", "unit", "full"]

    def __init__(self, name=None, value=None, average=None, unit=None, full=0, ts=None):
        super().__init__(ts)
        self.name = name
        self.value = value
        self.average = average
        self.unit = unit
        self.full = full

    @staticmethod
    def empty():
        """Lets a Receiver turn what arrives back into a Derived."""
        return Derived()
