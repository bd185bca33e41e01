"""The origins whose envelopes the native library accepts, where a pump filters by origin.

An ``exchanges`` that can change in place, such as a list, is looked at by the receiver's pump
for each envelope. The library filters nothing then, but checks the age of envelopes of the
origins that it was told of.
"""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any, Callable

from hermes import errors
from hermes._arguments import name_text

if TYPE_CHECKING:
    from hermes._native.handles import ReceiverCore
    from hermes._queue.agecheck import AgeCheck, CheckedReceiver


class AcceptedOrigins:
    """The origins that the library of one receiver was told of. Any thread may use it.

    `_lock` guards the set, and is held while the library is told.
    """

    def __init__(self) -> None:
        self._told: set[str | None] = set()  # strings as they are, other values as JSON
        self.reset_lock()

    def reset_lock(self) -> None:
        """Make a new lock, in a forked process."""
        self._lock = threading.RLock()

    def expect(self, receiver: CheckedReceiver) -> None:
        """Count the origins in ``_exchanges`` as told, as `replace` will follow."""
        # One assignment, without the lock, which an exception could leave locked.
        self._told = {_text(origin) for origin in _listed(receiver._exchanges)}

    def replace(self, core: ReceiverCore, receiver: CheckedReceiver) -> None:
        """Tell the library of the origins in ``_exchanges``, in place of earlier ones."""

        def tell() -> bool:
            exchanges = receiver._exchanges
            core.set("origins.filter", "age" if exchanges else "off")
            self._told.clear()
            for origin in _listed(exchanges):
                self._add(core, origin)
            return True

        self._with_lock(tell)

    def add(self, core: ReceiverCore, receiver: CheckedReceiver, wanted: Any, origin: Any) -> bool:
        """Tell the library of one origin; False if it knew, or ``wanted`` was replaced."""
        return self._with_lock(lambda: wanted is receiver._exchanges and self._add(core, origin))

    def _with_lock(self, work: Callable[[], bool]) -> bool:
        # An exception may come between any two instructions, those of a `with` and of the inner
        # `finally` too, so the lock is released in two places; the lock knows its owner.
        lock = self._lock
        try:
            try:
                lock.acquire()
                return work()
            finally:
                while lock._is_owned():  # type: ignore[attr-defined]
                    lock.release()
        finally:
            while lock._is_owned():  # type: ignore[attr-defined]
                lock.release()

    def first_check(self, receiver: CheckedReceiver, envelope: Any, wanted: Any) -> AgeCheck | None:
        """Return the check for the age of an envelope of a wanted origin; None: the library did.

        The library did not if the origin was added to ``_exchanges`` later. It is told now.
        """
        core = receiver._hermes_core
        check: AgeCheck | None = receiver._hermes_received.first_check
        if core is None or check is None or check.over:
            return check
        if not self.add(core, receiver, wanted, envelope.origin):
            return None
        is_number = isinstance(envelope.ts, (int, float))
        # A cache sends envelopes that are old.
        return check if is_number and not core.stats()["cached"] else None

    def _add(self, core: ReceiverCore, origin: Any) -> bool:
        text = _text(origin)
        if text is None or text in self._told:
            return False
        self._told.add(text)
        with contextlib.suppress(errors.HermesError):
            core.accept(name_text(text, "an exchange"))
        return True


def _listed(exchanges: Any) -> list[Any]:
    """Return the origins in ``exchanges``; none if it is of a type that cannot be listed."""
    given = [exchanges] if isinstance(exchanges, str) else exchanges
    if exchanges and isinstance(given, (list, set, frozenset, tuple, dict)):
        return list(given)
    return []


def _text(origin: Any) -> str | None:
    """Return an origin as the library takes it; None if it cannot come on the wire."""
    try:
        return origin if isinstance(origin, str) else json.dumps(origin)
    except (TypeError, ValueError):
        return None
