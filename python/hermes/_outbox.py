"""What a publisher sends: envelopes on their way into the native library."""

from __future__ import annotations

import marshal
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from hermes import _native
from hermes._codec import Codec
from hermes._native import PublisherCore
from hermes._rows import DUMPS, ENCODER, FRAMES, STAMP, of_json, of_structs, parts, patched, written
from hermes.structs import Envelope

#: The codes that mean: not taken, and nothing is wrong with the envelope.
_REFUSED = (_native.EFULL, _native.ESTATE, _native.ESTOPPED, _native.EBADHANDLE)

#: Codes of :func:`offer` that mean: nothing has happened, try it as a text, or wait.
FOR_TEXT = (_native.EJSON, _native.ETIMEOUT, _native.EINVAL)

_dumps = marshal.dumps

_CHUNK = 256  # envelopes a call of publish_many


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
    if (  # patched(), without the cost of a call
        not codec.marshals
        or Envelope.convert_to_frames is not FRAMES
        or Envelope.update_ts is not STAMP
        or of_structs["json"].dumps is not DUMPS
        or of_json["_default_encoder"] is not ENCODER
    ):
        return _native.EJSON
    try:
        values = _dumps([parts(envelope)], 2)
    except Exception:
        return _native.EJSON
    envelope.ts = time.time()
    return core.offer(values, len(values), None)


def _send_text(core: PublisherCore, codec: Codec, envelope: Envelope) -> bool:
    """:func:`send` by way of a text."""
    row = written(codec, envelope)
    code = core.post(row)
    if code == _native.ETIMEOUT:  # there is no room, so wait for some
        code = core.publish_patiently(row)
    return code == _native.OK or settled(core, code)


def settled(core: PublisherCore, code: int) -> bool:
    """Whether an envelope was taken; raises where it is its own fault that it was not."""
    if code == _native.OK:
        return True
    if code not in _REFUSED:
        # What is not the row that it should be has something else than one value as its data.
        core.check(_native.EJSON if code == _native.EINVAL else code)
    return False


class Progress:
    """How far the envelopes of one call have got, known after an exception at any instruction.

    The library writes how many it has queued to where this object is.
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: list[Any] = []

    def add(self, count: Any) -> None:
        """Count what is, or will be, the ``value`` of a number too."""
        self._counts.append(count)

    def add_one(self) -> None:
        """Count an envelope that is about to be sent, or was refused for good."""
        self._counts.append(_ONE)

    @property
    def count(self) -> int:
        """How many envelopes must not be sent again."""
        return sum(count.value for count in self._counts)


class _One:
    value = 1


_ONE = _One()


def send_many(
    core: PublisherCore,
    codec: Codec,
    envelopes: Iterable[Envelope],
    progress: Progress,
) -> int:
    """As :func:`send` for many, in order; how many were taken before one was refused."""
    iterator = iter(envelopes)
    taken = 0
    while chunk := list(islice(iterator, _CHUNK)):
        count = _send_chunk(core, codec, chunk, progress)
        taken += count
        if count < len(chunk):
            break
    return taken


def _send_chunk(
    core: PublisherCore, codec: Codec, chunk: Sequence[Envelope], progress: Progress
) -> int:
    if patched():
        return _send_singly(core, codec, chunk, progress)
    if not codec.marshals:
        return _send_texts(core, codec, chunk, progress)
    try:
        values = _dumps([parts(envelope) for envelope in chunk], 2)
    except Exception:
        return _send_texts(core, codec, chunk, progress)
    _stamp(chunk)
    queued = core.size()
    progress.add(queued)
    code = core.offer_many(values, queued)
    count: int = queued.value
    if code == _native.OK or code in _REFUSED:
        return count
    return count + _send_texts(core, codec, chunk[count:], progress)


def _send_texts(
    core: PublisherCore, codec: Codec, chunk: Sequence[Envelope], progress: Progress
) -> int:
    """The same by way of a text, which waits for room."""
    if core.must_look_up():
        return _send_singly(core, codec, chunk, progress)
    try:
        text = codec.rows([parts(envelope) for envelope in chunk])
    except Exception:
        return _send_singly(core, codec, chunk, progress)
    _stamp(chunk)
    queued = core.size()
    progress.add(queued)
    code = core.publish_batch(text, queued)
    count: int = queued.value
    if code == _native.OK or code in _REFUSED:
        return count
    return count + _send_singly(core, codec, chunk[count:], progress)


def _stamp(chunk: Sequence[Envelope]) -> None:
    now = time.time()
    for envelope in chunk:
        envelope.ts = now


def _send_singly(
    core: PublisherCore, codec: Codec, chunk: Sequence[Envelope], progress: Progress
) -> int:
    """One by one: for what a batch cannot carry, and to fail at the one that is wrong."""
    for count, envelope in enumerate(chunk):
        progress.add_one()
        if not send(core, codec, envelope):
            return count
    return len(chunk)
