"""Converts envelopes to what the library takes: [topic, origin, data], as values or as JSON.

Nearly all envelopes are plain, and are converted many at a time. An envelope that writes itself
(it overrides or patches ``convert_to_frames``, ``update_ts``, ``serialize`` or ``_slots``, or is
not an `Envelope`) is asked for its frames, once, as in 1.x. Its row has four elements; the
last one is the time for the wire.
"""

from __future__ import annotations

import json
import time
from typing import Any

from hermes import errors, structs
from hermes._codec.codec import SIMPLE, Codec
from hermes._codec.layout import plain_values
from hermes.structs import Envelope, dump, parse

#: Topic, origin and data of one envelope.
Fields = tuple[str, str, Any]

FRAMES = Envelope.convert_to_frames
STAMP = Envelope.update_ts
DUMPS = json.dumps
ENCODER = json._default_encoder  # type: ignore[attr-defined]
of_json = vars(json)
of_structs = vars(structs)  # its global json may be replaced by a program
_HOOKS = ("convert_to_frames", "update_ts")
_NOW = b"null"  # the library writes the time when it sends


def patched() -> bool:
    """Tell whether a program has changed how all envelopes are written; checked on every call."""
    return (
        Envelope.convert_to_frames is not FRAMES
        or Envelope.update_ts is not STAMP
        or of_structs["json"].dumps is not DUMPS
        or of_json["_default_encoder"] is not ENCODER
    )


def fields(envelope: Envelope) -> Fields:
    """Return topic, origin and data for a codec; raise TypeError if the envelope writes itself.

    Must not be called while envelopes are `patched`.
    """
    if envelope.__class__ is not Envelope and not _is_plain(envelope):
        raise TypeError("writes itself")
    topic, origin, data = envelope.topic, envelope.origin, envelope.data
    if topic.__class__ is not str or origin.__class__ is not str:
        raise TypeError("topic and origin must be str")
    if data.__class__ not in SIMPLE and hasattr(data, "serialize"):
        data = plain_values(data)
        if data is None:
            raise TypeError("writes itself")
    return topic, origin, data


def _is_plain(envelope: Any) -> bool:
    """Tell whether an envelope of a subclass is written as `Envelope` is."""
    kind = envelope.__class__
    if (
        getattr(kind, "convert_to_frames", None) is not FRAMES
        or kind.update_ts is not STAMP
        or kind.__getattribute__ is not object.__getattribute__
    ):
        return False
    own = getattr(envelope, "__dict__", None)
    return not own or own.keys().isdisjoint(_HOOKS)


def written(codec: Codec, envelope: Any) -> bytes:
    """Stamp an envelope, and write it as a JSON array for hermes_publish_batch().

    Raises TypeError if it cannot be written.
    """
    if not patched():
        try:
            row = codec.row(*fields(envelope))
        except Exception:
            pass
        else:
            envelope.ts = time.time()
            return row
    return b"[%b]" % b",".join(_frames(codec, envelope))


def traced(codec: Codec, envelope: Any, traceparent: str) -> bytes:
    """Do what `written` does for an envelope with a trace context."""
    return b'[%b,"%b"]' % (b",".join(_frames(codec, envelope)), traceparent.encode())


def _frames(codec: Codec, envelope: Any) -> list[bytes]:
    """Return the four frames of an envelope, by its own method if it has one."""
    convert = getattr(envelope, "convert_to_frames", None)
    if convert is None or envelope is Envelope:
        what = "the class itself" if envelope is Envelope else type(envelope).__name__
        raise TypeError(
            f"publish() takes an Envelope, not {what}: make one with "
            "Envelope(topic, origin, data), or hand over an object with a method convert_to_frames"
        )
    if getattr(convert, "__func__", None) is not FRAMES:
        return _checked(envelope, convert())
    try:
        return _as_convert_to_frames(codec, envelope)
    except AttributeError as error:
        raise TypeError(f"the envelope cannot be written: {error}") from error
    except (ValueError, RecursionError) as error:
        topic = getattr(envelope, "topic", "")
        raise errors.DataError(f"data of {topic!r} is not JSON: {error}") from error


def _as_convert_to_frames(codec: Codec, envelope: Envelope) -> list[bytes]:
    """Do what our ``convert_to_frames`` does, with the codec for the data.

    The library writes the time when it sends, unless ``update_ts`` is overridden.
    """
    stamp = envelope.update_ts
    stamp()
    is_ours = getattr(stamp, "__func__", None) is STAMP
    data = dump(envelope.data, dumps=codec.dumps)
    if b"\0" in data:  # C would see the end of the text there
        raise errors.DataError(f"data of {envelope.topic!r} is not JSON: there is a NUL in it")
    return [
        structs.write(envelope.topic).encode(),
        structs.write(envelope.origin).encode(),
        data,
        _NOW if is_ours else structs.write(envelope.ts).encode(),
    ]


def _checked(envelope: Any, frames: Any) -> list[bytes]:
    """Return the frames of a program's ``convert_to_frames`` if each is JSON."""
    whose = f"convert_to_frames of {type(envelope).__name__}"
    try:
        checked = [f.encode() if isinstance(f, str) else bytes(memoryview(f)) for f in frames]
    except TypeError as error:
        raise errors.DataError(f"{whose} did not return frames of bytes: {error}") from error
    if len(checked) != 4:
        raise errors.DataError(f"{whose} returned {len(checked)} frames, and not four")
    for number, frame in enumerate(checked):
        try:
            parse(frame.decode())
        except ValueError as error:
            raise errors.DataError(
                f"{whose} returned a frame {number} that is not JSON: {error}"
            ) from error
    return checked
