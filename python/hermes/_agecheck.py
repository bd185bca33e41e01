"""The age of received envelopes, where Python judges it and not the native library.

As a rule the library compares the time on the wire with ``timeout``, on arrival. Where a
program has put a ``load_from_frames`` of its own in place, the time that this gives counts, as
in 1.x; so the library passes everything on, and the pump of the receiver asks here.
"""

from __future__ import annotations

import logging
import time
import weakref
from typing import TYPE_CHECKING, Any

from hermes._pace import Pace

if TYPE_CHECKING:
    from hermes.receiver import Receiver

_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING}


class AgeCheck:
    """Judges the age of what one receiver takes in. For the thread of its pump alone."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = weakref.ref(receiver)
        self._pace = Pace(1.0)
        #: Whether an envelope was too old, and the receiver stops: no more is taken in.
        self.over = False
        #: Why the receiver stopped; empty if not for this.
        self.reason = ""
        #: How many envelopes were not taken in.
        self.dropped = 0

    def passes(self, envelope: Any) -> bool:
        """Whether the receiver takes an envelope in; stops the receiver if it is to."""
        receiver = self._receiver()
        if receiver is None or self.over:
            self.dropped += 1
            return False
        age = time.time() - float(envelope.ts)
        if not age > receiver.timeout:
            return True
        core = receiver._hermes_core
        rule = "stop" if core is None else core.get("on_slow")
        if rule != "ignore":
            self._tell(receiver, envelope, age, rule)
        if rule in ("ignore", "warn"):
            return True
        self.dropped += 1
        if rule == "stop":
            self.over = True
            receiver._hermes_lower()
            receiver._hermes_stop_native(0)
        return False

    def _tell(self, receiver: Receiver, envelope: Any, age: float, rule: str) -> None:
        """Report an envelope that is too old, at most once a second unless it is the last."""
        topic, origin = getattr(envelope, "topic", ""), getattr(envelope, "origin", "")
        text = (
            f'receiver "{receiver.name}" cannot keep up: an envelope of topic {topic!r} from '
            f"{origin!r} was {age:.3f} s old on arrival, the limit is {receiver.timeout} s"
        )
        if rule == "stop":
            self.reason = f"slow: {text}"
        elif not self._pace.due():
            return
        level = "error" if rule == "stop" else "warning"
        notice = {"kind": "slow", "level": level, "ts": time.time(), "text": text}
        receiver._hermes_notice({**notice, "topic": topic, "origin": origin})
        receiver._hermes_log.log(_LEVELS[level], "%s", text)
