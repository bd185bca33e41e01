"""hermes: publish and subscribe across processes and machines, on the ZeroMQ protocol.

A `Publisher` sends `Envelope` objects to a `PostOffice`, which forwards each to the `Receiver`
objects that have subscribed to its topic. A `Node` is a name for a receiver and a publisher.

The native library ``libhermes`` does the work; it is loaded when the first object starts.

Examples
--------
>>> import hermes
>>> with hermes.Receiver("tcp://127.0.0.1:6001", "screen", topics="ticks/") as receiver:
...     for envelope in receiver:
...         print(envelope.topic, envelope.data)
"""

from typing import TYPE_CHECKING, Any

from hermes import node, proxy, publisher, receiver, structs
from hermes.errors import HermesError
from hermes.node import Node
from hermes.proxy import PostOffice
from hermes.publisher import Publisher
from hermes.receiver import Receiver
from hermes.structs import Envelope, Message, register

if TYPE_CHECKING:
    from hermes.recorder import Recorder

__version__ = "2.0.0"

__all__ = [
    "Envelope",
    "HermesError",
    "Message",
    "Node",
    "PostOffice",
    "Publisher",
    "Receiver",
    "Recorder",
    "node",
    "proxy",
    "publisher",
    "receiver",
    "register",
    "structs",
]


def __getattr__(name: str) -> Any:
    """Import the recorder when it is used: it needs modules that the others do not."""
    if name == "Recorder":
        from hermes.recorder import Recorder

        return Recorder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
