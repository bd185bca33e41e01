"""hermes: publish and subscribe across processes and machines, on the ZeroMQ protocol.

A :class:`Publisher` hands :class:`Envelope` objects to a :class:`PostOffice`, which
forwards each to the :class:`Receiver` objects that have subscribed to its topic. A
:class:`Node` is a name for a receiver and a publisher. ::

    import hermes

    with hermes.Receiver("tcp://127.0.0.1:6001", "me", topics="ticks/") as receiver:
        for envelope in receiver:
            print(envelope.topic, envelope.data)

The work is done by the native library ``libhermes``, which is loaded when the first
object starts.
"""

from hermes import node, proxy, publisher, receiver, structs
from hermes.errors import HermesError
from hermes.node import Node
from hermes.proxy import PostOffice
from hermes.publisher import Publisher
from hermes.receiver import Receiver
from hermes.structs import Envelope, Message, register

__version__ = "2.0.0"

__all__ = [
    "Envelope",
    "HermesError",
    "Message",
    "Node",
    "PostOffice",
    "Publisher",
    "Receiver",
    "node",
    "proxy",
    "publisher",
    "receiver",
    "register",
    "structs",
]
