"""From envelopes to what the library takes: [topic, origin, data], as values or as JSON.

Nearly all envelopes are plain, and are written many at a time. Who has an own way of
writing, because it overrides or patches ``convert_to_frames``, ``update_ts``, ``serialize``
or ``_slots``, or is no Envelope at all, is asked for it, once, as 1.x did. A row of that kind
has four elements, the last of which is the time that it wants to have on the wire.
"""

from __future__ import annotations

import json
import time
from typing import Any

from hermes import errors, structs
from hermes._codec import SIMPLE, Codec
from hermes.structs import Envelope, dump, parse, plain_values

#: Of one envelope: topic, origin and data, or that and its time.
Parts = tuple[str, str, Any]

FRAMES = Envelope.convert_to_frames
STAMP = Envelope.update_ts
DUMPS = json.dumps
ENCODER = json._default_encoder  # type: ignore[attr-defined]
of_json = vars(json)
of_structs = vars(structs)  # with the json that it imports, which may be replaced there
_HOOKS = ("convert_to_frames", "update_ts")
_NOW = b"null"  # a time that the library fills in when it sends


def patched() -> bool:
    """Whether somebody has changed how all envelopes are written. Asked for every call."""
    return (
        Envelope.convert_to_frames is not FRAMES
        or Envelope.update_ts is not STAMP
        or of_structs["json"].dumps is not DUMPS
        or of_json["_default_encoder"] is not ENCODER
    )


def parts(envelope: Envelope) -> Parts:
    """Topic, origin and data as a codec takes them; TypeError where only frames will do.

    Not for envelopes while they are :func:`patched`.
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
    """Whether nothing about an envelope of a subclass has ways of its own."""
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

    Raises :class:`TypeError` where it cannot be written.
    """
    if not patched():
        try:
            row = codec.row(*parts(envelope))
        except Exception:
            pass
        else:
            envelope.ts = time.time()
            return row
    return b"[%b]" % b",".join(_frames(codec, envelope))


def _frames(codec: Codec, envelope: Any) -> list[bytes]:
    """The four frames of an envelope, by its own way if it has one."""
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
    """What our ``convert_to_frames`` does, with the codec for the data.

    The time is that of sending, unless ``update_ts`` is not ours either.
    """
    stamp = envelope.update_ts
    stamp()
    is_ours = getattr(stamp, "__func__", None) is STAMP
    data = dump(envelope.data, dumps=codec.dumps)
    if b"\0" in data:  # where C would see the end
        raise errors.DataError(f"data of {envelope.topic!r} is not JSON: there is a NUL in it")
    return [
        structs.write(envelope.topic).encode(),
        structs.write(envelope.origin).encode(),
        data,
        _NOW if is_ours else structs.write(envelope.ts).encode(),
    ]


def _checked(envelope: Any, frames: Any) -> list[bytes]:
    """Frames that somebody else has made, if each is JSON: they go out as they are."""
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
