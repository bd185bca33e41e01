"""What a publisher sends: envelopes on their way into the native library."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from hermes import _native, errors
from hermes._native import PublisherCore
from hermes.structs import Envelope, Message, dump

if TYPE_CHECKING:
    _Queue = queue.Queue[Any]
else:
    _Queue = queue.Queue

#: The codes that mean: not taken, and nothing is wrong with the envelope.
_REFUSED = (_native.EFULL, _native.ESTATE, _native.ESTOPPED, _native.EBADHANDLE)

_PLAIN = Envelope.convert_to_frames

_CHUNK = 256  # envelopes a call of publish_many


class Outbox(_Queue):
    """The attribute ``q`` of a publisher: what is put into it is sent.

    Before the publisher starts it is a plain queue, and is sent then. It stays one for
    a subclass whose ``run`` takes from it and sends on a socket of its own.
    """

    def __init__(self) -> None:
        super().__init__()
        self._core: PublisherCore | None = None

    def open(self, core: PublisherCore) -> None:
        """Send on this native publisher from now on."""
        self._core = core
        while True:
            try:
                send(core, super().get_nowait())
            except queue.Empty:
                return

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Send an envelope, or keep it until the publisher starts."""
        if self._core is None:
            super().put(item, block, timeout)
        elif not send(self._core, item):
            raise queue.Full

    def qsize(self) -> int:
        """How many envelopes are still to be sent."""
        waiting = super().qsize()
        return waiting if self._core is None else waiting + int(self._core.stats()["queued"])

    def empty(self) -> bool:
        """Whether nothing is still to be sent."""
        return self.qsize() == 0


def send(core: PublisherCore, envelope: Envelope) -> bool:
    """Stamp an envelope, write it as JSON, and queue it; False if it was not taken.

    Raises :class:`TypeError` where it cannot be written.
    """
    try:
        if type(envelope).convert_to_frames is _PLAIN:
            envelope.update_ts()
            topic, origin = envelope.topic, envelope.origin
            data = dump(envelope.data)
        else:
            frames = envelope.convert_to_frames()
            topic, origin = json.loads(frames[0]), json.loads(frames[1])
            data = bytes(frames[2])
    except (ValueError, RecursionError) as error:
        raise errors.DataError(f"data of {envelope.topic!r} is not JSON: {error}") from error
    except AttributeError as error:
        raise TypeError(f"an Envelope is needed, not {type(envelope).__name__}: {error}") from error
    try:
        code = core.publish(topic.encode(), origin.encode(), data)
    except UnicodeEncodeError:
        # Python's strings can hold what UTF-8 cannot; JSON's escapes can.
        text = f"[[{json.dumps(topic)},{json.dumps(origin)},".encode() + data + b"]]"
        code, _ = core.publish_batch(text)
    except AttributeError:
        raise TypeError(
            f"topic and origin must be str, not {type(topic).__name__} and {type(origin).__name__}"
        ) from None
    if code == _native.OK:
        return True
    if code in _REFUSED:
        return False
    core.check(code)
    return False


def send_many(core: PublisherCore, envelopes: Iterable[Envelope]) -> int:
    """As :func:`send` for many, in order; how many were taken before one was refused."""
    iterator = iter(envelopes)
    taken = 0
    while chunk := list(islice(iterator, _CHUNK)):
        count = _send_chunk(core, chunk)
        taken += count
        if count < len(chunk):
            break
    return taken


def _send_chunk(core: PublisherCore, chunk: Sequence[Envelope]) -> int:
    try:
        text = json.dumps([_row(envelope) for envelope in chunk]).encode()
    except (TypeError, ValueError, AttributeError, RecursionError):
        return _send_singly(core, chunk)
    code, count = core.publish_batch(text)
    if code == _native.OK or code in _REFUSED:
        return count
    return _send_singly(core, chunk)


def _send_singly(core: PublisherCore, chunk: Sequence[Envelope]) -> int:
    """One by one: for what a batch cannot carry, and to fail at the one that is wrong."""
    for count, envelope in enumerate(chunk):
        if not send(core, envelope):
            return count
    return len(chunk)


def _row(envelope: Envelope) -> list[Any]:
    """What json.dumps writes as ``send`` would; TypeError where only ``send`` can."""
    if type(envelope).convert_to_frames is not _PLAIN:
        raise TypeError("writes itself")
    topic, origin, data = envelope.topic, envelope.origin, envelope.data
    if not (isinstance(topic, str) and isinstance(origin, str)):
        raise TypeError("topic and origin must be str")
    if hasattr(data, "serialize"):
        if not isinstance(data, Message) or type(data).serialize is not Message.serialize:
            raise TypeError("writes itself")
        data = [getattr(data, field) for field in type(data)._fields]
    envelope.update_ts()
    return [topic, origin, data]
