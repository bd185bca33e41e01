"""Publishing: envelopes on their way into the send queue of the native library.

An envelope goes in marshal's format if possible (`offer`), which converts the least and never
blocks. If the library refuses that, because of what the data is or for want of room, it goes as
JSON text, and the call waits for room as the option ``queue.full`` says. An envelope that
writes itself always goes as text, alone. There is no lock: the library's queue has its own.
"""

from __future__ import annotations

import logging
import marshal
import time
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Callable

from hermes._codec.codec import Codec
from hermes._codec.encode import (
    DUMPS,
    ENCODER,
    FRAMES,
    STAMP,
    fields,
    of_json,
    of_structs,
    patched,
    traced,
    written,
)
from hermes._native.abi import EBADHANDLE, EFULL, EINVAL, EJSON, ESTATE, ESTOPPED, ETIMEOUT, OK
from hermes._native.handles import PublisherCore
from hermes.structs import Envelope

# The envelope was not queued, and nothing is wrong with it.
_REFUSED = (EFULL, ESTATE, ESTOPPED, EBADHANDLE)

#: Codes of `offer` after which the envelope is to be sent as text: nothing has been queued.
FOR_TEXT = (EJSON, ETIMEOUT, EINVAL)

_dumps = marshal.dumps

_CHUNK = 256  # envelopes in one call of the library


def send(core: PublisherCore, codec: Codec, envelope: Envelope) -> bool:
    """Stamp an envelope and queue it; False if it was not queued.

    Raises TypeError if it cannot be written as JSON.
    """
    code = offer(core, codec, envelope)
    if code == OK:
        return True
    return _send_text(core, codec, envelope) if code in FOR_TEXT else settled(core, code)


def offer(core: PublisherCore, codec: Codec, envelope: Envelope) -> int:
    """Try to queue an envelope in marshal's format, without waiting; return the code."""
    if (  # patched(), without the cost of a call
        not codec.marshals
        or Envelope.convert_to_frames is not FRAMES
        or Envelope.update_ts is not STAMP
        or of_structs["json"].dumps is not DUMPS
        or of_json["_default_encoder"] is not ENCODER
    ):
        return EJSON
    try:
        values = _dumps([fields(envelope)], 2)
    except Exception:
        return EJSON
    envelope.ts = time.time()
    return core.offer(values, len(values), None)


def send_traced(core: PublisherCore, codec: Codec, envelope: Envelope, traceparent: str) -> bool:
    """Do what `send` does for an envelope with a trace context."""
    return _send_row(core, traced(codec, envelope, traceparent))


def _send_text(core: PublisherCore, codec: Codec, envelope: Envelope) -> bool:
    """Do what `send` does, as JSON text."""
    return _send_row(core, written(codec, envelope))


def _send_row(core: PublisherCore, row: bytes) -> bool:
    code = core.post(row)
    if code == ETIMEOUT:  # there is no room
        code = core.publish_blocking(row)
    return code == OK or settled(core, code)


def settled(core: PublisherCore, code: int) -> bool:
    """Tell whether an envelope was queued; raise if the envelope is the reason that it was not."""
    if code == OK:
        return True
    if code not in _REFUSED:
        # A row that is not valid has data that is not one JSON value.
        core.check(EJSON if code == EINVAL else code)
    return False


class Progress:
    """How many envelopes of one call were queued, correct after an exception at any instruction.

    The library writes its counts straight into numbers that this object owns.
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: list[Any] = []

    def add(self, count: Any) -> None:
        """Add what is, or will be, the ``value`` of a number."""
        self._counts.append(count)

    def add_one(self) -> None:
        """Add an envelope that is about to be sent, or was finally refused."""
        self._counts.append(_ONE)

    @property
    def count(self) -> int:
        """The number of envelopes that must not be sent again."""
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
    """Do what `send` does for many, in order; return how many were queued before a refusal."""
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
    return _send_at_once(core, codec, chunk, progress, _rows, core.offer_many, _send_texts)


def _rows(rows: list[Any]) -> bytes:
    """Write rows in marshal's format."""
    return _dumps(rows, 2)


def _send_texts(
    core: PublisherCore, codec: Codec, chunk: Sequence[Envelope], progress: Progress
) -> int:
    """Send several envelopes as one text, and wait for room."""
    if core.must_not_block():
        return _send_singly(core, codec, chunk, progress)
    return _send_at_once(core, codec, chunk, progress, codec.rows, core.publish_batch, _send_singly)


def _send_at_once(
    core: PublisherCore,
    codec: Codec,
    chunk: Sequence[Envelope],
    progress: Progress,
    encode: Callable[[list[Any]], Any],
    queue: Callable[[Any, Any], int],
    otherwise: Callable[[PublisherCore, Codec, Sequence[Envelope], Progress], int],
) -> int:
    """Send a chunk encoded as a whole; what cannot go in that way is sent ``otherwise``."""
    try:
        whole = encode([fields(envelope) for envelope in chunk])
    except Exception:
        return otherwise(core, codec, chunk, progress)
    now = time.time()
    for envelope in chunk:
        envelope.ts = now
    queued = core.size()
    progress.add(queued)
    code = queue(whole, queued)
    count: int = queued.value
    if code == OK or code in _REFUSED:
        return count
    return count + otherwise(core, codec, chunk[count:], progress)


def _send_singly(
    core: PublisherCore, codec: Codec, chunk: Sequence[Envelope], progress: Progress
) -> int:
    """Send one by one what a batch cannot carry, and raise at the envelope that is wrong."""
    for count, envelope in enumerate(chunk):
        progress.add_one()
        if not send(core, codec, envelope):
            return count
    return len(chunk)


def send_item(core: PublisherCore, codec: Codec, item: Any) -> bool:
    """Send an item of a queue; if it cannot be written, log that, as the caller is gone."""
    try:
        return send(core, codec, item)
    except (TypeError, ValueError) as error:
        if core.get("state") != "running":
            return False  # nothing is sent any more
        log = logging.getLogger("hermes.publisher")
        log.error("What was put into q cannot be sent: %s", error)
        return True
