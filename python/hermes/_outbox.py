"""What a publisher sends: envelopes on their way into the native library."""

from __future__ import annotations

import json
import marshal
import queue
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from hermes import _native, errors
from hermes._codec import SIMPLE, Codec
from hermes._native import PublisherCore
from hermes.structs import Envelope, Message, dump

if TYPE_CHECKING:
    _Queue = queue.Queue[Any]
else:
    _Queue = queue.Queue

#: The codes that mean: not taken, and nothing is wrong with the envelope.
_REFUSED = (_native.EFULL, _native.ESTATE, _native.ESTOPPED, _native.EBADHANDLE)

#: Codes of :func:`offer` that mean: nothing has happened, try it as a text, or wait.
FOR_TEXT = (_native.EJSON, _native.ETIMEOUT, _native.EINVAL)

_dumps = marshal.dumps

_PLAIN = Envelope.convert_to_frames
_MESSAGE = Message.serialize

_CHUNK = 256  # envelopes a call of publish_many


class Outbox(_Queue):
    """The attribute ``q`` of a publisher: what is put into it is sent.

    Before the publisher starts it is a plain queue, and is sent then. It stays one for
    a subclass whose ``run`` takes from it and sends on a socket of its own.
    """

    def __init__(self, codec: Codec) -> None:
        super().__init__()
        self.codec = codec
        self._core: PublisherCore | None = None

    def open(self, core: PublisherCore) -> None:
        """Send on this native publisher from now on."""
        self._core = core
        while True:
            try:
                send(core, self.codec, super().get_nowait())
            except queue.Empty:
                return

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        """Send an envelope, or keep it until the publisher starts."""
        if self._core is None:
            super().put(item, block, timeout)
        elif not send(self._core, self.codec, item):
            raise queue.Full

    def qsize(self) -> int:
        """How many envelopes are still to be sent."""
        waiting = super().qsize()
        return waiting if self._core is None else waiting + int(self._core.stats()["queued"])

    def empty(self) -> bool:
        """Whether nothing is still to be sent."""
        return self.qsize() == 0


def send(core: PublisherCore, codec: Codec, envelope: Envelope) -> bool:
    """Stamp an envelope, write it as JSON, and queue it; False if it was not taken.

    Raises :class:`TypeError` where it cannot be written.
    """
    code = offer(core, codec, envelope)
    if code == _native.OK:
        return True
    return _send_text(core, codec, envelope) if code in FOR_TEXT else settled(core, code)


def offer(core: PublisherCore, codec: Codec, envelope: Envelope) -> int:
    """Try to queue an envelope by way of marshal, without waiting for room; the code."""
    if not codec.marshals:
        return _native.EJSON
    try:
        values = _dumps([parts(envelope)], 2)
    except Exception:
        return _native.EJSON
    envelope.ts = time.time()
    return core.offer(values, len(values), None)


def _send_text(core: PublisherCore, codec: Codec, envelope: Envelope) -> bool:
    """:func:`send` by way of a text."""
    try:
        row = codec.row(*parts(envelope))
    except Exception:
        return _send_oddly(core, codec, envelope)
    envelope.ts = time.time()
    code = core.post(row)
    if code == _native.ETIMEOUT:  # there is no room, so wait for some
        code, _ = core.publish_batch(b"[%b]" % row)
    return code == _native.OK or settled(core, code)


def parts(envelope: Envelope) -> tuple[str, str, Any]:
    """Topic, origin and data as a codec takes them; TypeError where only frames will do."""
    if envelope.__class__ is not Envelope:
        _must_be_plain(envelope)
    topic, origin, data = envelope.topic, envelope.origin, envelope.data
    if topic.__class__ is not str or origin.__class__ is not str:
        raise TypeError("topic and origin must be str")
    if data.__class__ not in SIMPLE and hasattr(data, "serialize"):
        if not isinstance(data, Message) or type(data).serialize is not _MESSAGE:
            raise TypeError("writes itself")
        data = [getattr(data, field) for field in data._hermes_fields]
    return topic, origin, data


def _must_be_plain(envelope: Envelope) -> None:
    """TypeError for a subclass of Envelope that has ways of its own."""
    kind = type(envelope)
    if kind.convert_to_frames is not _PLAIN or kind.update_ts is not Envelope.update_ts:
        raise TypeError("writes itself")


