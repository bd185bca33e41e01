"""The age of received envelopes, where Python checks it and not the native library.

As a rule the library compares the time on the wire with ``timeout`` on arrival. If a program
has replaced ``load_from_frames``, the time that its function gives counts, as in 1.x: the
library passes everything on, and the receiver's pump asks here. The pump also asks here for the
first envelope of an origin that the library was not told of.
"""

from __future__ import annotations

import logging
import time
import weakref
from typing import TYPE_CHECKING, Any, Protocol

from hermes._ratelimit import RateLimit

if TYPE_CHECKING:
    from hermes._typing import Event

    class CheckedReceiver(Protocol):
        """What is needed of a receiver here."""

        name: str
        timeout: float
        _exchanges: Any
        _hermes_core: Any
        _hermes_received: Any
        _hermes_log: logging.Logger

        def _hermes_lower(self) -> None: ...
        def _hermes_stop_native(self, timeout: float | None = ...) -> None: ...
        def _hermes_report(self, event: Event) -> None: ...


_LEVELS = {"error": logging.ERROR, "warning": logging.WARNING}


class AgeCheck:
    """Checks the age of the envelopes of one receiver. Only its pump's thread may use it."""

    def __init__(self, receiver: CheckedReceiver) -> None:
        self._receiver = weakref.ref(receiver)
        self._limit = RateLimit(1.0)
        #: Whether an envelope was too old and stops the receiver; none passes any more.
        self.over = False
        #: Why the receiver has stopped; empty if this check was not the reason.
        self.reason = ""
        #: How many envelopes did not pass.
        self.dropped = 0

    def passes(self, envelope: Any) -> bool:
        """Tell whether the receiver takes an envelope; stop the receiver if ``on_slow`` says so."""
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
            self._report(receiver, envelope, age, rule)
        if rule in ("ignore", "warn"):
            return True
        self.dropped += 1
        if rule == "stop":
            self.over = True
            receiver._hermes_lower()
            receiver._hermes_stop_native(0)
        return False

    def _report(self, receiver: CheckedReceiver, envelope: Any, age: float, rule: str) -> None:
        """Report an envelope that is too old, at most once a second unless it is the last one."""
        topic, origin = getattr(envelope, "topic", ""), getattr(envelope, "origin", "")
        text = (
            f'receiver "{receiver.name}" cannot keep up: an envelope of topic {topic!r} from '
            f"{origin!r} was {age:.3f} s old on arrival, the limit is {receiver.timeout} s"
        )
        if rule == "stop":
            self.reason = f"slow: {text}"
        elif not self._limit.due():
            return
        level = "error" if rule == "stop" else "warning"
        event: Event = {
            "kind": "slow",
            "level": level,
            "ts": time.time(),
            "text": text,
            "topic": topic,
            "origin": origin,
        }
        receiver._hermes_report(event)
        receiver._hermes_log.log(_LEVELS[level], "%s", text)