def _send_oddly(core: PublisherCore, codec: Codec, envelope: Envelope) -> bool:
    """Send what writes itself; raise, with a good reason, for what cannot be written."""
    topic, origin, data = _texts(codec, envelope)
    try:
        return settled(core, core.publish(topic.encode(), origin.encode(), data))
    except UnicodeEncodeError:
        # Python's strings can hold what UTF-8 cannot; JSON's escapes can.
        code, _ = core.publish_batch(b"[%b]" % _joined(topic, origin, data))
        return settled(core, code)


def written(codec: Codec, envelope: Envelope) -> bytes:
    """Stamp an envelope, and write it as the JSON array [topic, origin, data].

    Raises :class:`TypeError` where it cannot be written.
    """
    try:
        row = codec.row(*parts(envelope))
    except Exception:
        row = _joined(*_texts(codec, envelope))
    else:
        envelope.ts = time.time()
    return row


def _joined(topic: str, origin: str, data: bytes) -> bytes:
    if b"\0" in data:  # where C would see the end
        raise errors.DataError(f"data of {topic!r} is not JSON: there is a NUL in it")
    return b"[%b,%b,%b]" % (json.dumps(topic).encode(), json.dumps(origin).encode(), data)


def _texts(codec: Codec, envelope: Envelope) -> tuple[str, str, bytes]:
    """Topic, origin, and data as JSON, of any envelope; stamps it."""
    try:
        if type(envelope).convert_to_frames is _PLAIN:
            envelope.update_ts()
            topic, origin = envelope.topic, envelope.origin
            data = dump(envelope.data, dumps=codec.dumps)
        else:
            frames = envelope.convert_to_frames()
            topic, origin = json.loads(frames[0]), json.loads(frames[1])
            data = bytes(frames[2])
    except (ValueError, RecursionError) as error:
        raise errors.DataError(f"data of {envelope.topic!r} is not JSON: {error}") from error
    except AttributeError as error:
        raise TypeError(_no_envelope(envelope, error)) from error
    if not (isinstance(topic, str) and isinstance(origin, str)):
        raise TypeError(
            f"topic and origin must be str, not {type(topic).__name__} and {type(origin).__name__}"
        )
    return topic, origin, data


def _no_envelope(given: Any, error: AttributeError) -> str:
    """What to say to who publishes something else, or an envelope that misses something."""
    if given is Envelope:
        what = "the class Envelope itself"
    elif isinstance(given, Envelope) or hasattr(given, "convert_to_frames"):
        return f"the envelope cannot be written: {error}"
    else:
        what = type(given).__name__
    return (
        f"publish() takes an Envelope, not {what}: "
        "hand it over as the data of one, Envelope(topic, origin, data)"
    )


def settled(core: PublisherCore, code: int) -> bool:
    """Whether an envelope was taken; raises where it is its own fault that it was not."""
    if code == _native.OK:
        return True
    if code not in _REFUSED:
        core.check(code)
    return False


def send_many(core: PublisherCore, codec: Codec, envelopes: Iterable[Envelope]) -> int:
    """As :func:`send` for many, in order; how many were taken before one was refused."""
    iterator = iter(envelopes)
    taken = 0
    while chunk := list(islice(iterator, _CHUNK)):
        count = _send_chunk(core, codec, chunk)
        taken += count
        if count < len(chunk):
            break
    return taken


def _send_chunk(core: PublisherCore, codec: Codec, chunk: Sequence[Envelope]) -> int:
    if not codec.marshals:
        return _send_texts(core, codec, chunk)
    try:
        values = _dumps([parts(envelope) for envelope in chunk], 2)
    except Exception:
        return _send_texts(core, codec, chunk)
    _stamp(chunk)
    code, count = core.offer_many(values)
    if code == _native.OK or code in _REFUSED:
        return count
    return count + _send_texts(core, codec, chunk[count:])


def _send_texts(core: PublisherCore, codec: Codec, chunk: Sequence[Envelope]) -> int:
    """The same by way of a text, which waits for room."""
    try:
        text = codec.rows([parts(envelope) for envelope in chunk])
    except Exception:
        return _send_singly(core, codec, chunk)
    _stamp(chunk)
    code, count = core.publish_batch(text)
    if code == _native.OK or code in _REFUSED:
        return count
    return _send_singly(core, codec, chunk)


def _stamp(chunk: Sequence[Envelope]) -> None:
    now = time.time()
    for envelope in chunk:
        envelope.ts = now


def _send_singly(core: PublisherCore, codec: Codec, chunk: Sequence[Envelope]) -> int:
    """One by one: for what a batch cannot carry, and to fail at the one that is wrong."""
    for count, envelope in enumerate(chunk):
        if not send(core, codec, envelope):
            return count
    return len(chunk)
